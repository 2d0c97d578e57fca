"""The context manager mixin closes once, whatever happened in its block."""

import pytest

from repair.closing import Closing


class Held(Closing):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_the_end_of_the_block_closes() -> None:
    with Held() as held:
        assert held.closed == 0
    assert held.closed == 1


def test_an_error_closes_and_goes_on() -> None:
    held = Held()
    with pytest.raises(KeyError), held:
        raise KeyError
    assert held.closed == 1
