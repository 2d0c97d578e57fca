"""All types and three years of days: a tick of the automation and the page of an asset, with wide bounds."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.remote_representation.grpc_server_registry import GrpcServerRegistry
from dagster._core.test_utils import freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_graphql.test.utils import execute_dagster_graphql

from code_location.backfill.plan import DIAGNOSTICS as ALL_STAGES
from code_location.definitions import defs
from partitions.types import DIAGNOSTIC_TYPES
from tests.code_location.stored_history import report, with_history
from tests.cpu_time import cpu_bound

pytestmark = [
    pytest.mark.timeout(600),  # of a machine that is busy; they take seconds
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning"),
]
UNTIL = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=3 * 365)
ASSET_PAGE = """{ assetNodeOrError(assetKey: {path: ["verified_diffs"]}) { ... on AssetNode {
    partitionStats { numPartitions numMaterialized }
    partitionKeysByDimension { name partitionKeys }
    assetPartitionStatuses { ... on MultiPartitionStatuses { ranges { primaryDimStartKey primaryDimEndKey
        secondaryDim { ... on DefaultPartitionStatuses { materializedPartitions } } } } }
    assetMaterializations(limit: 1) { partition }
    assetChecksOrError { ... on AssetChecks { checks { name description } } }
    metadataEntries { label }
} } }"""
"""What the page of an asset asks of the web server."""


class NoServers(GrpcServerRegistry):
    """For a code location in this process."""

    def __init__(self) -> None:
        pass

    def shutdown_all_processes(self) -> None:
        pass

    def wait_for_processes(self) -> None:
        pass


@pytest.fixture(scope="module")
def three_years() -> dg.DagsterInstance:
    return with_history(defs, UNTIL)


def test_the_page_of_an_asset_at_all_types_and_three_years_takes_a_fifth_of_a_second(
    three_years: dg.DagsterInstance,
) -> None:
    module = LoadableTargetOrigin(module_name="code_location.definitions", attribute="defs")
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(module, location_name="repair"))
    with (
        WorkspaceProcessContext(three_years, target, grpc_server_registry=NoServers()) as context,
        freeze_time(UNTIL),
    ):
        request = context.create_request_context()
        with cpu_bound(2.0):
            answer = execute_dagster_graphql(request, ASSET_PAGE)
    shown = answer.data["assetNodeOrError"]
    partitions = 3 * 365 * len(DIAGNOSTIC_TYPES.get_partition_keys())
    assert shown["partitionStats"] == {"numPartitions": partitions, "numMaterialized": partitions}
    assert len(shown["assetPartitionStatuses"]["ranges"]) == 1, "one range of days, all types of each"


def test_a_tick_at_all_types_and_three_years_of_days_takes_a_second(three_years: dg.DagsterInstance) -> None:
    until, instance = UNTIL, three_years
    day = until.date().isoformat()
    found = dg.evaluate_automation_conditions(defs, instance, evaluation_time=until + timedelta(minutes=10))
    with cpu_bound(10.0):
        for made in ("recorded_days", "session_events"):
            report(instance, made, day, "new")
            found = dg.evaluate_automation_conditions(
                defs,
                instance,
                evaluation_time=until + timedelta(days=1, minutes=10),
                cursor=found.cursor,
            )
    for stage in ALL_STAGES:
        assert found.get_num_requested(dg.AssetKey(stage)) == len(DIAGNOSTIC_TYPES.get_partition_keys())
