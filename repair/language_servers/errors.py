"""What can go wrong with a language server, or with a workspace that one is asked about.

```
LanguageServerError
├── ServerCrashError       server_crashed     it died or answered nonsense, twice on the same workspace
├── ServerTimeoutError     server_timeout     it stayed silent past the time limit, twice
├── UnsafePathError        unsafe_path        a path leads outside the workspace, or can't be a file in it
├── UnencodableTextError   unencodable_text   a text has no UTF-8 form (a lone surrogate)
├── UnknownFileError       unknown_file       the path to check is not a file of the workspace
├── ServersClosedError     servers_closed     asked after `close()`
├── TooLargeRequestError   too_large_request  the workspace alone is above what the server behind HTTP takes
├── ServersUnreachableError servers_unreachable  no answer over HTTP for as long as the client is patient
└── ServersChangedError    servers_changed    what answers over HTTP is another release than before
```
"""

from typing import ClassVar

from repair import errors

REASONS = {
    "server_crashed": "a language server died or answered nonsense, twice on the same workspace",
    "server_timeout": "a language server stayed silent past the time limit, twice",
    "unsafe_path": "a path leads outside the workspace, or can't be a file in it",
    "unencodable_text": "a text has no UTF-8 form",
    "unknown_file": "a file that is named is not in the workspace",
    "servers_closed": "the servers were closed while they were asked",
    "too_large_request": "the workspace alone is above what the servers behind HTTP take",
}
"""Why the servers gave no answer for a row: reject reason -> meaning."""


class LanguageServerError(errors.LanguageServerError):
    """Base of the errors here. `reason` is the stable name under which a row is rejected."""

    reason: ClassVar[str] = "language_server_error"


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
    """The servers were asked after they had been closed."""

    reason = "servers_closed"


class TooLargeRequestError(LanguageServerError):
    """A workspace alone is above what the server behind HTTP takes."""

    reason = "too_large_request"


class ServersUnreachableError(LanguageServerError):
    """Nothing answered over HTTP for as long as the client is patient. It is raised, never a row's reason."""

    reason = "servers_unreachable"


class ServersChangedError(LanguageServerError):
    """Another release answers over HTTP than before. It is raised, never a row's reason."""

    reason = "servers_changed"
