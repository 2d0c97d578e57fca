"""Values of the form that a problem's examples have, drawn within its bounds.

Tested by `tests/repair/evaluation/leetcode/test_inputs.py`.
"""

import copy
import random
import re
from collections.abc import Sequence
from typing import Any

from repair.evaluation.leetcode.inputs.constraints import Constraints, read_constraints
from repair.evaluation.leetcode.inputs.invariants import Inputs, Invariants, read_invariants
from repair.evaluation.leetcode.problem_tests import ProblemTests

_MOST_ITEMS = 24
_FAR = 10**18


class Drawing:
    """What is known of a problem's inputs, and values drawn by it."""

    def __init__(self, tests: ProblemTests, constraints: str, description: str, seed: str) -> None:
        self.tests = tests
        self.examples = [case.inputs for case in tests.cases]
        self.random = random.Random(seed)  # noqa: S311 (nothing secret)
        # the calls of a design problem are rows too: the values of one method's parameters, and no others
        self.columns = [
            (method, place) for method, names in tests.parameters.items() for place in range(len(names))
        ]
        self.names = tests.names
        if tests.method is None:
            self.names = [[tests.parameters[method][place]] for method, place in self.columns]
        self.rows = [row for example in self.examples for row in self.rows_of(example)]
        self.constraints: Constraints = read_constraints(constraints, description, self.names)
        self.invariants: Invariants = read_invariants(
            self.constraints.sentences + self.constraints.unread, description, self.names, self.rows
        )
        self.careful = bool(self.invariants.unread or not constraints.strip())
        """Something that the page says was not understood."""
        self.promised = any(
            re.search(r"guarantee|generated|always|valid|overlap|the form", line)
            for line in self.invariants.unread
        )
        """What was not understood is a promise about the inputs as a whole."""
        self.equal_lengths = self._equal_lengths()
        self.rectangular = [
            all(is_rectangle(row[place]) for row in self.rows) for place in range(len(self.names))
        ]

    def rows_of(self, inputs: Inputs) -> list[Inputs]:
        if self.tests.method is not None:
            return [inputs]
        methods, arguments = inputs
        first = {(methods[0], place): value for place, value in enumerate(arguments[0])}
        rows = [
            {**first, **{(method, place): value for place, value in enumerate(given)}}
            for method, given in zip(methods, arguments, strict=True)
        ]
        return [[row.get(column) for column in self.columns] for row in rows]

    def _equal_lengths(self) -> list[tuple[int, int]]:
        """Parameters whose lengths agree in all examples, if there are enough to tell."""
        pairs: list[tuple[int, int]] = []
        count = len(self.tests.names)
        for one in range(count):
            for other in range(one + 1, count):
                lengths = [
                    (len(row[one]), len(row[other]))
                    for row in self.examples
                    if isinstance(row[one], list | str) and isinstance(row[other], list | str)
                ]
                if lengths and all(a == b for a, b in lengths) and len(set(lengths)) > 1:
                    pairs.append((one, other))
        return pairs

    def bounds(self, paths: Sequence[str], known: dict[str, Any]) -> tuple[float, float]:
        environment = self.constraints.environment(known)
        low, high = float("-inf"), float("inf")
        for comparison in self.constraints.comparisons:
            for path in paths:
                least, most = comparison.bounds(path, environment)
                low, high = max(low, least), min(high, most)
        return low, high

    def number(self, paths: Sequence[str], known: dict[str, Any], seen: Sequence[int]) -> int:
        """A number between the bounds, mostly a small one or one near the examples'."""
        low, high = self.bounds(paths, known)
        least = int(low) if low > -_FAR else min(seen, default=0)
        most = int(high) if high < _FAR else max(seen, default=10)
        if low <= -_FAR or high >= _FAR:
            least, most = min(least, most), max(least, most)
        if least > most:
            return least
        width = self.random.choice((1, 2, 4, 8, 20, 60))
        match self.random.randrange(8):
            case 0 if seen:
                start = self.random.choice(seen) - width // 2
            case 1:
                start = most - width
            case 2:
                return self.random.randint(least, most)
            case 3 if least < 0 < most:
                start = -width // 2
            case _:
                start = least if least >= -1000 else self.random.choice((-width // 2, 0, least))
        start = min(max(start, least), most)
        return self.random.randint(start, min(start + width, most))

    def value_of(self, place: int, template: Any, known: dict[str, Any]) -> Any:
        names = self.tests.names[place]
        kind = self.tests.kinds[place]
        examples = [row[place] for row in self.examples]
        if kind == "tree":
            return self._tree(known, examples)
        if kind in ("list",):
            count = self.length(["nodes"], known, examples)
            seen = [value for row in examples for value in row]
            window = [self.number(["Node[i]"], known, seen) for _ in range(max(2, count // 2))]
            return [self.random.choice(window) for _ in range(count)]
        if place in self.invariants.graphs:
            return self._edges(place, template, known)
        return self.of_form(template, names, examples, known, place)

    def of_form(
        self, template: Any, paths: Sequence[str], examples: Sequence[Any], known: dict[str, Any], place: int
    ) -> Any:
        if isinstance(template, bool):
            return self.random.random() < 0.5
        if isinstance(template, int):
            seen = [value for value in examples if isinstance(value, int)]
            return self.number(paths, known, seen)
        if isinstance(template, float):
            return round(
                self.random.choice([v for v in examples if v is not None])
                + self.random.choice((-1, 0, 0.5, 1)),
                5,
            )
        if isinstance(template, str):
            return self._text(paths, known, [value for value in examples if isinstance(value, str)], place)
        if isinstance(template, list):
            return self._list(template, paths, examples, known, place)
        return template

    def _list(
        self,
        template: list[Any],
        paths: Sequence[str],
        examples: Sequence[Any],
        known: dict[str, Any],
        place: int,
    ) -> list[Any]:
        lists = [value for value in examples if isinstance(value, list)]
        items = [item for value in lists for item in value]
        lengths = [f"len({path})" for path in paths]
        if not items:
            return copy.deepcopy(template)
        index = f"[{'ijk'[min(paths[0].count('['), 2)] if paths else 'i'}]"
        inner = [f"{path}{index}" for path in paths]
        if all(isinstance(item, list) for item in items) and len({len(item) for item in items}) == 1:
            width = len(items[0])
            # rows of one form: each column has bounds of its own
            count = self.length(lengths, known, lists)
            columns = [[row[column] for row in items] for column in range(width)]
            return [
                [
                    self.of_form(
                        columns[column][0],
                        [*(f"{path}[{column}]" for path in inner), *(f"{path}[j]" for path in inner)],
                        columns[column],
                        known,
                        place,
                    )
                    for column in range(width)
                ]
                for _ in range(count)
            ]
        count = self.length(lengths, known, lists)
        if isinstance(items[0], int) and not isinstance(items[0], bool):
            window = [
                self.of_form(items[0], inner, items, known, place)
                for _ in range(max(2, self.random.randint(1, count + 1)))
            ]
            low, high = min(window), max(window)
            if self.random.random() < 0.5 and high - low < 100:
                drawn = [self.random.randint(low, high) for _ in range(count)]
            else:
                drawn = [self.random.choice(window) for _ in range(count)]
            return drawn
        rows = [self.of_form(self.random.choice(items), inner, items, known, place) for _ in range(count)]
        if self.rectangular[place] and rows and all(isinstance(row, list | str) for row in rows):
            width = min(len(row) for row in rows)
            rows = [row[:width] for row in rows]
        return rows

    def length(self, paths: Sequence[str], known: dict[str, Any], examples: Sequence[Any]) -> int:
        low, high = self.bounds(paths, known)
        seen = [len(value) for value in examples]
        least = int(low) if low > -_FAR else min(seen, default=1)
        most = int(min(high, max(_MOST_ITEMS, least, *seen, 1) if high < _FAR else max(seen, default=1)))
        if most <= least:
            return max(least, 0)
        top = self.random.choice((least + 2, least + 5, least + 9, most))
        return self.random.randint(max(least, 0), min(top, most))

    def _text(self, paths: Sequence[str], known: dict[str, Any], examples: Sequence[str], place: int) -> str:
        letters = self.invariants.alphabets.get(place)
        if letters is None:
            return self.like(self.random.choice(examples))
        count = self.length([f"len({path})" for path in paths], known, examples)
        seen = sorted(set("".join(examples)))
        some = self.random.choice((2, 3, 5, len(letters)))
        pool = seen if seen and self.random.random() < 0.5 else letters
        chosen = self.random.sample(pool, min(some, len(pool)))
        if len(letters) <= 6:
            chosen = list(letters)
        return "".join(self.random.choice(chosen) for _ in range(count))

    def like(self, text: str) -> str:
        """A text of the same form: some letters for letters, some numbers for numbers as long."""

        def changed(matched: re.Match[str]) -> str:
            character = matched[0]
            if self.random.random() < 0.7:
                return character
            if character.isdigit():
                return str(self.random.randint(int(character != "0"), 9)) if character != "0" else character
            letters = [c for c in text if c.isalpha() and c.islower() == character.islower()]
            return self.random.choice(letters)

        return re.sub(r"[a-zA-Z0-9]", changed, text)

    def _tree(self, known: dict[str, Any], examples: Sequence[list[Any]]) -> list[Any]:
        count = self.length(["nodes"], known, [[v for v in row if v is not None] for row in examples])
        seen = [value for row in examples for value in row if value is not None]
        if not count or not seen:
            return []
        if any(kept.name == "search tree" for kept in self.invariants.kept):
            return search_tree([self.number(["Node[i]"], known, seen) for _ in range(count)])
        window = [self.number(["Node[i]"], known, seen) for _ in range(max(2, count))]
        distinct = any(kept.name == "distinct" for kept in self.invariants.kept)
        values = (
            list(dict.fromkeys(window)) if distinct else [self.random.choice(window) for _ in range(count)]
        )
        levels: list[Any] = [values[0]]
        level, used = 1, 1
        stop = self.random.choice((0.0, 0.2, 0.5))
        while used < len(values):
            following = 0
            for _ in range(2 * level):
                if used < len(values) and (self.random.random() >= stop):
                    levels.append(values[used])
                    used += 1
                    following += 1
                else:
                    levels.append(None)
            if not following:
                break
            level = following
        while levels and levels[-1] is None:
            levels.pop()
        return levels

    def _edges(self, place: int, template: Any, known: dict[str, Any]) -> Any:
        """Edges of a tree, or of a graph without a circle, over as many nodes as there are."""
        rows: list[list[Any]] = [row for example in self.examples for row in example[place] or ()]
        first = min(end for row in rows for end in row[:2])
        bound = self.bounds([f"len({name})" for name in self.tests.names[place]], known)
        tree = self.invariants.graphs[place] == "tree"
        count = self.random.randint(2, 10)
        if tree and bound[0] == bound[1]:
            count = int(bound[0]) + 1
        numbers = [value for value in known.values() if isinstance(value, int) and 1 < value <= 40]
        if not tree and numbers:
            count = numbers[0]
        if count > 40 or count < 2:
            return copy.deepcopy(template)
        labels = list(range(first, first + count))
        self.random.shuffle(labels)
        edges: list[list[Any]] = []
        if tree:
            for node in range(1, count):
                ends = [labels[self.random.randrange(node)], labels[node]]
                self.random.shuffle(ends)
                edges.append(ends)
        else:
            for _ in range(self.random.randint(1, 2 * count)):
                one, other = sorted(self.random.sample(range(count), 2))
                if [labels[one], labels[other]] not in edges:
                    edges.append([labels[one], labels[other]])
        self.random.shuffle(edges)
        more = len(rows[0]) - 2
        return [[*edge, *(self.random.choice(rows)[2:] if more else ())] for edge in edges]


def is_rectangle(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return True
    if all(isinstance(row, list) for row in value):
        return len({len(row) for row in value}) == 1
    return True


def search_tree(values: Sequence[int]) -> list[Any]:
    """The search tree of values that are inserted in order, by level."""
    root: list[Any] | None = None
    for value in dict.fromkeys(values):
        node = [value, None, None]
        if root is None:
            root = node
            continue
        current = root
        while True:
            side = 1 if value < current[0] else 2
            if current[side] is None:
                current[side] = node
                break
            current = current[side]
    levels: list[Any] = []
    nodes = [root]
    for node in nodes:
        levels.append(None if node is None else node[0])
        if node is not None:
            nodes += node[1:]
    while levels and levels[-1] is None:
        levels.pop()
    return levels
