"""Invariants of a problem's inputs that its page states in words: sorted, unique, a tree, lowercase letters.

A sentence is not parsed. It names a property, and the property is kept for those parameters that have it in
every example. That may keep more than the page asks for, which costs inputs but makes no wrong ones.

Tested by `tests/repair/evaluation/leetcode/test_inputs.py`.
"""

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from repair.evaluation.leetcode.inputs.properties import CHECKS, PROPERTIES, leaves, of_any_form, strings

Inputs = list[Any]

_LONGEST_SENTENCE = 400  # characters of it that are looked at
_HARMLESS = re.compile(
    r"at most .* calls|follow.?up|will not exceed|does not exceed|sum of .* (?:at most|exceed)"
    r"|\b(?:answers?|results?|output)\b.* (?:range|fits?|less|<=)|fits? (?:in|within|into)|32-bit|64-bit"
    r"|valid index in the linked|^\W*$|^note\b|^\w+\[i\] = \[|is in the range",
    re.IGNORECASE,
)
_CHARACTERS = re.compile(
    r"consists?\b|contains? only|only contains?|is (?:either |one of |an? )|are (?:either |one of )"
    r"|made (?:up )?of|will be (?:either |one of |an? )|(?:is|are) (?=['\"])"
)


_MEMBER = r"\w+ (?:is (?:in|an element of|present in|part of)|exists? in|appears? in) \w+"


@dataclass(frozen=True, slots=True)
class Invariant:
    """A property that all inputs have. `repaired` brings an input nearer to it."""

    name: str
    position: int
    holds: Callable[[Any], bool]
    repaired: Callable[[Any], Any]


@dataclass(slots=True)
class Invariants:
    """What is kept, the characters of each parameter that are known, and the sentences not understood."""

    kept: list[Invariant] = field(default_factory=list)
    alphabets: dict[int, str] = field(default_factory=dict)
    graphs: dict[int, str] = field(default_factory=dict)
    """The parameters that are edges of a `tree` or of an `acyclic` graph."""
    members: list[tuple[int, int]] = field(default_factory=list)
    """A parameter, and the list that it is an item of."""
    unread: list[str] = field(default_factory=list)

    def hold(self, inputs: Inputs) -> bool:
        return all(kept.holds(inputs[kept.position]) for kept in self.kept) and all(
            inputs[item] in inputs[container] for item, container in self.members
        )


def read_invariants(
    sentences: Sequence[str], description: str, names: Sequence[Sequence[str]], examples: Sequence[Inputs]
) -> Invariants:
    """The invariants that the sentences, or the page's description, name and all examples have."""
    found = Invariants()
    known = [set(words) for words in names]
    for sentence in sentences:
        if _HARMLESS.search(sentence[:_LONGEST_SENTENCE]):
            continue
        understood = _characters(found, sentence, known, examples)
        for pattern, properties in PROPERTIES:
            if re.search(pattern, sentence, re.IGNORECASE):
                understood = _keep(found, properties, examples) or understood
        if re.search(_MEMBER, sentence):
            understood = _members(found, examples) or understood
        if not understood:
            found.unread.append(sentence)
    every = {name for words in known for name in words}
    for sentence in re.split(r"(?<=[.:;])\s|\n", description):
        about = every & set(re.findall(r"\w+", sentence)) or re.search(r"\bgraph|\btree|\barray", sentence)
        for pattern, properties in PROPERTIES if about else ():
            if re.search(pattern, sentence, re.IGNORECASE):
                _keep(found, properties, examples)
    return found


def _members(found: Invariants, examples: Sequence[Inputs]) -> bool:
    places = range(len(examples[0]))
    pairs = [
        (item, container)
        for item in places
        for container in places
        if all(
            isinstance(row[container], list)
            and not isinstance(row[item], list)
            and row[item] in row[container]
            for row in examples
        )
    ]
    found.members += [pair for pair in pairs if pair not in found.members]
    return bool(pairs)


def _characters(
    found: Invariants, sentence: str, names: Sequence[set[str]], examples: Sequence[Inputs]
) -> bool:
    verb = _CHARACTERS.search(sentence)
    if verb is None:
        return False
    subject, rest = sentence[: verb.start()], sentence[verb.end() :]
    words = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"\[[^\]]*\]", "", subject)))
    positions = [place for place, known in enumerate(names) if known & words]
    texts = [place for place in positions if any(True for row in examples for _ in strings(row[place]))]
    if texts and re.search(r"\]\[\d\]|\w\[\d+\]", subject):
        return True  # of one character: such texts are changed in their form
    if not texts:
        numbers = set(map(int, re.findall(r"-?\d+", rest)))
        values = {value for row in examples for place in positions for value in leaves(row[place])}
        if positions and numbers and values <= numbers:
            for place in positions:
                _add(
                    found,
                    f"one of {sorted(numbers)}",
                    place,
                    lambda value: set(leaves(value)) <= numbers,
                    lambda value: value,
                )
            return True
        return False
    letters = alphabet_of(rest)
    for place in texts:
        seen = {character for row in examples for text in strings(row[place]) for character in text}
        if not letters or re.search(r"words|separated|represent|valid|form", rest):
            return False
        allowed = "".join(sorted(set(letters) | seen))
        found.alphabets[place] = allowed
        _add(
            found,
            "alphabet",
            place,
            lambda value, allowed=frozenset(allowed): all(
                allowed.issuperset(text) for text in strings(value)
            ),
            lambda value: value,
        )
    return True


def alphabet_of(text: str) -> str:
    """The characters that a phrase such as "lowercase English letters and '*'" allows."""
    letters: set[str] = set()
    low, high = re.search(r"lower\s*-?case", text, re.I), re.search(r"upper\s*-?case", text, re.I)
    if low or (re.search(r"English|letters|alphabet", text) and not high):
        letters.update(string.ascii_lowercase)
    if high or (re.search(r"English|letters", text) and not low):
        letters.update(string.ascii_uppercase)
    ranged = re.search(r"digits?\b.*?'?(\d)'? (?:to|-|and) '?(\d)'?", text)
    if ranged:
        letters.update(str(digit) for digit in range(int(ranged[1]), int(ranged[2]) + 1))
    elif re.search(r"\bdigits?\b|\bnumeric", text):
        letters.update(string.digits)
    letters.update(re.findall(r"'(.)'", text))
    for quoted in re.findall(r'"([^"]+)"', text):
        letters.update(quoted)
    if re.search(r"\bspaces?\b", text):
        letters.add(" ")
    if "binary" in text:
        letters.update("01")
    return "".join(sorted(letters))


def _add(
    found: Invariants,
    name: str,
    position: int,
    holds: Callable[[Any], bool],
    repaired: Callable[[Any], Any],
) -> None:
    if all((kept.name, kept.position) != (name, position) for kept in found.kept):
        found.kept.append(Invariant(name, position, holds, repaired))


def _keep(found: Invariants, properties: Sequence[str], examples: Sequence[Inputs]) -> bool:
    """Keep each property for each parameter that has it in all examples, and says something of one."""
    some = False
    for name in properties:
        applies, holds, repaired = CHECKS[name]
        applies, holds = of_any_form(applies), of_any_form(holds)
        for position in range(len(examples[0])):
            values = [row[position] for row in examples]
            if any(applies(value) for value in values) and all(
                holds(value) for value in values if applies(value)
            ):
                some = True
                _add(
                    found,
                    name,
                    position,
                    lambda value, holds=holds, applies=applies: not applies(value) or holds(value),
                    repaired,
                )
                if name in ("tree", "acyclic"):
                    found.graphs.setdefault(position, name)
    return some
