"""States of a training that was killed: what is left is whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repair.training.states import LATEST, locked_states

ROOT = Path(__file__).parents[3]
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
    with locked_states(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.glob("ep*")) == sorted(left)
    assert ((tmp_path / LATEST).read_text() if latest else (tmp_path / LATEST).is_symlink()) == (
        latest or False
    )


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from repair.training.states import locked_states\n"
        "with locked_states(pathlib.Path(sys.argv[1])): pass"
    )
    with locked_states(tmp_path / "states"):
        child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "states")], cwd=ROOT)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=1)
    assert child.wait(timeout=60) == 0
