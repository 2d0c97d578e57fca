"""Reader of a problem's constraints: comparisons as predicates on inputs.

`1 <= nums.length <= 105`, `0 <= ai, bi < n`, `n == grid[i].length` are read as LeetCode writes them, where
the page lost its superscripts (`105` is 10 to the 5th). A line that is not understood is handed on, so that
the caller can be careful.

Tested by `tests/repair/evaluation/leetcode/test_inputs.py`.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import CodeType
from typing import Any

_OPERATOR = re.compile(r"(?<!\s)\s*+(<=|>=|==|!=|<|>)\s*+")
_WORD = re.compile(r"[A-Za-z_]\w*")
_FUNCTIONS = {"len": len, "min": min, "max": max, "sum": sum, "abs": abs}
_MOST_CHECKS = 5000


class UnreadableError(ValueError):
    """A constraint that is no comparison of known values."""


@dataclass(frozen=True, slots=True)
class Term:
    """One side of a comparison: an expression, and the index variables in it with what they run over."""

    text: str
    code: CodeType
    indices: tuple[tuple[str, CodeType], ...]

    def values(self, known: Mapping[str, Any]) -> Iterator[Any]:
        """The value of the term for all values of its indices.

        Raises NameError, TypeError, LookupError or ArithmeticError if something in it is not known.
        """
        for found in self.environments(dict(known), 0):
            yield eval(self.code, {"__builtins__": {}}, found)  # noqa: S307 (an expression that _checked allows)

    def environments(self, known: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
        """What is known, with the indices from `depth` on at each of their values."""
        if depth == len(self.indices):
            yield known
            return
        name, over = self.indices[depth]
        for index in range(len(eval(over, {"__builtins__": {}}, known))):  # noqa: S307
            yield from self.environments({**known, name: index}, depth + 1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`1 <= nums[i], k <= 100`: groups of terms, and the operators between the groups."""

    groups: tuple[tuple[Term, ...], ...]
    operators: tuple[str, ...]

    def holds(self, known: Mapping[str, Any]) -> bool | None:
        """Whether it holds for all indices; None if it can't be evaluated."""
        try:
            return all(
                _compare(left, operator, right, known)
                for (lefts, rights), operator in zip(pairwise(self.groups), self.operators, strict=True)
                for left in lefts
                for right in rights
            )
        except (NameError, TypeError, LookupError, ArithmeticError, ValueError):
            return None

    def bounds(self, path: str, known: Mapping[str, Any]) -> tuple[float, float]:
        """The least and the greatest value of the term `path`, as far as what is known tells."""
        low, high = float("-inf"), float("inf")
        places = [place for place, group in enumerate(self.groups) if any(t.text == path for t in group)]
        for place in places:
            for other, group in enumerate(self.groups):
                between = self.operators[min(place, other) : max(place, other)]
                for term in group if other != place else ():
                    try:
                        values = list(term.values(known))
                    except (NameError, TypeError, LookupError, ArithmeticError, ValueError):
                        continue
                    if not values or "!=" in between:
                        continue
                    less = set(between) <= {"<", "<=", "=="}
                    more = set(between) <= {">", ">=", "=="}
                    strict = bool({"<", ">"} & set(between))
                    if (less and other < place) or (more and other > place):
                        low = max(low, max(values) + strict)
                    if (less and other > place) or (more and other < place):
                        high = min(high, min(values) - strict)
        return low, high


def _compare(left: Term, operator: str, right: Term, known: Mapping[str, Any]) -> bool:
    longer, shorter = (left, right) if len(left.indices) >= len(right.indices) else (right, left)
    names = {name for name, _ in longer.indices}
    if names & set(shorter.code.co_names) and names.issuperset(name for name, _ in shorter.indices):
        # fromi != toi, edges[i] != i: of the same row
        for environment in longer.environments(dict(known), 0):
            one, other = (
                eval(term.code, {"__builtins__": {}}, environment)  # noqa: S307
                for term in (left, right)
            )
            if not _OPERATIONS[operator](one, other):
                return False
        return True
    rights = list(right.values(known))
    return all(_OPERATIONS[operator](value, other) for value in left.values(known) for other in rights)


_OPERATIONS = {
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}


@dataclass(slots=True)
class Constraints:
    """What is understood of a problem's constraints."""

    comparisons: list[Comparison] = field(default_factory=list)
    definitions: dict[str, Term] = field(default_factory=dict)
    """Names that are no parameter, such as `n` in `n == grid.length`."""
    sentences: list[str] = field(default_factory=list)
    """Lines that are no comparison."""
    unread: list[str] = field(default_factory=list)
    """Comparisons of something unknown."""
    components: dict[str, str] = field(default_factory=dict)
    """`ai` -> `edges[i][0]`."""

    def environment(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the names, those of the definitions included as far as they can be evaluated."""
        found = {**_FUNCTIONS, **known}
        for _ in range(2):
            for name, term in self.definitions.items():
                if name not in found:
                    try:
                        found[name] = next(term.values(found))
                    except (NameError, TypeError, LookupError, ArithmeticError, StopIteration):
                        continue
        return found

    def hold(self, known: Mapping[str, Any]) -> bool:
        """Whether no comparison is violated."""
        environment = self.environment(known)
        return all(comparison.holds(environment) is not False for comparison in self.comparisons)


def read_constraints(text: str, description: str, parameters: Sequence[Sequence[str]]) -> Constraints:
    """Read the lines of `text`; `parameters` are the names of each parameter, all of which mean the same."""
    found = Constraints()
    names = {name for known in parameters for name in known}
    _find_components(found, f"{description}\n{text}", names)
    lines = [_cleaned(line) for line in text.splitlines() if line.strip()]
    chains: list[tuple[str, list[str], list[str]]] = []
    for line in lines:
        ranged = re.search(r"in the range (?:of )?\[(.+?),\s*(.+?)\]", line)
        if ranged and re.search("number of (the )?nodes", line.lower()):
            chains.append((line, [ranged[1], "nodes", ranged[2]], ["<=", "<="]))
            continue
        counted = re.search(r"number of (?:the )?nodes in the \w+ is (\w+)", line)
        if counted:
            chains.append((line, [counted[1], "nodes"], ["=="]))
            continue
        parts = _OPERATOR.split(line)
        if len(parts) >= 3:
            chains.append((line, [part.rstrip(".") for part in parts[::2]], parts[1::2]))
        else:
            found.sentences.append(line)
    for _ in range(2):  # a definition may use one that comes later
        for _, parts, operators in chains:
            _define(found, parts, operators, names)
    known = names | set(found.definitions) | {"nodes", "Node"}
    for line, parts, operators in chains:
        try:
            groups = tuple(
                tuple(_term(item, known, found.components) for item in _group(part)) for part in parts
            )
        except UnreadableError:
            # of sizes alone that nothing relates to a parameter, nothing can be kept
            if any(re.search(rf"\b{re.escape(name)}\b", line) for name in names):
                found.unread.append(line)
        else:
            found.comparisons.append(Comparison(groups, tuple(operators)))
    return found


def _cleaned(line: str) -> str:
    for old, new in (
        ("≤", "<="),
        ("≥", ">="),
        ("≠", "!="),
        ("−", "-"),
        ("`", ""),
        ("\xa0", " "),
        ("\u200b", ""),
    ):
        line = line.replace(old, new)
    return line.strip()


def _find_components(found: Constraints, text: str, names: set[str]) -> None:
    for container, items in re.findall(r"(\w+)\[i\]\s*=\s*[\[(]([\w\s,]+)[\])]", text):
        parts = [item.strip() for item in items.split(",")]
        if container in names and all(_WORD.fullmatch(item) for item in parts):
            for index, item in enumerate(parts):
                if item not in names:
                    found.components[item] = f"{container}[i][{index}]"


def _define(found: Constraints, parts: list[str], operators: list[str], names: set[str]) -> None:
    """`n == grid.length` and `roads.length == n - 1` define n, if it is no parameter."""
    known = names | set(found.definitions) | {"nodes"}
    for place, operator in enumerate(operators):
        for one, other in ((place, place + 1), (place + 1, place)) if operator == "==" else ():
            moved = re.fullmatch(r"([A-Za-z]\w*)\s*(?:([-+])\s*(\d+))?", parts[one].strip())
            if moved is None or moved[1] in known:
                continue
            back = "+" if moved[2] == "-" else "-"
            text = parts[other] if not moved[2] else f"{parts[other]} {back} {moved[3]}"
            try:
                found.definitions[moved[1]] = _term(text, known, found.components)
            except UnreadableError:
                continue


def _group(text: str) -> list[str]:
    """`nums[i], k` and `a and b` are several terms; a comma in parentheses belongs to one."""
    items: list[str] = []
    depth = 0
    current = ""
    for character in text.replace(" and ", ", ").replace(" or ", ", "):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            items.append(current)
            current = ""
        else:
            current += character
    return [item.strip() for item in (*items, current) if item.strip()]


def _number(matched: re.Match[str]) -> str:
    """`105` was 10 to the 5th, `231` was 2 to the 31st when a superscript."""
    text = matched[0]
    if re.fullmatch(r"10[1-9]|101\d", text):
        return str(10 ** int(text[2:]))
    return {"231": str(2**31), "230": str(2**30), "232": str(2**32), "263": str(2**63)}.get(text, text)


def _term(text: str, known: set[str], components: Mapping[str, str]) -> Term:
    text = text.strip()
    for name, place in components.items():
        text = re.sub(rf"\b{re.escape(name)}\b(?!\[)", place, text)
    text = re.sub(r"\b(\d+)\^(\d+)", lambda power: str(int(power[1]) ** int(power[2])), text)
    text = re.sub(r"(?<![\w\[.])\d+(?![\w\]])", _number, text)
    text = re.sub(r"\bNode\.val\b", "Node[i]", text)
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
    text = re.sub(r"((?:\w+)(?:\[[^\[\]]*\])*)\.(?:length|size\(\)|size)\b", r"len(\1)", text)
    text = re.sub(r"\b(?:The )?(?:length|size) of (\w+)", r"len(\1)", text)
    text = re.sub(r"\b(\d+)([a-z])\b", r"\1*\2", text)  # 2n; where it was a power of 2, this is less
    indices: list[tuple[str, str]] = []
    for index in "ijk":
        over = re.search(rf"(\w+(?:\[\w+\])*)\[{index}\]", text)
        if over and index not in known:
            indices.append((index, over[1]))
    code = _checked(text, known | {"i", "j", "k"})
    loops = tuple((name, _checked(f"{container}", known | {"i", "j", "k"})) for name, container in indices)
    return Term(text, code, loops)


_ALLOWED = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.USub, ast.Subscript),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Call),
)


def _checked(text: str, known: set[str]) -> CodeType:
    """The expression, compiled. Raises UnreadableError unless it is arithmetic on what is known."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise UnreadableError(text) from error
    functions = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED) or (
            isinstance(node, ast.Constant) and not isinstance(node.value, int | float)
        ):
            raise UnreadableError(text)
        if isinstance(node, ast.Name):
            right = node.id in _FUNCTIONS if node in functions else node.id in known
            if not right:
                raise UnreadableError(text)
    if any(not isinstance(function, ast.Name) for function in functions):
        raise UnreadableError(text)
    return compile(tree, "constraint", "eval")
