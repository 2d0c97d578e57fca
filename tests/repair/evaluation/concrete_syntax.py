"""Equality of programs by another parser than Python's own: libcst's concrete syntax, without its layout.

An oracle for `ast_match`. It answers for less: of subscripts, parentheses around a tuple count here.
"""

from typing import Any

import libcst as cst

_LAYOUT = {
    *("lpar", "rpar", "lbracket", "rbracket", "lbrace", "rbrace", "semicolon", "comma", "header", "footer"),
    *("leading_lines", "lines_after_decorators", "indent", "encoding", "default_indent", "default_newline"),
    *("has_trailing_newline", "trailing_whitespace", "equal", "colon", "dot"),
}


def same_program(one: str, other: str) -> bool:
    """Whether both parse, and are equal but for layout, comments, parentheses and literals' spelling."""
    try:
        return _plain(cst.parse_module(one)) == _plain(cst.parse_module(other))
    except cst.ParserSyntaxError:
        return False


def _plain(node: Any) -> Any:
    """A node as nested tuples of what is no layout."""
    if isinstance(node, list | tuple):
        return tuple(part for item in node for part in _parts(item))
    if not isinstance(node, cst.CSTNode):
        return node
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString) and (value := _value(node)) is not None:
        return "string", type(value).__name__, value, _is_unicode(node)
    if isinstance(node, cst.Integer | cst.Float | cst.Imaginary):
        return type(node.evaluated_value).__name__, node.evaluated_value
    if isinstance(node, cst.IndentedBlock | cst.SimpleStatementSuite):
        return "block", _plain(node.body)
    if isinstance(node, cst.Else) and len(node.body.body) == 1 and isinstance(node.body.body[0], cst.If):
        return _plain(node.body.body[0])
    if isinstance(node, cst.FormattedString):
        return "formatted", sorted(node.prefix.lower()), _plain(node.parts)
    return type(node).__name__, *(
        (field, _plain(value))
        for field, value in ((field, getattr(node, field)) for field in node.__dataclass_fields__)
        if field not in _LAYOUT and not field.startswith("whitespace") and field != "asynchronous_"
    )


def _parts(item: Any) -> tuple[Any, ...]:
    """A line of several statements is several."""
    return _plain(item.body) if isinstance(item, cst.SimpleStatementLine) else (_plain(item),)


def _value(node: cst.SimpleString | cst.ConcatenatedString) -> str | bytes | None:
    return node.evaluated_value


def _is_unicode(node: Any) -> bool:
    while isinstance(node, cst.ConcatenatedString):  # of adjacent strings Python keeps the mark of the first
        node = node.left
    return isinstance(node, cst.SimpleString) and "u" in node.prefix.lower()
