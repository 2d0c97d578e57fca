"""States of a training that was killed: what is left is whole."""

import os
from pathlib import Path

import pytest

from repair.training.states import LATEST, lock_states

SECOND = "ep0-ba2-rank0.pt"


@pytest.mark.parametrize(
    ("states", "link", "left", "latest"),
    [
        ([], None, [], None),  # the first run
        ([SECOND], None, [], None),  # killed while it wrote the first one
        ([SECOND], SECOND, [SECOND], SECOND),
        # killed while it wrote the second one
        (
            ["ep0-ba2-rank0.pt", "ep0-ba4-rank0.pt"],
            "ep0-ba2-rank0.pt",
            ["ep0-ba2-rank0.pt"],
            "ep0-ba2-rank0.pt",
        ),
        # killed while it replaced the link: the earlier one is whole
        (["ep0-ba8-rank0.pt", "ep0-ba10-rank0.pt"], None, ["ep0-ba8-rank0.pt"], "ep0-ba8-rank0.pt"),
        # the link names what is gone
        (["ep0-ba8-rank0.pt"], "ep0-ba6-rank0.pt", [], None),
    ],
)
def test_only_whole_states_are_left(
    tmp_path: Path, states: list[str], link: str | None, left: list[str], latest: str | None
) -> None:
    for age, name in enumerate(states):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (age, age))
    if link:
        (tmp_path / LATEST).symlink_to(link)
    os.close(lock_states(tmp_path))
    assert sorted(path.name for path in tmp_path.glob("ep*")) == sorted(left)
    assert ((tmp_path / LATEST).read_text() if latest else (tmp_path / LATEST).is_symlink()) == (
        latest or False
    )


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    first = lock_states(tmp_path / "states")
    child = os.fork()
    if not child:
        os.close(first)  # the lock is that of the open folder, which a fork shares
        os.close(lock_states(tmp_path / "states"))
        os._exit(0)
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.close(first)
    assert os.waitpid(child, 0)[1] == 0
