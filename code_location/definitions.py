"""The code location: assembles the assets, their jobs and schedules, and what a deployment swaps."""

import dagster as dg

from eval_assets.eval_results import eval_results
from eval_assets.judge_calibration import judge_calibration
from eval_assets.scorecard import scorecard
from eval_assets.teachers import teacher_page, teacher_results
from repair_assets.benchmarks import leetcode_benchmark, workspace_benchmark
from repair_assets.error_states import error_states
from repair_assets.few_shot_examples import few_shot_examples
from repair_assets.repair_candidates import repair_candidates
from repair_assets.repair_examples import daily_examples, repair_examples
from repair_assets.reproduced_diagnostics import reproduced_diagnostics
from repair_assets.session_events import session_events
from repair_assets.synthesized_diffs import synthesized_diffs
from repair_assets.teacher_program import teacher_program
from repair_assets.verified_diffs import verified_diffs
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
events_job = dg.define_asset_job("events", [session_events])
diagnostics_job = dg.define_asset_job(
    "diagnostics",
    [
        error_states,
        reproduced_diagnostics,
        repair_candidates,
        synthesized_diffs,
        verified_diffs,
        repair_examples,
    ],
)
examples_job = dg.define_asset_job("examples", [daily_examples])
training_job = dg.define_asset_job("training", [training_mixture, checkpoint])
benchmarks_job = dg.define_asset_job("benchmarks", [workspace_benchmark, leetcode_benchmark])
evaluation_job = dg.define_asset_job("evaluation", [eval_results])
scorecard_job = dg.define_asset_job("scorecards", [scorecard])
judge_job = dg.define_asset_job("judge", [judge_calibration])
teacher_job = dg.define_asset_job("teacher", [few_shot_examples, teacher_program])
comparison_job = dg.define_asset_job("comparison", [teacher_results])
comparison_page_job = dg.define_asset_job("comparison_page", [teacher_page])

defs = dg.Definitions(
    assets=[
        session_events,
        error_states,
        reproduced_diagnostics,
        repair_candidates,
        few_shot_examples,
        teacher_program,
        synthesized_diffs,
        verified_diffs,
        repair_examples,
        daily_examples,
        training_mixture,
        checkpoint,
        workspace_benchmark,
        leetcode_benchmark,
        eval_results,
        scorecard,
        judge_calibration,
        teacher_results,
        teacher_page,
    ],
    jobs=[
        events_job,
        diagnostics_job,
        examples_job,
        training_job,
        benchmarks_job,
        evaluation_job,
        scorecard_job,
        teacher_job,
        judge_job,
        comparison_job,
        comparison_page_job,
    ],
    schedules=[
        dg.build_schedule_from_partitioned_job(events_job, hour_of_day=1),
        dg.build_schedule_from_partitioned_job(diagnostics_job, hour_of_day=2),
    ],
    resources={
        "store": StoreResource(base_uri=SETTINGS.store),
        "recordings": RecordingsResource(uri=SETTINGS.recordings),
        "engine": EngineResource(master=SETTINGS.spark_master),
        "language_servers": LanguageServersResource(
            url=SETTINGS.language_servers_url,
            token_variable=SETTINGS.language_servers_token_variable,
            cache=SETTINGS.server_cache,
            environment_name=SETTINGS.environment,
            environment_python=SETTINGS.environment_python,
        ),
        "language_model": LanguageModelResource(
            model=SETTINGS.model,
            base_url=SETTINGS.model_url or None,
            key_variable=SETTINGS.model_key_variable or None,
            answers=str(SETTINGS.home / "answers.sqlite"),
        ),
        "trainer": TrainerResource(recipe=SETTINGS.recipe),
        "benchmark_data": BenchmarkDataResource(folder=SETTINGS.benchmark_data),
    },
    # One partition runs in one process: starting a process per step costs more than most steps.
    executor=dg.in_process_executor,
)
