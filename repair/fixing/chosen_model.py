"""Model selection: shipped, released, a folder with a checkpoint, rules, or what LiteLLM names."""

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.fixing.fixer import FixModels
from repair.language_servers.scheduler import Servers
from repair.messages import shown
from repair.models.made_by import file_sha256
from repair.models.model import Completion, Model, Sampling
from repair.models.shipped import is_shipped, shipped_folder
from repair.prompt.sentinels import PROMPT_VERSION
from repair.synthesis.rules import RULES
from repair.synthesis.rules.model import RulesModel
from repair.user_cache import user_cache
from repair.verification.confidence import Calibration, verifiers_own

if TYPE_CHECKING:
    from repair.synthesis.lm.settings import LanguageModel

LOCAL, RELEASED = "local", "released"
STORE_VARIABLE = "REPAIR_SERVE_STORE"
"""The environment variable with the store of the released model."""
COMPLETIONS = "text-completion-openai"
"""LiteLLM's name of the provider whose models continue the bare prompt."""
SHIPPED = shipped_folder()
"""The folder of the model that the package carries."""
MOST_NEW_TOKENS = 128
"""A repair has some 31 tokens; a sampled answer that never ends holds up all that it is decoded with."""
GREEDY = Sampling(temperature=0, max_new_tokens=MOST_NEW_TOKENS)
SAMPLED = Sampling(temperature=0.8, max_new_tokens=MOST_NEW_TOKENS)
SEARCHED = Sampling(temperature=0, max_new_tokens=MOST_NEW_TOKENS, search=True)

MOST_DECODED = 16
"""Answers that are decoded at one time."""

_WEIGHTS = ("*.safetensors", "*.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """What `--model` and its options say. `url`, `key_variable`: of a model behind an API; `store`: the
    folder or URI of the store whose released model is meant."""

    name: str = LOCAL
    url: str | None = None
    key_variable: str | None = None
    store: str | None = None

    def __post_init__(self) -> None:
        if self.is_remote:
            return
        if self.url or self.key_variable:
            raise ConfigurationError(
                f"the model {shown(self.name)} runs on this machine: an address and a key are those of a"
                " model behind an API, named as LiteLLM does, e.g. openai/gpt-4o"
            )
        if self.name == RELEASED and not self.store:
            raise ConfigurationError(
                "which store's released model is meant? Give its folder or URI by --store, or in"
                f" {STORE_VARIABLE}"
            )
        if self.name not in (LOCAL, RULES, RELEASED) and not Path(self.name).is_dir():
            raise ConfigurationError(
                f"there is no model {shown(self.name)}: expected {LOCAL}, {RELEASED}, {RULES}, a checkpoint's"
                " folder, or a model behind an API, named as LiteLLM does, e.g. openai/gpt-4o"
            )

    @property
    def is_remote(self) -> bool:
        """Whether it is asked over a network: a name with a provider, and no folder."""
        provider, slash, name = self.name.partition("/")
        return bool(slash and name and provider.strip(".~")) and not Path(self.name).is_dir()


@contextmanager
def opened(choice: ModelChoice, servers: Servers, *, tell: Callable[[str], None]) -> Generator[FixModels]:
    """The chosen model, loaded. `tell` is given each question without an answer, with the reason.

    Raises:
        ConfigurationError: it is not there, or its extra is not installed.
    """
    if choice.name == RULES:
        versions = {"model": RULES, **_versions()}
        yield FixModels(RULES, RulesModel(servers), None, versions, verifiers_own())
    elif choice.name == RELEASED:
        from repair.fixing.follower import released_models
        from repair.store.reader import PartitionStore

        yield released_models(PartitionStore(choice.store or ""), local_models)
    elif choice.is_remote and choice.name.startswith(f"{COMPLETIONS}/"):
        yield _completions(choice, tell)
    elif choice.is_remote:
        with _remote(choice, tell) as models:
            yield models
    else:
        yield local_models(_shipped() if choice.name == LOCAL else Path(choice.name))


def local_models(folder: Path) -> FixModels:
    """The checkpoint in `folder`: the likeliest answers that change something, by best-first search."""
    from repair.models.checkpoint import CheckpointModel
    from repair.models.decoding import Decoder

    with extra("local"):
        from transformers.utils import logging

    logging.disable_progress_bar()  # a command's standard error is the user's
    decoder = Decoder(str(folder))
    room = min(MOST_NEW_TOKENS, decoder.context // 2)
    searched = CheckpointModel.of(
        decoder,
        name=folder.name,
        sampling=replace(SEARCHED, max_new_tokens=room),
        batch_size=MOST_DECODED,
        lookup=True,
    )
    identity = {"model": f"sha256:{weights_sha256(folder)}", "dtype": str(decoder.model.dtype)}
    versions = {**identity, **_versions("torch", "transformers")}
    calibration = Calibration.read(folder)
    return FixModels(folder.name, searched, AfterFirst(searched), versions, calibration, rules=True)


@dataclass(frozen=True, slots=True)
class AfterFirst:
    """The answers of a searched model after the first, which was asked for before."""

    model: Model

    @property
    def name(self) -> str:
        return self.model.name

    def prompt(self, sample: Mapping[str, Any]) -> str:
        return self.model.prompt(sample)

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        for answers in self.model.answer(samples, k=k + 1):
            yield answers[1:]


def weights_sha256(folder: Path) -> str:
    """SHA-256 over the names and contents of a checkpoint's weights and settings."""
    digest = hashlib.sha256()
    for file in sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern)):
        digest.update(f"{file.name}\0{file_sha256(file)}\0".encode())
    return digest.hexdigest()


def _shipped() -> Path:
    if is_shipped(SHIPPED):
        return SHIPPED
    raise ConfigurationError(
        "no model is shipped with this package: name one by --model: the folder of a checkpoint (`make model`"
        f" trains one), {RULES}, or a model behind an API, e.g. openai/gpt-4o"
    )


def _completions(choice: ModelChoice, tell: Callable[[str], None]) -> FixModels:
    from repair.synthesis.lm.completions import CompletionsModel

    model = _language_model(choice)
    greedy, sampled = (
        CompletionsModel(model, sampling=sampling, unanswered=tell) for sampling in (GREEDY, SAMPLED)
    )
    return FixModels(choice.name, greedy, sampled, {"model": choice.name, **_versions()}, rules=True)


@contextmanager
def _remote(choice: ModelChoice, tell: Callable[[str], None]) -> Generator[FixModels]:
    from repair.synthesis.lm.model import LmModel
    from repair.synthesis.lm.program import TeacherProgram

    model = _language_model(choice)
    program = TeacherProgram(shots_per_question=0)
    cache = _cache_folder() / "answers.sqlite"
    with ExitStack() as stack:
        greedy, sampled = (
            stack.enter_context(
                LmModel(
                    model, program, cache, sampling=sampling, unanswered=tell, report=lambda progress: None
                )
            )
            for sampling in (GREEDY, SAMPLED)
        )
        versions = {"model": choice.name, **_versions("litellm")}
        yield FixModels(choice.name, greedy, sampled, versions, rules=True)


def _language_model(choice: ModelChoice) -> "LanguageModel":
    from repair.synthesis.lm.settings import LanguageModel

    return LanguageModel(
        model=choice.name, base_url=choice.url, key_variable=choice.key_variable, attempts=3, timeout_s=60
    )


def _cache_folder() -> Path:
    """The folder of the answers that were paid for: a second run shows the same, and pays nothing."""
    folder = user_cache()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _versions(*packages: str) -> dict[str, str]:
    found = {"prompt": PROMPT_VERSION}
    for package in ("repair", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
