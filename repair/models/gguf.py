"""GGUF conversion: dequantises a Llama's weights into a folder in Hugging Face format, once.

The folder is named by the SHA-256 of the file, appears whole or not at all, and says in `made_by.json` what
came in and what went out. The weights are what the quantised ones stand for, rounded to 16 bits: not those
that were published before they were quantised.

Tested by `tests/repair/models/test_base.py`.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.models.made_by import MADE_BY, file_sha256, write_made_by
from repair.store.atomic import whole_folder

_PACKAGES = ("gguf", "torch", "transformers")


def converted(file: Path, folder: Path, *, origin: Mapping[str, Any], sha256: str | None = None) -> Path:
    """The converted folder of `file` below `folder`, made now if it is not there.

    `origin` is kept in `made_by.json`.

    Raises:
        ConfigurationError: the file's hash is not `sha256`, or it holds no Llama.
    """
    digest = file_sha256(file)
    if sha256 and digest != sha256:
        raise ConfigurationError(
            f"{file} has the sha256 {digest}; expected {sha256}: install the pinned version of its package"
        )
    destination = folder / f"{file.stem}-{digest[:16]}"
    if not (destination / MADE_BY).is_file():
        with whole_folder(str(destination), last=MADE_BY) as pending:
            quantisation = _convert(file, pending)
            made_by = {
                "origin": {**origin, "file": file.name, "sha256": digest},
                "weights": f"dequantised {quantisation}, rounded to bfloat16: not the published weights",
                "files": {path.name: file_sha256(path) for path in sorted(pending.iterdir())},
                "versions": {package: version(package) for package in _PACKAGES},
            }
            write_made_by(pending, made_by)
    return destination


def _convert(file: Path, folder: Path) -> str:
    """Write model and tokenizer to `folder`; the quantisation of most of the file's weights."""
    with extra("local"):
        import torch
        from gguf import GGUFReader
        from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    quantised: Any = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.bfloat16, trust_remote_code=False
    )
    if not isinstance(quantised.config, LlamaConfig):
        raise ConfigurationError(
            f"{file} holds a model of the kind {quantised.config.model_type!r}; expected a Llama"
        )
    # a model that was loaded from GGUF refuses to be saved
    settings = quantised.config.to_dict()
    for name in ("quantization_config", "_model_name_or_path"):
        settings.pop(name, None)
    with torch.device("meta"):
        plain: Any = LlamaForCausalLM(LlamaConfig(**settings))
    plain.load_state_dict(quantised.state_dict(), assign=True)
    plain.tie_weights()
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
    sizes: dict[str, int] = {}
    for tensor in GGUFReader(file).tensors:
        kind = str(tensor.tensor_type.name)
        sizes[kind] = sizes.get(kind, 0) + int(tensor.n_elements)
    return max(sizes, key=lambda kind: sizes[kind])
