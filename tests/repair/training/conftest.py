"""Small mixtures, rendered as in the pipeline."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repair.prompt.sentinels import Example, render_prompt, render_response

Row = dict[str, str]


def example_row(number: int, *, lines: int = 3, split: str = "train") -> Row:
    """A misspelt call in line 2 of a file of `lines` lines, and its repair."""
    name = ("print", "len", "sorted", "range")[number % 4]
    wrong = f"{name[:-1]}(value_{number})"
    text = "\n".join([f"value_{number} = [{number}]", wrong, *("pass" for _ in range(lines - 2))])
    prompt = render_prompt(Example("main.py", text, f'"{name[:-1]}" is not defined', 1))
    response = render_response(f"-2 {wrong}\n+2 {name}(value_{number})")
    return {"example_id": f"{number:04}", "prompt": prompt, "response": response, "split": split}


@pytest.fixture
def write_mixture(tmp_path: Path) -> Callable[[list[Row]], str]:
    """Writes rows as a mixture and gives its folder."""

    def write(rows: list[Row]) -> str:
        folder = tmp_path / "mixture"
        folder.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / "data.parquet")
        return str(folder)

    return write
