"""A language model's HTTP server for tests: real sockets, scripted answers, bad manners on purpose.

    with ModelServer(answers({"print(x": "-1 print(x\\n+1 print(x)"})) as server:
        LanguageModel(model="openai/scripted", base_url=server.base_url, ...)

`server` speaks the OpenAI chat-completions interface on a loopback port; `scripts` says what it does.
"""

from tests.model_server.scripts import (
    answers,
    broken_off,
    empty,
    hangs,
    invalid_utf8,
    not_json,
    server_error,
    throttled,
    written,
)
from tests.model_server.server import Exchange, ModelServer, Script

__all__ = [
    "Exchange",
    "ModelServer",
    "Script",
    "answers",
    "broken_off",
    "empty",
    "hangs",
    "invalid_utf8",
    "not_json",
    "server_error",
    "throttled",
    "written",
]
