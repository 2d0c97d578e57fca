"""Mutation of a problem's examples: more inputs of the same form that respect its constraints.

Deterministic: the inputs follow from the problem alone. Each is an example with some values changed, or fresh
values of the examples' form; what violates a constraint or an invariant is thrown away.

Tested by `tests/repair/evaluation/leetcode/test_inputs.py`.
"""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from repair.evaluation.leetcode.inputs.drawing import Drawing, is_rectangle
from repair.evaluation.leetcode.inputs.invariants import Inputs
from repair.evaluation.leetcode.inputs.properties import strings

_TRIES = 4000
_MOST_ITEMS = 24
_FAR = 10**18
_NODES = ("tree", "list")


class Mutator(Drawing):
    """The generator of inputs for one problem."""

    def inputs(self, most: int) -> Iterator[Inputs]:
        """At most `most` inputs, none of them an example or one that came before."""
        seen = {json.dumps(example) for example in self.examples}
        fresh = not self.careful
        for _ in range(_TRIES):
            if most <= 0:
                return
            inputs = self._fresh() if fresh and self.random.random() < 0.6 else self._mutant()
            if inputs is None:
                continue
            text = json.dumps(inputs)
            if text not in seen and len(text) < 2000 and self._allowed(inputs):
                seen.add(text)
                most -= 1
                yield inputs

    def _allowed(self, inputs: Inputs) -> bool:
        for row in self.rows_of(inputs):
            if not self._of_examples_form(row):
                return False
        if self.tests.method is None:
            return all(
                self.invariants.hold(row) and self.constraints.hold(self._row_known(row))
                for row in self.rows_of(inputs)
            )
        if not self.invariants.hold(inputs) or not self._lengths_equal(inputs):
            return False
        return all(self.constraints.hold(known) for known in self._environments(inputs))

    def _row_known(self, row: Inputs) -> dict[str, Any]:
        return {
            name: value
            for names, value in zip(self.names, row, strict=True)
            for name in names
            if value is not None
        }

    def _of_examples_form(self, row: Inputs) -> bool:
        for place, (value, examples) in enumerate(zip(row, zip(*self.rows, strict=True), strict=True)):
            if self.rectangular[place] and not is_rectangle(value):
                return False
            given = [example for example in examples if example is not None]
            if value in ([], "") and all(given) and not self._may_be_empty(place, row):
                return False
            if isinstance(value, list) and "" in strings(value) and "" not in strings(given):
                return False
            if self.tests.method and self.tests.kinds[place] == "tree" and not _is_tree_levels(value):
                return False
        return True

    def _may_be_empty(self, place: int, inputs: Inputs) -> bool:
        if self.tests.method is None:
            paths, known = [f"len({name})" for name in self.names[place]], self._row_known(inputs)
        else:
            nodes = self.tests.kinds[place] in _NODES
            paths = ["nodes"] if nodes else [f"len({name})" for name in self.names[place]]
            known = self._known(inputs, place)
        environment = self.constraints.environment(known)
        return any(
            comparison.bounds(path, environment)[0] == 0
            for path in paths
            for comparison in self.constraints.comparisons
        )

    def _environments(self, inputs: Inputs) -> Iterator[dict[str, Any]]:
        trees = [place for place, kind in enumerate(self.tests.kinds) if kind in _NODES]
        for place in trees or [None]:
            yield self._known(inputs, place)

    def _known(self, inputs: Inputs, tree: int | None) -> dict[str, Any]:
        known = {
            name: value for names, value in zip(self.tests.names, inputs, strict=False) for name in names
        }
        if tree is not None and tree < len(inputs) and self.tests.kinds[tree] in _NODES:
            nodes = [value for value in inputs[tree] if value is not None]
            known |= {"nodes": len(nodes), "Node": nodes}
        return known

    def _lengths_equal(self, inputs: Inputs) -> bool:
        return all(len(inputs[one]) == len(inputs[other]) for one, other in self.equal_lengths)

    # ----- values

    def _fresh(self) -> Inputs | None:
        """Values of the examples' form, parameter by parameter: numbers first, others may depend on them."""
        if self.tests.method is None:
            return self._calls()
        template = self.random.choice(self.examples)
        inputs: list[Any] = [None] * len(template)
        order = sorted(range(len(template)), key=lambda place: isinstance(template[place], list | str))
        done: list[int] = []
        for place in order:
            known = {name: inputs[other] for other in done for name in self.tests.names[other]}
            inputs[place] = self.value_of(place, template[place], known)
            done.append(place)
        for one, other in self.equal_lengths:
            shorter = min(len(inputs[one]), len(inputs[other]))
            inputs[one], inputs[other] = inputs[one][:shorter], inputs[other][:shorter]
        return self._repaired(inputs)

    def _repaired(self, inputs: Inputs) -> Inputs:
        for kept in self.invariants.kept:
            if not kept.holds(inputs[kept.position]):
                inputs[kept.position] = kept.repaired(inputs[kept.position])
        return inputs

    # ----- changes of an example

    def _mutant(self) -> Inputs | None:
        if self.tests.method is None:
            return self._calls()
        inputs = copy.deepcopy(self.random.choice(self.examples))
        for _ in range(self.random.choice((1, 1, 2, 3))):
            place = self.random.randrange(len(inputs))
            known = {
                name: inputs[other]
                for other in range(len(inputs))
                if other != place
                for name in self.tests.names[other]
            }
            kind = self.tests.kinds[place]
            if kind == "value" and place in self.invariants.graphs:
                inputs[place] = self._edges(place, inputs[place], known)
            elif kind == "cycle":
                inputs[place] = self.random.randint(-1, max(len(inputs[place - 1]) - 1, -1))
            else:
                inputs[place] = self._changed(inputs[place], place, known)
        return self._repaired(inputs)

    def _changed(self, value: Any, place: int, known: dict[str, Any]) -> Any:
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return value + self.random.choice((-2, -1, 1, 2, self.random.randint(-10, 10)))
        if isinstance(value, float):
            return value + self.random.choice((-1, 0.5, 1))
        if isinstance(value, str):
            return self._changed_text(value, place)
        if not isinstance(value, list) or not value:
            return value
        at = self.random.randrange(len(value))
        rows = all(isinstance(item, list) for item in value)
        match self.random.randrange(7):
            case 0 if not rows:
                del value[at]
            case 1:
                value.insert(self.random.randrange(len(value) + 1), copy.deepcopy(value[at]))
            case 2:
                other = self.random.randrange(len(value))
                value[at], value[other] = value[other], value[at]
            case 3:
                value[at] = copy.deepcopy(self.random.choice(value))
            case 4 if self.random.random() < 0.3:
                self.random.shuffle(value)
            case 5 if len(value) > 2:
                del value[at]
            case _:
                value[at] = self._changed(value[at], place, known)
        return value

    def _changed_text(self, value: str, place: int) -> str:
        letters = self.invariants.alphabets.get(place)
        if letters is None or not value:
            return self.like(value)
        at = self.random.randrange(len(value))
        every = [text for row in self.examples for text in strings(row)]
        letter = self.random.choice(self.random.choice((letters, value, "".join(every) or letters)))
        letter = letter if letter in letters else value[at]
        return self.random.choice(
            (
                value[:at] + letter + value[at + 1 :],
                value[:at] + value[at + 1 :],
                value[:at] + letter + value[at:],
                value[:at] + value[at:][::-1],
                value[at:] + value[:at],
            )
        )

    # ----- design problems

    def _calls(self) -> Inputs | None:
        """The calls of an example, some of them again, left out or with an argument of another."""
        methods, arguments = copy.deepcopy(self.random.choice(self.examples))
        calls = list(zip(methods[1:], arguments[1:], strict=True))
        if not calls:
            return None
        kept = (
            calls if self.random.random() < 0.3 else self.random.choices(calls, k=self.random.randint(1, 12))
        )
        first = self._arguments(methods[0], arguments[0], {})
        known = dict(zip(self.tests.parameters.get(methods[0], ()), first, strict=False))
        rows = [self._arguments(name, given, known) for name, given in kept]
        return [[methods[0], *(name for name, _ in kept)], [first, *rows]]

    def _arguments(self, method: str, given: Sequence[Any], known: dict[str, Any]) -> list[Any]:
        """Arguments of a call: those given, some of them changed or fresh."""
        values = list(copy.deepcopy(given))
        known = dict(known)
        for at, value in enumerate(values):
            if (method, at) in self.columns:
                place = self.columns.index((method, at))
                examples = [row[place] for row in self.rows if row[place] is not None]
                match self.random.randrange(4):
                    case 0:
                        values[at] = self._changed(value, place, known)
                    case 1 | 2 if not self.careful:
                        values[at] = self.of_form(value, self.names[place], examples, known, place)
                    case _:
                        values[at] = copy.deepcopy(self.random.choice(examples or [value]))
                for kept in self.invariants.kept:
                    if kept.position == place and not kept.holds(values[at]):
                        values[at] = kept.repaired(values[at])
                known[self.names[place][0]] = values[at]
        return values


def _is_tree_levels(values: Any) -> bool:
    """Whether values by level name a tree: no value below an absent node, none left over."""
    if not values:
        return True
    if values[0] is None or values[-1] is None:
        return False
    children = 2
    for value in values[1:]:
        if children == 0:
            return False
        children += -1 + 2 * (value is not None)
    return True
