"""The dimension of diagnostic types: `repair.diagnostics.types` as Dagster's partitions.

Tested by `tests/partitions/test_partitions.py`.
"""

import dagster as dg

from repair.diagnostics.types import OTHER, TYPES

DIAGNOSTIC_TYPES = dg.StaticPartitionsDefinition([*(known.name for known in TYPES), OTHER])
