"""Partition mappings: which partitions of the stage before a partition depends on.

Dagster marks these mappings as beta; its release is pinned, and the tests load and run them.

Tested by `tests/partitions/test_partitions.py`.
"""

import warnings

import dagster as dg

from partitions.keys import DATE, DIAGNOSTIC_TYPE

with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.BetaWarning)
    ALL_TYPES_OF_THE_DATE = dg.MultiToSingleDimensionPartitionMapping(DATE)
    ALL_DATES_OF_THE_TYPE = dg.MultiToSingleDimensionPartitionMapping(DIAGNOSTIC_TYPE)

ALL_TYPES = dg.AllPartitionMapping()
"""Every type of what is partitioned by type alone."""


def dates_up_to(count: int) -> dg.TimeWindowPartitionMapping:
    """The date itself and the `count` - 1 dates before it, as far as there are any."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.TimeWindowPartitionMapping(
            start_offset=1 - count, allow_nonexistent_upstream_partitions=True
        )
