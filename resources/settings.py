"""Settings of a deployment: environment variables with the prefix `REPAIR_`, read once.

A setting never holds a secret: where one is needed, the setting names the environment variable that does.
`docs/settings.md` shows them with their descriptions and defaults.
"""

import os
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from partitions.dates import PREFIX, DateSettings
from repair.configuration import Expected
from repair.curation.licence_expressions import PERMISSIVE_LIST, consenting_licences
from repair.database import STATE_VARIABLE
from repair.errors import ConfigurationError
from repair.evaluation.leetcode.injection.bugs import CUTOFF
from repair.language_servers.settings import TOKEN_VARIABLE
from repair.training.recipes import RECIPES

Teacher = Literal["history", "rules", "model", "lm"]
SLACK_TOKEN_VARIABLE = "REPAIR_ALERT_SLACK_TOKEN"  # noqa: S105 (its name)
NOT_OURS = ("REPAIR_FUNCTION_", "REPAIR_SERVE_", "REPAIR_SHARED_DATA")
"""What else begins with the prefix: servers and fixes behind HTTP; the data of tests and benches."""


def _known_recipe(name: str) -> str:
    if name not in RECIPES:
        raise ValueError(name)
    return name


def _known_licences(names: str) -> str:
    consenting_licences(names)
    return names


class Settings(DateSettings, validate_default=True):
    """Where the data lies, what computes and what is asked. `Settings.load()` reads the environment."""

    home: Path = Field(
        default=Path(".demo"), description="folder of the store, the caches and the Dagster instance"
    )
    store: str = Field(
        default="$REPAIR_HOME/store", description="where the stages write: a folder or `gs://bucket/path`"
    )
    recordings: str = Field(
        default="$REPAIR_HOME/recordings", description="the recording that is read: a folder or `gs://...`"
    )
    consenting_licences: Annotated[
        str, AfterValidator(_known_licences), Expected("`permissive`, SPDX identifiers, or both, with commas")
    ] = Field(
        default=PERMISSIVE_LIST,
        description="licences that are consent by themselves, with commas: `permissive` for the list in"
        " [consent.md](consent.md), or SPDX identifiers",
    )
    spark_master: str = Field(
        default="",
        description="Spark's master, for the stages of single diagnostics ([spark.md](spark.md));"
        " none: in this process",
    )
    environment: str = Field(
        default="",
        description="a name for the virtual environment whose packages the servers see; none: no third-party"
        " package",
    )
    environment_python: str = Field(default="", description="its `bin/python`")
    recipe: Annotated[
        str, AfterValidator(_known_recipe), Expected(f"one of {', '.join(sorted(RECIPES))}")
    ] = Field(
        default="tiny", description=f"the training recipe: {' or '.join(f'`{name}`' for name in RECIPES)}"
    )
    checkpoint_days: Annotated[int, Field(ge=1), Expected("a number of days, 1 or more")] = Field(
        default=7,
        description="days between checkpoints that the automation trains ([automation.md](automation.md))",
    )
    trainer_pod: str = Field(
        default="",
        description="file with the Kubernetes pod in which training and decoding run"
        " ([deployment.md](deployment.md)); none: child processes",
    )
    alert_ui_url: str = Field(
        default="http://127.0.0.1:3000",
        description="the address of Dagster's UI, for the links of alerts ([alerts.md](alerts.md))",
    )
    alert_webhook_url: str = Field(default="", description="where alerts are posted as JSON; none: nowhere")
    alert_slack_channel: str = Field(
        default="", description="the channel of Slack for alerts; none: no Slack"
    )
    alert_slack_token_variable: str = Field(
        default=SLACK_TOKEN_VARIABLE,
        description="the environment variable that holds the token of Slack's bot",
    )
    model: str = Field(default="", description="the model of the teacher `lm`, as LiteLLM names it")
    model_url: str = Field(default="", description="its address, if not at the provider's own")
    model_key_variable: str = Field(default="", description="the environment variable that holds its key")
    teacher: Annotated[Teacher, Expected("one of history, rules, model, lm")] = Field(
        default="history",
        description="the teacher of `synthesized_diffs` where a run's configuration names none"
        " ([assets.md](assets.md)); `lm` needs `REPAIR_MODEL`",
    )
    language_servers_url: str = Field(
        default="",
        description="language servers behind HTTP, shared by all runs"
        " ([serverless.md](serverless.md)); none: each run starts its own",
    )
    language_servers_token_variable: str = Field(
        TOKEN_VARIABLE, description="the environment variable that holds the token that they ask for"
    )
    server_cache: str = Field(
        default="$REPAIR_HOME/language_servers.sqlite",
        description="file of the language servers' results; empty: no cache",
    )
    shared_state_variable: str = Field(
        STATE_VARIABLE,
        description="the environment variable that holds the address of a PostgreSQL server for what"
        " several machines share ([deployment.md](deployment.md)); not set: files of this machine",
    )
    benchmark_data: str = Field(
        default="", description="folder with `debugbench/` and `leetcodedataset/` as published"
    )
    benchmark_cutoff: Annotated[date, Expected("a day, such as 2024-01-31")] = Field(
        default=date.fromisoformat(CUTOFF),
        description="bugs are injected into problems that were published after this day",
    )
    decisions: str = Field(
        default="",
        description="the decisions of annotators about `workspace_benchmark`: a file or `gs://...`"
        " ([annotation.md](annotation.md))",
    )

    backfill_look_back: Annotated[int, Field(ge=1), Expected("a number of dates, at least 1")] = Field(
        default=30,
        description="date partitions, the latest ones, that the scheduled backfill looks at"
        " ([backfill.md](backfill.md))",
    )
    backfill_hours: Annotated[float, Field(ge=0), Expected("a number of hours, such as 4.0")] = Field(
        default=4.0,
        description="hours of work that a night's backfill may take, by the measured cost of a row",
    )
    backfill_usd: Annotated[float, Field(ge=0), Expected("an amount of USD, such as 10.0")] = Field(
        default=0.0, description="USD that a night's backfill may take for answers of a language model"
    )
    backfill_code_changes: bool = Field(
        default=False,
        description="whether the scheduled backfill also makes again what only this project's own code made"
        " stale",
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.absolute()

    @field_validator("store", "recordings", "server_cache")
    @classmethod
    def _below_home(cls, uri: str, info: ValidationInfo) -> str:
        return uri.replace("$REPAIR_HOME", str(info.data["home"]))

    @classmethod
    def load(cls) -> Self:
        """The settings that the environment holds.

        Raises:
            ConfigurationError: a value is not what was expected, a variable with the prefix is no setting, or
                the teacher is a model and none is configured.
        """
        settings = super().load()
        known = [cls.variable(field) for field in cls.model_fields]
        secrets = (
            *(settings.model_key_variable, settings.language_servers_token_variable),
            settings.shared_state_variable,
            settings.alert_slack_token_variable,
        )
        for variable in sorted(os.environ):
            if variable.startswith(PREFIX) and variable not in (*known, *secrets):
                if variable.startswith(NOT_OURS):
                    continue
                close = get_close_matches(variable, known, 1, cutoff=0.9)
                wanted = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
                raise ConfigurationError(f"{variable} is no setting; {wanted}")
        if settings.teacher == "lm" and not settings.model:
            raise ConfigurationError(
                f"{cls.variable('teacher')} is 'lm', and no model is configured: set {cls.variable('model')},"
                " or choose history or rules"
            )
        return settings
