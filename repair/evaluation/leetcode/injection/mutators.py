"""Bug mutators of all subtypes, and the seeded draw of a problem's candidates."""

from collections.abc import Callable, Iterator, Mapping

from repair.evaluation.leetcode.injection import logic_bugs, reference_bugs, syntax_bugs
from repair.evaluation.leetcode.injection.bugs import MUTATOR, SEED, InjectedBug
from repair.evaluation.leetcode.injection.solution import ParsedSolution, Replacement
from repair.text.stable_hash import rank

BugMutator = Callable[[ParsedSolution], Iterator[Replacement]]

MUTATORS: Mapping[str, BugMutator] = {
    "misused == or =": syntax_bugs.misused_equals,
    "missing colons": syntax_bugs.missing_colons,
    "unclosed parentheses": syntax_bugs.unclosed_parentheses,
    "illegal indentation": syntax_bugs.illegal_indentation,
    "unclosed string": syntax_bugs.unclosed_string,
    "illegal comment": syntax_bugs.illegal_comment,
    "faulty indexing": reference_bugs.faulty_indexing,
    "undefined objects": reference_bugs.undefined_objects,
    "undefined methods": reference_bugs.undefined_methods,
    "illegal keywords": reference_bugs.illegal_keywords,
    "operation error": logic_bugs.operation_error,
    "variable error": logic_bugs.variable_error,
    "other error": logic_bugs.other_error,
}
"""DebugBench's name of a subtype -> the function that yields every place for such a bug."""

CANDIDATES = 5
"""Of a problem, each of another subtype."""


def mutated(slug: str, correct: str, *, at_most: int = CANDIDATES) -> list[InjectedBug]:
    """The candidates of a problem: one place of each of `at_most` subtypes, drawn by a seeded hash.

    Empty if the solution can't be parsed.
    """
    try:
        solution = ParsedSolution(correct)
    except (SyntaxError, ValueError):
        return []
    found: list[InjectedBug] = []
    for subtype in sorted(MUTATORS, key=lambda subtype: rank(SEED, slug, subtype)):
        if drawn := _drawn(slug, subtype, solution):
            found.append(InjectedBug(slug, subtype, MUTATOR, correct, solution.applied(drawn)))
    return found[:at_most]


def _drawn(slug: str, subtype: str, solution: ParsedSolution) -> Replacement | None:
    def at_random(place: Replacement) -> str:
        return rank(SEED, slug, subtype, str(place.start), str(place.end), place.new)

    return min(MUTATORS[subtype](solution), key=at_random, default=None)
