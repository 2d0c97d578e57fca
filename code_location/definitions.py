"""The code location: assembles the assets, their jobs and sensors, and what a deployment swaps."""

import dagster as dg

from code_location import housekeeping
from code_location.alerts import ALERT_SENSORS
from code_location.automation import automated, automation_sensor
from code_location.backfill.job import scheduled_backfill
from code_location.catalog import catalogued
from code_location.freshness import freshness, freshness_job, freshness_schedule
from eval_assets.eval_results import eval_results
from eval_assets.judge_calibration import judge_calibration
from eval_assets.model_calibration import model_calibration
from eval_assets.predictions import predictions
from eval_assets.released_model import released_model
from eval_assets.scaling import scaling_page, scaling_results
from eval_assets.scorecard import scorecard
from eval_assets.teachers import teacher_page, teacher_results
from repair_assets.benchmarks import leetcode_benchmark, workspace_benchmark
from repair_assets.error_states import error_states
from repair_assets.few_shot_examples import few_shot_examples
from repair_assets.fix_acceptance import fix_acceptance
from repair_assets.injected_bugs import injected_bugs
from repair_assets.preference_pairs import preference_pairs
from repair_assets.recorded_days import recorded_days, recorded_days_sensor
from repair_assets.repair_candidates import repair_candidates
from repair_assets.repair_examples import daily_examples, repair_examples
from repair_assets.reproduced_diagnostics import reproduced_diagnostics
from repair_assets.session_events import session_events
from repair_assets.synthesized_diffs import synthesized_diffs
from repair_assets.teacher_program import teacher_program
from repair_assets.verified_diffs import verified_diffs
from resources.alerts.resource import AlertsResource
from resources.benchmark_data import BenchmarkDataResource
from resources.engine import EngineResource
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.recordings import RecordingsResource
from resources.settings import Settings
from resources.store import StoreResource
from resources.trainer import TrainerResource
from training_assets.checkpoint import checkpoint
from training_assets.training_mixture import training_mixture

SETTINGS = Settings.load()

# A job holds assets of one partition definition: a run cannot mix them.
ASSETS_OF_JOBS = {
    "events": [session_events],
    "diagnostics": [
        error_states,
        reproduced_diagnostics,
        repair_candidates,
        synthesized_diffs,
        verified_diffs,
        repair_examples,
    ],
    "feedback": [fix_acceptance, preference_pairs],
    "examples": [daily_examples],
    "training": [training_mixture, checkpoint],
    "benchmarks": [workspace_benchmark, leetcode_benchmark],
    "prediction": [predictions],
    "evaluation": [eval_results],
    "scorecards": [scorecard],
    "calibration": [model_calibration],
    "release": [released_model],
    "teacher": [few_shot_examples, teacher_program],
    "judge": [judge_calibration],
    "bug_injection": [injected_bugs],
    "comparison": [teacher_results],
    "comparison_page": [teacher_page],
    "scaling": [scaling_results],
    "scaling_plots": [scaling_page],
}
DESCRIPTIONS = {
    "events": "A date's session events. First of all: every other job of the date reads them.",
    "diagnostics": "All stages of one diagnostic type of a date, from its events to training examples."
    " `teacher_program` is needed by the teacher `lm` alone.",
    "feedback": "What users made of the fixes that they were shown on a date.",
    "examples": "The examples of all types of a date, with the funnel, the reject reasons and the type mix.",
    "training": "The mixture of a window of dates, and the checkpoint that is trained on it.",
    "benchmarks": "Freezes the benchmarks, by type. Nothing is trained before all types are frozen.",
    "prediction": "The answers of a date's checkpoint, its base and the baselines to the benchmarks.",
    "evaluation": "What the answers of a date are worth, by diagnostic type.",
    "scorecards": "The page with a checkpoint's scores, once all types are evaluated.",
    "calibration": "How likely verified answers of a date's checkpoint are right, and which are shown.",
    "release": "Releases the checkpoint that passes the gates, or goes back to an earlier release.",
    "teacher": "Examples and instructions for the teacher `lm`, from verified rows.",
    "judge": "Precision and recall of the judge on labelled diffs.",
    "bug_injection": "Bugs that a language model puts into recent LeetCode problems, for the benchmark.",
    "comparison": "Teachers on the same diagnostics, by date and type.",
    "comparison_page": "The page that compares the teachers.",
    "scaling": "A model trained on so many examples of a mixture, and its scores on the LeetCode benchmark.",
    "scaling_plots": "Plots and table of all scaling results.",
}
# Nor do they ask whether the latest date is there: the job `freshness_checks` does.
JOBS = {
    name: dg.define_asset_job(
        name,
        dg.AssetSelection.assets(*assets) - dg.AssetSelection.checks(freshness),
        description=DESCRIPTIONS[name],
    )
    for name, assets in ASSETS_OF_JOBS.items()
}


def _variable(field: str) -> str | None:
    """A setting as the environment variable that holds it: Dagster stores the values of resources, and an
    address may hold a token."""
    return dg.EnvVar(Settings.variable(field)) if getattr(SETTINGS, field) else None


defs = dg.Definitions(
    assets=automated(
        catalogued([recorded_days, *(asset for assets in ASSETS_OF_JOBS.values() for asset in assets)]),
        SETTINGS.checkpoint_days,
    ),
    asset_checks=[freshness],
    jobs=[*JOBS.values(), freshness_job, *housekeeping.JOBS],
    sensors=[recorded_days_sensor, automation_sensor, *ALERT_SENSORS],
    schedules=[scheduled_backfill(SETTINGS), freshness_schedule, *housekeeping.SCHEDULES],
    resources={
        "store": StoreResource(base_uri=SETTINGS.store),
        "recordings": RecordingsResource(uri=SETTINGS.recordings, licences=SETTINGS.consenting_licences),
        "engine": EngineResource(master=SETTINGS.spark_master),
        "language_servers": LanguageServersResource(
            url=_variable("language_servers_url") or "",
            token_variable=SETTINGS.language_servers_token_variable,
            cache=SETTINGS.server_cache,
            state_variable=SETTINGS.shared_state_variable,
            environment_name=SETTINGS.environment,
            environment_python=SETTINGS.environment_python,
        ),
        "language_model": LanguageModelResource(
            model=SETTINGS.model,
            base_url=_variable("model_url"),
            key_variable=_variable("model_key_variable"),
            answers=str(SETTINGS.home / "answers.sqlite"),
            state_variable=SETTINGS.shared_state_variable,
        ),
        "trainer": TrainerResource(
            recipe=SETTINGS.recipe,
            pod=SETTINGS.trainer_pod,
            scratch=str(SETTINGS.home / "scratch") if SETTINGS.trainer_pod else "",
            answers=str(SETTINGS.home / "decoded"),
            states=str(SETTINGS.home / "states"),
        ),
        "alerts": AlertsResource(
            outbox=str(SETTINGS.home / "alerts.sqlite"),
            ui_url=SETTINGS.alert_ui_url,
            webhook_url=_variable("alert_webhook_url"),
            slack_channel=SETTINGS.alert_slack_channel,
            slack_token_variable=SETTINGS.alert_slack_token_variable,
        ),
        "benchmark_data": BenchmarkDataResource(
            folder=SETTINGS.benchmark_data,
            cutoff=SETTINGS.benchmark_cutoff.isoformat(),
            decisions=SETTINGS.decisions,
        ),
    },
    # One partition runs in one process: starting a process per step costs more than most steps.
    executor=dg.in_process_executor,
)
