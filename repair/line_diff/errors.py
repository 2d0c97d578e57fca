"""Errors of line diffs, numbered or unified; each carries the reject reason.

```
LineDiffError
├── NoDiffError            no_diff           an answer has no complete block
├── MalformedDiffError     malformed         a line is not of the format's form
│   └── NotRisingError     not_rising        a number does not exceed the one before it with its sign
├── WrongLineError         wrong_line        a line is not there to be removed, or +N can't be reached
├── ContentMismatchError   content_mismatch  a text is not the file's
└── workspace.UnknownDiffFileError  unknown_file  it names a file that the workspace does not have
```

Tested by `tests/repair/line_diff/test_numbered.py`.
"""

from repair.errors import InputError


class LineDiffError(InputError):
    """A diff, numbered or unified, can't be found, read or applied."""

    reason = "bad_diff"


class NoDiffError(LineDiffError):
    """An answer has no complete block."""

    reason = "no_diff"


class MalformedDiffError(LineDiffError):
    """A text is not a diff."""

    reason = "malformed"


class NotRisingError(MalformedDiffError):
    """The numbers of a sign don't rise."""

    reason = "not_rising"


class WrongLineError(LineDiffError):
    """A number names a line that does not exist."""

    reason = "wrong_line"


class ContentMismatchError(LineDiffError):
    """The text of a removed or kept line is not the file's."""

    reason = "content_mismatch"
