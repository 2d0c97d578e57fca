"""Dagster resource of the language model: teacher and judge.

Tested by `tests/code_location/test_graph_teacher.py`.
"""

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from pydantic import Field

from repair.credentials import origin
from repair.database import Location, shared_state
from repair.errors import ConfigurationError
from repair.evaluation.leetcode.injection.teacher import BugTeacher
from repair.language_servers.scheduler import VersionedServers
from repair.synthesis.lm.judge import LmJudge
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.progress import SynthesisProgress
from repair.synthesis.lm.settings import LanguageModel
from repair.synthesis.lm.teacher import LmTeacher


class LanguageModelResource(dg.ConfigurableResource[None]):
    """Any model of LiteLLM; the key stays in the environment."""

    model: str = ""
    """LiteLLM's name, e.g. `openai/gpt-4o`. Empty: none is configured."""
    base_url: str | None = Field(default=None, repr=False)
    key_variable: str | None = Field(default=None, repr=False)
    """The environment variable that holds the key."""
    temperature: float | None = 0.0
    max_tokens: int = 1024
    """The most tokens of one answer."""
    prefill: bool = True
    """Begin the assistant's turn with `<diff>`. Some APIs refuse a begun turn."""
    concurrency: int = 8
    """Questions open at once."""
    timeout_s: float = 120.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Of questions and answers together. All that share the response cache share these limits."""
    budget_usd: float | None = None
    """The most that one partition may cost; the rows beyond it are rejected as `budget_exhausted`."""
    budget_tokens: int | None = None
    usd_per_million_input_tokens: float | None = None
    usd_per_million_output_tokens: float | None = None
    answers: str
    """The file of the response cache, so that no answer is paid for twice."""
    state_variable: str = ""
    """The environment variable with the address of the PostgreSQL server that machines share, in place of the
    file; where it is not set, the file is used."""

    def language_model(self) -> LanguageModel:
        """The configured model.

        Raises:
            ConfigurationError: no model is named.
        """
        if not self.model:
            raise ConfigurationError(
                "the teacher `lm` needs a model: set REPAIR_MODEL to a name that LiteLLM knows "
                "(e.g. openai/gpt-4o), or choose the teacher `history`"
            )
        settings = self.model_dump(exclude={"answers", "state_variable"})
        return LanguageModel(**settings)

    def fingerprint_settings(self) -> str:
        """The settings that decide the answers and their number, as JSON: the rest only affects speed.

        Of the address it has `scheme://host:port`: what follows may be a token, and no other model.
        """
        only_speed = {"answers", "concurrency", "timeout_s", "requests_per_minute", "tokens_per_minute"}
        settings = self.model_dump(exclude={*only_speed, "key_variable", "state_variable"})
        if self.base_url:
            settings["base_url"] = origin(self.base_url)
        return json.dumps(settings, sort_keys=True)

    def judge(self) -> LmJudge:
        """An LLM judge of verified diffs, with a budget of its own; a context manager."""
        return LmJudge(self.language_model(), self.response_cache())

    def bug_teacher(self) -> BugTeacher:
        """The model as one that injects bugs into correct solutions; a context manager."""
        return BugTeacher(self.language_model(), self.response_cache())

    def teacher(
        self,
        program: TeacherProgram,
        *,
        candidates: int = 1,
        servers: VersionedServers | None = None,
        report: Callable[[SynthesisProgress], None] | None = None,
        total: int | None = None,
    ) -> LmTeacher:
        """An LLM teacher; a context manager. The arguments are those of `LmTeacher`."""
        return LmTeacher(
            self.language_model(),
            program,
            self.response_cache(),
            candidates=candidates,
            servers=servers,
            report=report,
            total=total,
        )

    def response_cache(self) -> Location:
        """Where answers that were paid for are."""
        return shared_state(self.state_variable) or Path(self.answers)
