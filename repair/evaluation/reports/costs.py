"""Cost per verified diff, by type and teacher, from the manifests of a store.

The cost is that of all answers of a partition, those of rejected rows and those from the cache included.
"""

from dataclasses import dataclass

from repair.store.reader import PartitionStore

SYNTHESIZED, VERIFIED = "synthesized_diffs", "verified_diffs"


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherCost:
    """Cost and yield of one type and one teacher over all dates."""

    diagnostic_type: str
    teacher: str
    rows: int = 0
    """Candidates that the teacher got."""
    synthesized: int = 0
    verified: int = 0
    cost_usd: float = 0.0
    tokens: int = 0
    answers_without_cost: int = 0
    """Answers without a known cost: with them, the cost is a lower bound."""

    @property
    def usd_per_verified(self) -> float | None:
        """None where nothing is verified."""
        return self.cost_usd / self.verified if self.verified else None


def costs(store: PartitionStore) -> list[TeacherCost]:
    """Costs by type and teacher, over all partitions whose stored diffs are verified."""
    totals: dict[tuple[str, str], TeacherCost] = {}
    for partition in store.partitions(VERIFIED):
        made, verified = store.manifest(SYNTHESIZED, partition), store.manifest(VERIFIED, partition)
        if made is None or verified is None or made.data_version not in verified.inputs.values():
            continue
        key = partition["diagnostic_type"], made.extra["teacher"]
        usage = made.extra["usage"]
        known = totals.get(key, TeacherCost(diagnostic_type=key[0], teacher=key[1]))
        totals[key] = TeacherCost(
            diagnostic_type=key[0],
            teacher=key[1],
            rows=known.rows + made.rows_in,
            synthesized=known.synthesized + made.rows_out,
            verified=known.verified + verified.rows_out,
            cost_usd=known.cost_usd + usage["cost_usd"],
            tokens=known.tokens + usage["input_tokens"] + usage["output_tokens"],
            answers_without_cost=known.answers_without_cost + usage["answers_without_cost"],
        )
    return [totals[key] for key in sorted(totals)]
