"""One partition of one asset, materialized by a process that Dagster started elsewhere through Pipes.

    python -m code_location.stage_main      # with Pipes' parameters as arguments or in the environment

On a cluster's driver (Dataproc, Databricks, a Spark pod) this is the program of the job: the same assets and
resources as in the code location, configured by the same variables (`REPAIR_STORE`, and `REPAIR_SPARK_MASTER`
such as `yarn`). The run that started it gets the materialization, the data version and every check's result.
The extra `config` is the asset's run configuration. A stage that fails exits with a code that is not 0.
"""

import sys
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesContext,
    PipesDefaultMessageWriter,
    PipesEnvVarParamsLoader,
    PipesGCSMessageWriter,
    PipesMessageWriter,
    PipesParamsLoader,
    open_dagster_pipes,
)


def main() -> None:
    by_arguments = PipesCliArgsParamsLoader()
    loader: PipesParamsLoader = (
        by_arguments if by_arguments.is_dagster_pipes_process() else PipesEnvVarParamsLoader()
    )
    if not loader.is_dagster_pipes_process():
        sys.exit("this program is started by Dagster, through Pipes: docs/spark.md shows how")
    with open_dagster_pipes(params_loader=loader, message_writer=_writer(loader)) as pipes:
        result = _materialize(pipes)
        _report(pipes, result)
    if not result.success:
        sys.exit(1)


def _writer(loader: PipesParamsLoader) -> PipesMessageWriter[Any]:
    if "bucket" not in loader.load_messages_params():
        return PipesDefaultMessageWriter()
    from google.cloud.storage import Client

    return PipesGCSMessageWriter(Client())


def _materialize(pipes: PipesContext) -> dg.ExecuteInProcessResult:
    from code_location.definitions import defs

    job = defs.get_implicit_global_asset_job_def()
    config = pipes.extras.get("config")
    return job.execute_in_process(
        asset_selection=[dg.AssetKey.from_user_string(pipes.asset_key)],
        partition_key=pipes.partition_key if pipes.is_partition_step else None,
        run_config={"ops": {pipes.asset_key.split("/")[-1]: {"config": config}}} if config else None,
        raise_on_error=False,
    )


def _report(pipes: PipesContext, result: dg.ExecuteInProcessResult) -> None:
    for event in result.all_events:
        if event.is_step_failure:
            pipes.log.error(str(event.step_failure_data.error))
    for check in result.get_asset_check_evaluations():
        pipes.report_asset_check(
            check_name=check.check_name,
            passed=check.passed,
            severity=check.severity.value,  # pyright: ignore[reportArgumentType]
            metadata=_plain({**check.metadata, "found": dg.MetadataValue.text(check.description or "")}),
        )
    for event in result.get_asset_materialization_events():
        materialization = event.materialization
        tags: Mapping[str, str] = materialization.tags or {}
        pipes.report_asset_materialization(
            metadata=_plain(materialization.metadata), data_version=tags.get("dagster/data_version")
        )


def _plain(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, Any]:
    """What Pipes can carry: no tables, which the store holds anyway."""
    kinds = (dg.TextMetadataValue, dg.IntMetadataValue, dg.FloatMetadataValue, dg.BoolMetadataValue)
    plain = {name: value.value for name, value in metadata.items() if isinstance(value, kinds)}
    lists = {
        name: {"raw_value": value.data, "type": "json"}
        for name, value in metadata.items()
        if isinstance(value, dg.JsonMetadataValue)
    }
    return {**plain, **lists}


if __name__ == "__main__":
    main()
