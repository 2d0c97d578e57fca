"""Error-tolerant syntax tree (tree-sitter) of any text: cheat rules see files of every version of Python.

The language servers accept more than the running interpreter's `ast`: a newer grammar, Python 2, half-typed
code. Tree-sitter parses all of it in linear time; what it can't read is an `ERROR` node, with the code around
it as usual. Walks are iterative: a text may be nested as deeply as it likes.

Tested by `tests/repair/verification/cheats/test_syntax.py`.
"""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Range

from repair.errors import InputError

_LANGUAGE = Language(tree_sitter_python.language())
_DEFINITIONS = frozenset({"function_definition", "class_definition"})
_BLOCKS = frozenset({"block", "module"})
_CONSTANTS = {"true": True, "false": False, "none": False, "ellipsis": True}
_CONTAINERS = frozenset({"tuple", "list", "dictionary"})
_LONGEST_STRING = 10_000
# A line at the margin that is no statement of its own.
_CONTINUING = re.compile(r"(?:else|elif|except|finally)\b")
_SPANNING = _CONTAINERS | {
    *("string", "argument_list", "parameters", "set", "parenthesized_expression", "import_from_statement"),
    *("dictionary_comprehension", "list_comprehension", "set_comprehension", "generator_expression"),
}
_MOST_PIECES = 20_000
_MOST_CONTINUATIONS = 2_000  # tree-sitter takes time in the square of them: where there are more, lines end
_CHUNK_BYTES = 1 << 16
_DEEPEST = 50  # conditions within each other

Position = tuple[int, int]
"""A line and a column, both 0-based, the column in bytes of UTF-8."""


class CostlySyntaxError(InputError):
    """A text whose errors take tree-sitter many times the work of other texts of its length."""


class SyntaxTree:
    """The tree of a text given as lines. Nodes are those of tree-sitter, in preorder in `nodes`.

    An error may spoil the statement after it. So a text that does not parse is parsed once more, each of its
    top-level statements alone: an error stays in its own. Raises CostlySyntaxError.
    """

    def __init__(self, rows: list[str]) -> None:
        # a lone surrogate has no UTF-8 form: it takes one byte, as in `DiagnosedChange.column`
        source = "\n".join(rows).encode(errors="replace")
        if source.count(b"\\\n") > _MOST_CONTINUATIONS:
            source = source.replace(b"\\\n", b" \n")
        parser = Parser(_LANGUAGE)
        budget = _Budget(source)
        budget.spend(parser, len(source))
        self._roots = [parser.parse(source).root_node]
        self._load()
        if self._roots[0].has_error and len(pieces := self._pieces(rows, source)) > 1:
            self._roots = []
            for piece in pieces:
                parser.included_ranges = [piece]
                budget.spend(parser, piece.end_byte)
                self._roots.append(parser.parse(source).root_node)
            self._load()

    def _load(self) -> None:
        self.nodes: list[Node] = []
        self._types: list[str] = []
        self._parents: dict[int, Node] = {}
        stack = list(reversed(self._roots))
        while stack:
            node = stack.pop()
            self.nodes.append(node)
            self._types.append(node.type)
            children = node.children
            for child in children:
                self._parents[child.id] = node
            stack.extend(reversed(children))

    def _pieces(self, rows: list[str], source: bytes) -> list[Range]:
        """The ranges of the top-level statements."""
        inside: set[int] = set()  # lines that begin within a string or brackets
        for node in self.nodes:
            first, last = node.start_point[0], node.end_point[0]
            if first < last and node.type in _SPANNING and not node.has_error:
                inside.update(range(first + 1, last + 1))
        starts = [
            number
            for number, row in enumerate(rows)
            if row[:1] not in ("", " ", "\t", "#", ")", "]", "}")
            and number not in inside
            and not _CONTINUING.match(row)
            and not (number and rows[number - 1].startswith("@"))
        ]
        offsets = [0]
        for row in rows:
            offsets.append(offsets[-1] + len(row.encode(errors="replace")) + 1)
        bounds = sorted({0, *starts})[-_MOST_PIECES:]
        ends = [*bounds[1:], len(rows)]
        return [
            Range((first, 0), (last, 0), offsets[first], min(offsets[last], len(source)))
            for first, last in zip(bounds, ends, strict=True)
        ]

    def of_type(self, *types: str) -> Iterator[Node]:
        """The nodes of these types."""
        kinds = zip(self.nodes, self._types, strict=True)
        return (node for node, kind in kinds if kind in types and node.is_named)

    def parent(self, node: Node) -> Node | None:
        return self._parents.get(node.id)

    def ancestors(self, node: Node) -> Iterator[Node]:
        """From the parent out to the root."""
        above = self.parent(node)
        while above is not None:
            yield above
            above = self.parent(above)

    def at(self, position: Position) -> Node | None:
        """The innermost node at a position."""
        found = None
        for node in self.nodes:  # in preorder, the last one that holds it is the innermost
            if node.start_point <= position < node.end_point:
                found = node
            elif node.start_point > position:
                break
        return found

    def statement_at(self, position: Position) -> Node | None:
        """The statement that begins at a position."""
        found = (node for node in self.nodes if node.start_point == position and self._is_statement(node))
        return next(found, None)

    def enclosing_statement(self, node: Node) -> Node | None:
        """The statement that is or holds `node`."""
        while not self._is_statement(node):
            above = self.parent(node)
            if above is None:
                return None
            node = above
        return node

    def siblings(self, statement: Node) -> list[Node]:
        """The statements of the block that a statement is in, itself included."""
        block = self.parent(statement)
        blocks = self._roots if block is None or block.type == "module" else [block]
        return [inner for found in blocks for inner in statements(found)]

    def _is_statement(self, node: Node) -> bool:
        above = self.parent(node)
        return node.is_named and above is not None and above.type in _BLOCKS

    def identifiers(self) -> Iterator[str]:
        return (text(node) for node in self.of_type("identifier"))

    def definitions(self) -> Iterator[Node]:
        """The functions and classes."""
        return self.of_type(*_DEFINITIONS)


class _Budget:
    """The work that tree-sitter may do for a text, counted in its reports of progress.

    Its recovery from errors is not linear. Ordinary code takes one report for 280 bytes, so a text may take
    what a much longer one does, and no clock decides.
    """

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._left = 2_000 + len(source) // 20
        self._end = len(source)

    def spend(self, parser: Parser, end: int) -> None:
        """Parses the text in the ranges that `parser` includes, which end at `end`, and counts."""
        self._end = end
        try:
            parser.parse(self._read, progress_callback=self._is_spent)
        except ValueError:
            parser.reset()
            raise CostlySyntaxError(
                f"the syntax errors of a text of {len(self._source)} bytes take the parser too much work"
            ) from None

    def _read(self, offset: int, _position: object) -> bytes:
        # no byte more than is parsed: py-tree-sitter never frees what a read returns
        return self._source[offset : min(offset + _CHUNK_BYTES, self._end)]

    def _is_spent(self, _offset: int, _has_error: bool) -> bool:
        self._left -= 1
        return self._left < 0


@lru_cache(maxsize=8)
def tree_of(source: str) -> SyntaxTree:
    """The tree of a text whose lines end with line feeds. Cached, since every rule needs it.

    Raises CostlySyntaxError.
    """
    return SyntaxTree(source.split("\n"))


def text(node: Node | None) -> str:
    """The source of a node; `""` for None."""
    return node.text.decode(errors="replace") if node is not None and node.text else ""


def within(node: Node) -> Iterator[Node]:
    """The node and all nodes in it, from the outside in."""
    stack = [node]
    while stack:
        inner = stack.pop()
        yield inner
        stack.extend(reversed(inner.children))


def field(node: Node, name: str) -> Node | None:
    return node.child_by_field_name(name)


def name_of(node: Node | None) -> str:
    """The last name of `a`, `a.b` or `a().b`; `""` for another expression."""
    if node is not None and node.type == "attribute":
        node = field(node, "attribute")
    return text(node) if node is not None and node.type == "identifier" else ""


def statements(block: Node | None) -> list[Node]:
    """The statements of a block, without comments."""
    return [node for node in block.named_children if node.type != "comment"] if block else []


def string_value(node: Node) -> str | None:
    """The value of a literal string or of adjacent ones, as far as it is constant; None for another node."""
    if node.type == "concatenated_string":
        return "".join(string_value(part) or "" for part in node.named_children)
    if node.type != "string":
        return None
    source = text(node)
    if len(source) <= _LONGEST_STRING and not any(part.type == "interpolation" for part in node.children):
        try:
            value = ast.literal_eval(re.sub(r"^[tTfF]+(?=[rR]?['\"])|^([rR])[tTfF]", r"\1", source))
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            value = None
        if isinstance(value, bytes):
            return value.decode("latin-1")
        if isinstance(value, str):
            return value
    return "".join(text(part) for part in node.named_children if part.type == "string_content")


def truth(node: Node | None, depth: int = 0) -> bool | None:
    """Whether a condition is constant: its truth as a type checker sees it, or None.

    `TYPE_CHECKING` is true for a checker.
    """
    if node is None or depth > _DEEPEST:
        return None
    negated = False
    while node.type in ("not_operator", "parenthesized_expression"):
        negated ^= node.type == "not_operator"
        inner = node.named_children
        if not inner:
            return None
        node = inner[-1]
    value = _truth(node, depth + 1)
    return value if value is None else value ^ negated


def _truth(node: Node, depth: int) -> bool | None:
    if node.type in _CONSTANTS:
        return _CONSTANTS[node.type]
    if node.type in ("integer", "float"):
        return text(node).strip("0_.xXoObBeEjJ") != ""
    if node.type in ("string", "concatenated_string"):
        return (
            None if any(part.type == "interpolation" for part in within(node)) else bool(string_value(node))
        )
    if node.type in _CONTAINERS:
        return None if node.named_children else False
    if node.type in ("identifier", "attribute") and name_of(node) in ("TYPE_CHECKING", "__debug__"):
        return True
    if node.type == "boolean_operator":
        return _truth_of_operands(node, depth)
    return None


def _truth_of_operands(node: Node, depth: int) -> bool | None:
    """Of `a and b`, `a or b`: decided by one constant operand, or by all. A chain is walked, not recursed."""
    decisive = any(child.type == "or" for child in node.children)
    operator, known = ("or" if decisive else "and"), True
    while node.type == "boolean_operator" and any(child.type == operator for child in node.children):
        value = truth(field(node, "right"), depth)
        if value is decisive:
            return decisive
        known &= value is not None
        left = field(node, "left")
        if left is None:
            return None
        node = left
    value = truth(node, depth)
    if value is decisive:
        return decisive
    return (not decisive) if known and value is not None else None
