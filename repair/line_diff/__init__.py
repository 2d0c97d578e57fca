"""Line diff formats: numbered, numbered for several files, and unified."""

from repair.line_diff.numbered import (
    ContentMismatchError,
    Hunk,
    LineDiff,
    LineDiffError,
    MalformedDiffError,
    NoDiffError,
    NotRisingError,
    WrongLineError,
    apply,
    diff,
    extract,
    hunks,
    parse,
)

__all__ = [
    "ContentMismatchError",
    "Hunk",
    "LineDiff",
    "LineDiffError",
    "MalformedDiffError",
    "NoDiffError",
    "NotRisingError",
    "WrongLineError",
    "apply",
    "diff",
    "extract",
    "hunks",
    "parse",
]
