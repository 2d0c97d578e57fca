"""Text columns: which columns hold the text of a file, and the type under which the store keeps them.

In memory a text is a string; in a store it is the SHA-256 of its UTF-8 bytes, in hexadecimal. A string `text`
of a struct is stored as `sha256`, and a column of `TEXT_COLUMNS` under its name with `_sha256` after it.
Everything else is stored as it is.

Tested by `tests/repair/store/test_text_columns.py`.
"""

import pyarrow as pa

TEXT, SHA256 = "text", "sha256"
TEXT_COLUMNS = ("prompt", "repaired", "target")
"""Columns that are one text themselves, where they are strings."""

_STORED = {name: f"{name}_{SHA256}" for name in TEXT_COLUMNS}
_JOINED = {stored: name for name, stored in _STORED.items()}


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """`schema` with a hash for each text."""
    return pa.schema([stored_field(field) for field in schema])


def stored_field(field: pa.Field) -> pa.Field:
    """A column as the store keeps it."""
    return _renamed(field, _STORED, TEXT, SHA256)


def joined_field(field: pa.Field) -> pa.Field:
    """A column as it is in memory."""
    return _renamed(field, _JOINED, SHA256, TEXT)


def holds_texts(field: pa.Field) -> bool:
    """Whether the store keeps hashes in place of values of this column."""
    return stored_field(field) != field


def stored_name(column: str) -> str:
    """The name in the store of a column that is a text itself."""
    return _STORED.get(column, column)


def _renamed(field: pa.Field, columns: dict[str, str], child: str, renamed: str) -> pa.Field:
    if field.name in columns and pa.types.is_string(field.type):
        return field.with_name(columns[field.name])
    return field.with_type(_renamed_children(field.type, child, renamed))


def _renamed_children(kind: pa.DataType, child: str, renamed: str) -> pa.DataType:
    if pa.types.is_list(kind):
        item = kind.value_field
        return pa.list_(item.with_type(_renamed_children(item.type, child, renamed)))
    if pa.types.is_struct(kind):
        return pa.struct(
            [
                part.with_name(renamed)
                if part.name == child and pa.types.is_string(part.type)
                else part.with_type(_renamed_children(part.type, child, renamed))
                for part in kind
            ]
        )
    return kind
