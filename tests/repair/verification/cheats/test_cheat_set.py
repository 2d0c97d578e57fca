"""The cheat set with the real servers: every cheat is refused as what it is, every innocent accepted."""

import pytest

from repair.language_servers import LanguageServers
from repair.verification import cheats
from tests.repair.verification.cheats.cheat_set import ACCEPTED, CHEAT_SET, REMAINS
from tests.repair.verification.cheats.cheat_trial import Tried, confusion, tried


@pytest.fixture(scope="module")
def results(servers: LanguageServers) -> list[Tried]:
    return tried(servers)


@pytest.mark.parametrize("innocent", [False, True], ids=["cheats", "innocent"])
@pytest.mark.parametrize("parses", [False, True], ids=["unparsable", "parsed"])
def test_the_set_is_large_enough_in_every_part(innocent: bool, parses: bool) -> None:
    assert len({case for case in CHEAT_SET if (case.innocent, case.parses) == (innocent, parses)}) >= 60


def test_every_kind_of_cheat_is_in_the_set_but_the_one_that_no_server_reads() -> None:
    table = [line.split("`")[1] for line in (cheats.__doc__ or "").splitlines() if line.startswith("| `")]
    assert len(table) > 10
    assert {case.expected for case in CHEAT_SET} == {ACCEPTED, REMAINS, *table} - {"unreadable"}


@pytest.mark.slow
def test_every_cheat_is_refused_and_every_innocent_accepted(results: list[Tried]) -> None:
    assert [str(one) for one in results if one.found != one.case.expected] == [], confusion(results)


def test_the_servers_are_deceived_and_verification_is_not(results: list[Tried]) -> None:
    """Of every cheat but those that they see through, they no longer report the diagnostic."""
    deceived = [one for one in results if one.case.expected not in (ACCEPTED, REMAINS)]
    assert [str(one) for one in deceived if one.target in one.verdict.after] == []
