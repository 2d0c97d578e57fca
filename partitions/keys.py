"""Partition keys of all dimensions, and where their data lies in the store.

Tested by `tests/partitions/test_partitions.py`.
"""

from dataclasses import dataclass

import dagster as dg

from partitions.dates import DATES
from partitions.types import DIAGNOSTIC_TYPES
from repair.training.scaling import SCALED, SIZES

DATE, DIAGNOSTIC_TYPE, RECIPE, SIZE = "date", "diagnostic_type", "recipe", "size"
DATE_AND_TYPE = dg.MultiPartitionsDefinition({DATE: DATES, DIAGNOSTIC_TYPE: DIAGNOSTIC_TYPES})
RECIPE_AND_SIZE = dg.MultiPartitionsDefinition(
    {
        RECIPE: dg.StaticPartitionsDefinition(list(SCALED)),
        SIZE: dg.StaticPartitionsDefinition([str(size) for size in SIZES]),
    }
)
"""Of the scaling study: which model, and the number of its training examples."""


@dataclass(frozen=True, slots=True)
class Key:
    """A partition of one asset: by date, by type, by both, by neither, or by recipe and size."""

    date: str | None = None
    diagnostic_type: str | None = None
    recipe: str | None = None
    size: str | None = None

    @classmethod
    def of(cls, context: dg.AssetExecutionContext) -> "Key":
        """The key of the running partition."""
        if not context.has_partition_key:
            return cls()
        key = context.partition_key
        if isinstance(key, dg.MultiPartitionKey):
            return cls(**key.keys_by_dimension)
        if context.assets_def.partitions_def == DIAGNOSTIC_TYPES:
            return cls(diagnostic_type=key)
        return cls(date=key)

    def dagster(self) -> str | dg.MultiPartitionKey | None:
        """The key as Dagster wants it."""
        segments = self.segments()
        return dg.MultiPartitionKey(segments) if len(segments) > 1 else self.date or self.diagnostic_type

    def segments(self) -> dict[str, str]:
        """Dimension -> value, in the order of the store's folders."""
        named = {
            DATE: self.date,
            DIAGNOSTIC_TYPE: self.diagnostic_type,
            RECIPE: self.recipe,
            SIZE: self.size,
        }
        return {name: value for name, value in named.items() if value is not None}

    def __str__(self) -> str:
        return "|".join(self.segments().values()) or "unpartitioned"
