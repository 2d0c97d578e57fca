"""Language servers behind HTTP for tests: a real instance in a child process, and one with bad manners.

with Instance(log, token="t") as instance, RemoteLanguageServers(instance.url, "t") as servers:
    ...
with ScriptedHttpServers(first(1, reset)) as scripted, RemoteLanguageServers(scripted.url) as servers:
    ...
"""

from tests.servers_over_http.instance import Instance
from tests.servers_over_http.scripts import (
    ABOUT,
    answer,
    bytes_under,
    first,
    half,
    on,
    reset,
    result_of,
    stalls,
    status,
)
from tests.servers_over_http.server import CheckExchange, Script, ScriptedHttpServers

__all__ = [
    "ABOUT",
    "CheckExchange",
    "Instance",
    "Script",
    "ScriptedHttpServers",
    "answer",
    "bytes_under",
    "first",
    "half",
    "on",
    "reset",
    "result_of",
    "stalls",
    "status",
]
