"""The row types are those of the schemas: who changes a schema runs the generator."""

from typing import get_type_hints

import pytest

from repair.schema import rows, typed_rows
from tests.typed_rows import faults


def test_the_row_types_are_what_the_schemas_give() -> None:
    assert typed_rows.ROWS.read_text() == typed_rows.source(), "run python -m repair.schema.typed_rows"


@pytest.mark.parametrize(("name", "schema"), typed_rows.TABLES.items())
def test_a_row_has_the_columns_of_its_table(name: str, schema: typed_rows.pa.Schema) -> None:
    assert list(get_type_hints(getattr(rows, name))) == schema.names


def test_a_row_that_is_of_another_type_is_found() -> None:
    right = {"path": "a.py", "text": "x"}
    assert faults(right, rows.FileRow) == []
    assert faults([right, right], list[rows.FileRow]) == []
    assert faults({"path": "a.py"}, rows.FileRow) == ["keys ['path']"]
    assert faults({"path": "a.py", "text": None}, rows.FileRow) == [".text: None"]
    assert faults({"path": 1, "text": "x"}, rows.FileRow) == [".path: 1"]
    assert faults([right, {**right, "text": 2}], list[rows.FileRow]) == ["[1].text: 2"]
