"""The models of a date by name: which ones a configuration asks for, and how each is opened.

Tested by `tests/eval_assets/test_predictions.py`.
"""

import json
import re
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from partitions.keys import Key
from repair.errors import ConfigurationError
from repair.models.baselines import EMPTY, HISTORY
from repair.models.checkpoint import BASE_INSTRUCTIONS, CheckpointModel, base_of
from repair.models.made_by import MADE_BY
from repair.models.model import Model, Sampling
from repair.synthesis.lm.model import LmModel
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.rules import RULES
from repair.synthesis.rules.model import RulesModel
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.stages import Input, Stage
from resources.stored_checkpoint import CHECKPOINT, local_checkpoint
from resources.trainer import TrainerResource

MODEL, BASE = "model", "base"
BASELINES = {baseline.name: baseline for baseline in (EMPTY, HISTORY)}
FEW_SHOT = "few_shot_examples"

_LM = re.compile(r"(?:(\S+) )?([012])-shot")


@dataclass(frozen=True, slots=True)
class ChosenModels:
    """Models by the names that they have in tables, in order."""

    names: tuple[str, ...]
    language_models: Mapping[str, tuple[str, int]]
    """Name -> LiteLLM's name, and the number of worked examples."""

    @classmethod
    def of(cls, models: Sequence[str], language_model: LanguageModelResource) -> "ChosenModels":
        """Those that a configuration lists.

        Raises:
            ConfigurationError: one is not known, is named twice, or is a language model and none is
                configured; or there is none.
        """
        names: list[str] = []
        language_models: dict[str, tuple[str, int]] = {}
        for entry in models:
            name = entry
            if match := _LM.fullmatch(entry):
                chosen = match[1] or language_model.language_model().model
                name = f"{chosen} {match[2]}-shot"
                language_models[name] = chosen, int(match[2])
            elif entry not in (MODEL, BASE, RULES, *BASELINES):
                raise ConfigurationError(
                    f"models names {entry!r}: expected {MODEL}, {BASE}, {', '.join(BASELINES)}, {RULES}, or"
                    " 0-shot, 1-shot, 2-shot, also after the name of a language model and a space"
                )
            if name in names:
                raise ConfigurationError(f"models names {name!r} twice: its rows could not be told apart")
            names.append(name)
        if not names:
            raise ConfigurationError(f"models is empty: name one that answers, such as {MODEL}")
        return cls(tuple(names), language_models)

    @property
    def decoded(self) -> bool:
        """Whether a checkpoint or its base is among them."""
        return MODEL in self.names or BASE in self.names

    @property
    def shown_examples(self) -> bool:
        """Whether one of them is shown few-shot examples."""
        return any(shots for _, shots in self.language_models.values())

    def unused(self) -> list[str]:
        """The definitions that answer for none of them, for the fingerprint to leave out."""
        used = {
            CheckpointModel: self.decoded,
            RulesModel: RULES in self.names,
            LmModel: bool(self.language_models),
        }
        return [f"{kind.__module__}:{kind.__name__}" for kind, is_used in used.items() if not is_used]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedModels:
    """Opens the models of a date, one after the other."""

    stage: Stage
    chosen: ChosenModels
    sampling: Sampling
    language_servers: LanguageServersResource
    language_model: LanguageModelResource
    trainer: TrainerResource
    usage: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Language model -> tokens and cost of its answers, once it is closed."""
    failed: Counter[str] = field(default_factory=Counter[str])
    """Language model -> questions without an answer; the run's log says why."""

    @contextmanager
    def open(self, name: str) -> Generator[Model]:
        """The model of this name."""
        if name in BASELINES:
            yield BASELINES[name]
        elif name == RULES:
            yield RulesModel(self.language_servers.servers())
        elif name == MODEL:
            with self._checkpoint() as model:
                yield model
        elif name == BASE:
            yield self._base()
        else:
            with self._lm(name) as model:
                yield model
                self.usage[name] = asdict(model.usage)

    @contextmanager
    def _checkpoint(self) -> Generator[CheckpointModel]:
        source = self._source()
        manifest = self.stage.manifests()[str(source)]
        with local_checkpoint(self.stage.store, manifest, self.trainer) as weights:
            decode = self._decode(checkpoint=str(weights), weights=manifest.data_version)
            yield CheckpointModel(MODEL, decode)

    def _base(self) -> CheckpointModel:
        source = self._source()
        made_by = self.stage.store.read_bytes(
            source.asset,
            source.key.segments(),
            f"{CHECKPOINT}/{MADE_BY}",
            manifest=self.stage.manifests()[str(source)],
        )
        path, revision = base_of(json.loads(made_by), str(source))
        decode = self._decode(checkpoint=path, revision=revision, weights=f"{path}@{revision}")
        return CheckpointModel(BASE, decode, BASE_INSTRUCTIONS)

    def _source(self) -> Input:
        return Input("checkpoint", Key(self.stage.key.date))

    def _decode(self, **weights: Any) -> Any:
        return partial(self.trainer.decode, self.stage.context, sampling=self.sampling, **weights)

    def _lm(self, name: str) -> LmModel:
        model, shots = self.chosen.language_models[name]

        log = self.stage.context.log

        def unanswered(said: str) -> None:
            self.failed[name] += 1
            log.warning("%s", said)

        examples = list(self.stage.rows(FEW_SHOT)) if shots else []
        return LmModel(
            replace(self.language_model.language_model(), model=model),
            TeacherProgram.from_examples(examples, shots_per_question=shots, seed=self.sampling.seed),
            self.language_model.response_cache(),
            sampling=self.sampling,
            unanswered=unanswered,
            report=lambda progress: log.info("%s: %s", name, progress),
        )
