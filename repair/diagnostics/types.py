"""The diagnostic types: plain data, one partition each.

A type is a rule without its server (`F821`, `reportCallIssue`); `syntax` is what has no rule. The long tail
shares `other`. A type may be promoted out of `other` from a date on: earlier rows stay in `other`. To move
the rows of earlier dates too, set `since` to the first of them and materialize those dates' partitions of
`other` and of the type; `repair stale` lists what is to be made again.
"""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from repair.diagnostics.codes import type_of_code

OTHER = "other"


@dataclass(frozen=True, slots=True)
class DiagnosticType:
    name: str
    since: date | None = None
    """First day on which rows of this type leave `other`; None: always."""


TYPES = (
    DiagnosticType("E722"),
    DiagnosticType("F811"),
    DiagnosticType("F821"),
    DiagnosticType("F822"),
    DiagnosticType("reportArgumentType"),
    DiagnosticType("reportAssignmentType"),
    DiagnosticType("reportAttributeAccessIssue"),
    DiagnosticType("reportCallIssue"),
    DiagnosticType("reportGeneralTypeIssues"),
    DiagnosticType("reportIndexIssue"),
    DiagnosticType("reportMissingImports"),
    DiagnosticType("reportOperatorIssue"),
    DiagnosticType("reportOptionalMemberAccess"),
    DiagnosticType("reportOptionalSubscript"),
    DiagnosticType("reportPossiblyUnboundVariable"),
    DiagnosticType("reportRedeclaration"),
    DiagnosticType("reportReturnType"),
    DiagnosticType("reportSelfClsParameterName"),
    DiagnosticType("reportUndefinedVariable"),
    DiagnosticType("reportUnsupportedDunderAll"),
    DiagnosticType("syntax"),
)


def known_types(day: date) -> frozenset[str]:
    """The types that have a partition of their own on `day`."""
    return frozenset(known.name for known in TYPES if known.since is None or known.since <= day)


def partition_of(code: str, known: AbstractSet[str]) -> str:
    """The diagnostic type whose partition holds the rows of `code`, where the types `known` have one."""
    name = type_of_code(code)
    return name if name in known else OTHER


def decisive_types(diagnostic_type: str, known: AbstractSet[str]) -> list[str]:
    """Those of the types `known` that decide which rows are in the partition of `diagnostic_type`."""
    return sorted(known if diagnostic_type == OTHER else known & {diagnostic_type})


def count_by_type(codes: Mapping[str, int], known: AbstractSet[str]) -> Counter[str]:
    """Counts by code as counts by diagnostic type."""
    counts: Counter[str] = Counter()
    for code, count in codes.items():
        counts[partition_of(code, known)] += count
    return counts
