"""The project's errors.

```
RepairError
├── InputError             the data is at fault; `reason` names the reject reason
│   ├── ot.OTError             a packet does not decode or does not apply
│   ├── replay.ReplayError     a packet's CRC-32, version or base does not fit its file
│   ├── line_diff.LineDiffError
│   ├── prompt.PromptError
│   ├── synthesis.lm.FileAbsentError
│   ├── synthesis.judge.JudgementError   an answer of the judge can't be read
│   ├── evaluation.leetcode.injection.BugAnswerError   an answer holds no injected bug
│   └── events.EventError      a recorded row is not an event
├── ConfigurationError     a setting is at fault: what is set, what was expected, what to do
├── LanguageServerError    a server died, hung or answered nonsense
├── TeacherError           a language model could not be asked
│   └── TeacherUnavailableError  its service is down or turns requests away: later it may answer
├── synthesis.lm.client.QuestionFailedError  one question got no answer
├── synthesis.limits.BudgetExhaustedError    another question could pass the budget
├── synthesis.limits.StoppedError            the run ended while a question waited
├── synthesis.lm.reply.NoAnswerError         a reply is no answer
└── StoreError             a stored partition or file is absent, partial, damaged or can't be written
    └── database.DatabaseError  a database can't be used
        └── database.DatabaseUnavailableError  its server can't be reached
```

Every error survives pickling, so that it can cross a process boundary.

Tested by `tests/repair/execution/test_error_codec.py`.
"""

from typing import ClassVar


class RepairError(Exception):
    """Base of every error that this project raises on purpose."""


class InputError(RepairError, ValueError):
    """The data is at fault.

    `reason` is the stable name under which a row that caused it is rejected and counted.
    """

    reason: ClassVar[str] = "bad_input"


class ConfigurationError(RepairError, ValueError):
    """A setting is at fault."""


class LanguageServerError(RepairError):
    """A language server died, hung or answered nonsense, or a workspace can't be checked.

    `reason` is the stable name under which a row is rejected and counted.
    """

    reason: ClassVar[str] = "language_server_error"


class TeacherError(RepairError):
    """A language model could not be asked."""


class TeacherUnavailableError(TeacherError):
    """The service of a language model is down, or turns requests away: asked later, it may answer."""


class StoreError(RepairError):
    """A stored partition or file is absent, partial or damaged, or can't be written."""
