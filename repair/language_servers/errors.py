"""Errors of the language servers, and of workspaces that can't be checked.

```
LanguageServerError
├── ServerCrashError       server_crashed     it died or answered nonsense, twice on the same workspace
├── ServerTimeoutError     server_timeout     it stayed silent past the time limit, twice
├── UnsafePathError        unsafe_path        a path leads outside the workspace, or can't be a file in it
├── UnencodableTextError   unencodable_text   a text has no UTF-8 form (a lone surrogate)
├── UnknownFileError       unknown_file       the path to check is not a file of the workspace
├── ServersClosedError     servers_closed     used after `close()`
├── UnexpectedCheckError   unexpected         an error that no step foresaw, on this workspace alone
├── TooLargeRequestError   too_large_request  one workspace is larger than the server behind HTTP accepts
├── ServersUnreachableError servers_unreachable  no answer over HTTP until the client's patience ran out
└── ServersChangedError    servers_changed    the versions behind HTTP changed during the run
```

Tested by `tests/repair/language_servers/test_remote.py`.
"""

from repair import unexpected
from repair.errors import LanguageServerError

REASONS = {
    "server_crashed": "a language server died or answered nonsense, twice on the same workspace",
    "server_timeout": "a language server did not answer within the time limit, twice",
    "unsafe_path": "a path leads outside the workspace, or can't be a file in it",
    "unencodable_text": "a text has no UTF-8 form",
    "unknown_file": "the named file is not in the workspace",
    "servers_closed": "the servers were closed during the check",
    "too_large_request": "one workspace is larger than the servers behind HTTP accept",
    **unexpected.REASONS,
}
"""Reject reasons of rows without a result of the servers: reason -> meaning."""


class ServerCrashError(LanguageServerError):
    """A server died or answered nonsense."""

    reason = "server_crashed"


class ServerTimeoutError(LanguageServerError):
    """A server stayed silent past the time limit."""

    reason = "server_timeout"


class UnsafePathError(LanguageServerError):
    """A path leads outside the workspace, or can't be a file in it."""

    reason = "unsafe_path"


class UnencodableTextError(LanguageServerError):
    """A text has no UTF-8 form."""

    reason = "unencodable_text"


class UnknownFileError(LanguageServerError):
    """The path to check is not a file of the workspace."""

    reason = "unknown_file"


class ServersClosedError(LanguageServerError):
    """The servers were used after `close()`."""

    reason = "servers_closed"


class TooLargeRequestError(LanguageServerError):
    """One workspace is larger than the server behind HTTP accepts."""

    reason = "too_large_request"


class UnexpectedCheckError(LanguageServerError):
    """An error of our own that no step foresaw, on one workspace: the message begins with its class."""

    reason = "unexpected"


class ServersUnreachableError(LanguageServerError):
    """No answer over HTTP until the client's patience ran out. It is raised, never a row's reason."""

    reason = "servers_unreachable"


class ServersChangedError(LanguageServerError):
    """The versions behind HTTP changed during the run. It is raised, never a row's reason."""

    reason = "servers_changed"


def unexpected_check(error: Exception) -> UnexpectedCheckError:
    """The result of a workspace whose check raised `error`. An error of the run is raised."""
    if unexpected.is_of_the_run(error):
        raise error
    return UnexpectedCheckError(unexpected.detail_of(error))
