"""The language servers that a deployment's settings select."""

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, Result, wire
from resources.language_servers import LanguageServersResource
from tests.servers_over_http import ABOUT, CheckExchange, ScriptedHttpServers

OTHER = wire.About({"pyright": "1.0.0", "ruff": "0.1.0"}, "elsewhere")


def test_without_a_url_it_is_the_pool_of_this_process() -> None:
    resource = LanguageServersResource()
    assert resource.versions() == {**ABOUT.versions, "environment": "none"}
    assert isinstance(resource.servers(), LanguageServers)


def test_with_a_url_versions_and_diagnostics_are_those_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    reported = Diagnostic("a.py", 0, 0, 0, 0, 1, 1, "remote", "told", "error")

    def script(exchange: CheckExchange) -> None:
        shown.append(exchange.headers["Authorization"])
        exchange.send(200, wire.encode_results([Result([reported])] * len(exchange.requests), OTHER))

    monkeypatch.setenv("OUR_TOKEN", "secret")
    health = (200, wire.encode_health(wire.Health(OTHER, 10_000, 8)))
    with ScriptedHttpServers(script, health) as scripted:
        resource = LanguageServersResource(url=scripted.url, token_variable="OUR_TOKEN")
        expected = {**OTHER.versions, "environment": OTHER.environment}
        assert resource.versions() == resource.versions() == expected
        assert scripted.healths == 1
        assert resource.servers() is resource.servers()
        assert resource.servers().check({"a.py": ""}, "a.py") == [reported]
    assert shown == ["Bearer secret"]
