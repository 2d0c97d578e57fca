"""Column lookup in a stored Parquet file: texts are named by hashes, and an older version lacks some columns.

Tested by `tests/resources/test_stored_columns.py`.
"""

from typing import Any

from repair.errors import StoreError
from repair.schema.texts import stored_name


def stored_columns(parquet: Any, columns: list[str] | None, *, asset: str, location: str) -> list[str] | None:
    """The columns as they are named in the file. Parquet itself leaves out what a file does not have.

    Raises:
        StoreError: the file, which `location` names, lacks one.
    """
    if columns is None:
        return None
    names = set(parquet.schema_arrow.names)
    missing = [name for name in columns if not {name, stored_name(name)} & names]
    if missing:
        raise StoreError(
            f"{location} has no column {', '.join(missing)}: this partition of {asset} was stored by an older"
            f" version of the code. Materialize {asset} of it again, then what reads it"
        )
    return [name if name in names else stored_name(name) for name in columns]
