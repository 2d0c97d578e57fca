"""An instance with years of materialized partitions, without the events that made them.

Dagster keeps which partitions of an asset are materialized beside the asset, and reads only the events after
it. The class of that record is not public: its release is pinned.
"""

from datetime import datetime

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.partition_status_cache import AssetStatusCacheValue


def with_history(defs: dg.Definitions, until: datetime) -> dg.DagsterInstance:
    """An instance in which every partition of every asset up to `until` is materialized."""
    instance = dg.DagsterInstance.ephemeral()
    graph = defs.resolve_asset_graph()
    with partition_loading_context(effective_dt=until, dynamic_partitions_store=instance):
        for key in graph.get_all_asset_keys():
            partitions = graph.get(key).partitions_def
            if partitions is None:
                instance.report_runless_asset_event(dg.AssetMaterialization(key))
                continue
            keys = partitions.get_partition_keys()
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=keys[-1]))
            instance.update_asset_cached_status_data(
                key,
                AssetStatusCacheValue(
                    latest_storage_id=instance.event_log_storage.get_maximum_record_id() or 0,
                    partitions_def_id=partitions.get_serializable_unique_identifier(),
                    serialized_materialized_partition_subset=partitions.subset_with_partition_keys(
                        keys
                    ).serialize(),
                ),
            )
    return instance


def report(instance: dg.DagsterInstance, asset: str, partition: str, version: str) -> None:
    """One materialization with a data version, which no run made."""
    instance.report_runless_asset_event(
        dg.AssetMaterialization(asset, partition=partition, tags={"dagster/data_version": version})
    )
