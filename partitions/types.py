"""The dimension of diagnostic types.

A type is a rule without its server (`F821`, `reportCallIssue`); `syntax` is what has no rule. The
long tail shares `other`. A type may be promoted out of `other` from a date on: earlier rows stay in
`other` unless they are backfilled.
"""

from dataclasses import dataclass
from datetime import date

import dagster as dg

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

DIAGNOSTIC_TYPES = dg.StaticPartitionsDefinition([*(each.name for each in TYPES), OTHER])


def known_types(day: date) -> frozenset[str]:
    """The types that have a partition of their own on `day`."""
    return frozenset(each.name for each in TYPES if each.since is None or each.since <= day)
