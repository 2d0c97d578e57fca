"""Tests of a problem as data: how a solution is called, inputs, and expected values.

They come from two places: the asserts of LeetCodeDataset and the examples of the problem's page, which
DebugBench repeats. Neither is run: both are read as literals.

Tested by `tests/repair/evaluation/leetcode/test_problem_tests.py`.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from repair.declared_types import converted
from repair.errors import InputError
from repair.evaluation.leetcode.loader import Checks, Problem

_NODES = {"tree_node": "tree", "list_node": "list"}
_SINGLE = {"TreeNode": "tree", "ListNode": "list"}
_ANY_ORDER = re.compile(r"\bin any order\b|\border (?:of \S+ )?(?:of the \S+ )?does(?: not|n't) matter")
_SEVERAL = re.compile(
    r"\b(?:return|output|answer with) any\b(?! order)"
    r"|\b(?:return|output|accept|answer|choose)\w*\b[^.]{0,400}\bany (?:one )?of (?:them|these)\b"
    r"|\b(?:return|output|accept|answer|choose)\w*\b[^.]{0,400}\bany of the (?:valid|possible|correct)\b"
    r"|\b(?:return|output|accept)\w*\b[^.]{0,400}\bany (?:valid|correct|possible|such|one)\b"
    r"|\bany (?:of them|(?:valid |correct )?(?:answer|solution|one)s?) (?:will be|is|are) accepted",
    re.IGNORECASE,
)
_IN_PLACE = re.compile(r"in-place|do not return anything", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Case:
    """One input, a value for each parameter, and what is expected of it."""

    inputs: list[Any]
    expected: Any


@dataclass(frozen=True, slots=True)
class ProblemTests:
    """The tests of a problem. A design problem has no `method`: its inputs are the calls and their arguments.

    `kinds`: how each value becomes an argument (`value`, `list`, `tree`, `lists`, `trees`, `cycle`, `node`).
    `result`: what is judged: the `answer`, the first `argument` after the call, its `prefix` of as many
    items as the answer says, or the value of the `node` that is returned.
    """

    class_name: str
    method: str | None
    kinds: list[str]
    result: str = "answer"
    nodes: bool = False
    """The answer is a list or a tree, which None stands for if it is empty."""
    any_order: bool = False
    several_answers: bool = False
    """The page says that there may be several right answers, and any of them does."""
    names: list[list[str]] = field(default_factory=list)
    """The names that each value has in the asserts, on the page and in solutions."""
    parameters: dict[str, list[str]] = field(default_factory=dict)
    """Of a design problem: the names of the parameters of each method, the class itself among them."""
    cases: list[Case] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "ProblemTests":
        """Raises InputError if the text is not what `to_json` writes."""
        try:
            return converted(json.loads(text), cls, "tests")
        except (ValueError, RecursionError) as error:
            raise InputError(f"the tests of a problem can't be read: {error}") from error


def read_tests(checks: Checks | None, problem: Problem | None) -> ProblemTests | None:
    """The tests of a problem from what is known of it; None if nothing of it can be read."""
    found = _from_checks(checks) if checks else None
    page = _from_page(problem, found) if problem else None
    tests = found or page
    if tests is None or not tests.cases:
        return None
    known = {json.dumps(case.inputs) for case in tests.cases}
    more = [case for case in page.cases if json.dumps(case.inputs) not in known] if page else []
    fits = page is not None and page.kinds == tests.kinds and page.result == tests.result
    text = problem.description if problem else checks.description if checks else ""
    return ProblemTests(
        class_name=tests.class_name,
        method=tests.method,
        kinds=tests.kinds,
        result=tests.result,
        nodes=tests.nodes,
        any_order=bool(_ANY_ORDER.search(text)),
        several_answers=bool(_SEVERAL.search(_ANY_ORDER.sub(" ", text))),
        names=_names(tests, page, problem),
        parameters=tests.parameters,
        cases=tests.cases + (more if fits else []),
    )


def _names(tests: ProblemTests, page: ProblemTests | None, problem: Problem | None) -> list[list[str]]:
    names = [list(known) for known in tests.names]
    if page and len(page.names) == len(names):
        for known, others in zip(names, page.names, strict=True):
            known += [name for name in others if name not in known]
    for method in _methods(problem, tests.class_name) if problem else ():
        parameters = [argument.arg for argument in method.args.args[1:]]
        if method.name == tests.method and len(parameters) == len(names):
            for known, name in zip(names, parameters, strict=True):
                if name not in known:
                    known.append(name)
    return names


def _from_checks(checks: Checks) -> ProblemTests | None:
    class_name, _, method = checks.entry_point.partition("().")
    rows: list[tuple[list[tuple[str, Any]], Any]] = []
    kinds: list[str] = []
    names: list[list[str]] = []
    nodes = False
    try:
        tree = ast.parse(checks.code)
        for node in (found for found in ast.walk(tree) if isinstance(found, ast.Assert)):
            call, expected = _sides(node.test)
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            values = [_literal(value) for value in given]
            kind, value = _literal(expected)
            nodes = nodes or kind != "value"
            rows.append((values, value))
            kinds = kinds or ["value"] * len(values)
            names = names or [
                [keyword.arg] if keyword.arg else []
                for keyword in [*(ast.keyword(None, value) for value in call.args), *call.keywords]
            ]
            kinds = [
                found if found != "value" else known for known, (found, _) in zip(kinds, values, strict=True)
            ]
    except (SyntaxError, ValueError, TypeError, AttributeError):
        return None
    cases = [Case([value for _, value in values], expected) for values, expected in rows]
    return ProblemTests(class_name, method, kinds, nodes=nodes, names=names, cases=cases)


def _sides(test: ast.expr) -> tuple[ast.Call, ast.expr]:
    """The call of the candidate and the expected value, of `f(..) == x` or `is_same_tree(f(..), x)`."""
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Call) and isinstance(test.ops[0], ast.Eq):
        return test.left, test.comparators[0]
    if isinstance(test, ast.Call) and len(test.args) == 2 and isinstance(test.args[0], ast.Call):
        return test.args[0], test.args[1]
    raise ValueError("the assert compares no call with a value")


def _literal(node: ast.expr) -> tuple[str, Any]:
    """The kind of an argument and its value."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _NODES:
        return _NODES[node.func.id], ast.literal_eval(node.args[0])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SINGLE:
        return _SINGLE[node.func.id], [ast.literal_eval(value) for value in node.args]
    if isinstance(node, ast.List) and node.elts and all(isinstance(item, ast.Call) for item in node.elts):
        items = [_literal(item) for item in node.elts]
        return f"{items[0][0]}s", [value for _, value in items]
    value = ast.literal_eval(node)
    json.dumps(value)
    return "value", json.loads(json.dumps(value))


def _from_page(problem: Problem, known: ProblemTests | None) -> ProblemTests | None:
    cases: list[tuple[dict[str, Any], str]] = []
    for example in problem.examples:
        if (read := _example(example)) is not None:
            cases.append(read)
    if not cases:
        return None
    if list(cases[0][0]) == [""]:
        return _design(cases, problem)
    names = list(cases[0][0])
    cases = [case for case in cases if list(case[0]) == names]
    signature = _signature(problem, names, known)
    if signature is None:
        return None
    method, parameters, returns = signature
    sample = [[inputs[name] for inputs, _ in cases] for name in names]
    kinds = [
        _kind(name, parameters[index] if index < len(parameters) else None, sample[index], problem)
        for index, name in enumerate(names)
    ]
    if len(names) == len(parameters) + 1 and names[-1] == "pos" and kinds[-2] == "list":
        kinds[-1] = "cycle"
    elif len(names) != len(parameters):
        return None
    if known and len(known.kinds) == len(kinds):
        kinds = known.kinds
    result, nodes = _result(problem, returns, cases)
    read_cases: list[Case] = []
    for inputs, output in cases:
        try:
            expected = _output(output, result)
        except ValueError:
            continue
        values = [
            [] if value is None and kind in ("tree", "list") else value
            for kind, value in zip(kinds, inputs.values(), strict=True)
        ]
        read_cases.append(Case(values, expected))
    class_name = known.class_name if known else "Solution"
    return ProblemTests(
        class_name, method, kinds, result, nodes, names=[[name] for name in names], cases=read_cases
    )


def _example(text: str) -> tuple[dict[str, Any], str] | None:
    """The inputs of an example by name, and its output; the calls of a design problem have the name ''."""
    matched = re.search(
        r"Input:?(.*?)\n\s*Output:?(.*?)(?:\n\s*Explanation|\n\s*Note|\n\s*Constraints|\Z)", text, re.DOTALL
    )
    if matched is None:
        return None
    given, output = matched[1].strip(), matched[2].strip()
    try:
        if given.startswith("["):
            methods, arguments = _several(given)
            return {"": [methods, arguments]}, output
        inputs: dict[str, Any] = {}
        while given:
            name = re.match(r"\s*,?\s*(\w+)\s*=\s*", given)
            if name is None:
                return None
            value, end = _value(given, name.end())
            inputs[name[1]] = value
            given = given[end:].strip()
    except ValueError:
        return None
    return (inputs, output) if inputs else None


_DECODER = json.JSONDecoder()


def _value(text: str, start: int = 0) -> tuple[Any, int]:
    """A JSON value of a page, where strings may stand in single quotes."""
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except json.JSONDecodeError:
        quoted = re.compile(r"'([^'\\]*)'").match(text, start)
        if quoted:
            return quoted[1], quoted.end()
        number = re.compile(r"[-+]?0*(\d[\d.]*)").match(text, start)
        if number is None:
            raise
        return float(number[0]) if "." in number[0] else int(number[0]), number.end()


def _several(text: str) -> list[Any]:
    values: list[Any] = []
    place = 0
    while place < len(text):
        value, place = _value(text, place)
        values.append(value)
        place += len(text[place:]) - len(text[place:].lstrip(" \n\t,"))
    if (
        len(values) != 2
        or not all(isinstance(value, list) for value in values)
        or len(values[0]) != len(values[1])
    ):
        raise ValueError("expected a list of methods and one of their arguments")
    return values


def _output(text: str, result: str) -> Any:
    """The expected value of an output. Raises ValueError if it is none."""
    if result == "prefix":
        matched = re.match(r"(\d+),\s*\w+\s*=\s*(\[.*\])", text, re.DOTALL)
        if matched is None:
            raise ValueError("expected a number and a list")
        items = matched[2].replace("_", "null")
        return [int(matched[1]), json.loads(items)[: int(matched[1])]]
    value, end = _value(text)
    if text[end:].strip():
        raise ValueError("more than a value")
    return value


def _design(cases: list[tuple[dict[str, Any], str]], problem: Problem) -> ProblemTests | None:
    read: list[Case] = []
    for inputs, output in cases:
        try:
            read.append(Case(inputs[""], _output(output, "answer")))
        except ValueError:
            continue
    if not read:
        return None
    class_name = str(read[0].inputs[0][0])
    parameters: dict[str, list[str]] = {}
    for method in _methods(problem, class_name):
        name = class_name if method.name == "__init__" else method.name
        parameters.setdefault(name, [argument.arg for argument in method.args.args[1:]])
    return ProblemTests(class_name, None, ["value"] * 2, names=[[], []], parameters=parameters, cases=read)


def _methods(problem: Problem, class_name: str) -> Iterator[ast.FunctionDef]:
    for text in problem.correct:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == class_name:
                yield from (item for item in node.body if isinstance(item, ast.FunctionDef))


def _signature(
    problem: Problem, names: Sequence[str], known: ProblemTests | None
) -> tuple[str, list[str | None], str | None] | None:
    """The method that LeetCode calls, with its annotations: its parameters fit the examples best."""
    votes: Counter[str] = Counter()
    fitting: dict[str, tuple[list[str | None], str | None]] = {}
    for method in _methods(problem, "Solution"):
        arguments = method.args.args[1:]
        required = len(arguments) - len(method.args.defaults)
        count = len(names) - (names[-1] == "pos" and "pos" not in {argument.arg for argument in arguments})
        if method.name.startswith("__") or not required <= count <= len(arguments):
            continue
        if known and method.name != known.method:
            continue
        annotations = [
            ast.unparse(argument.annotation) if argument.annotation else None
            for argument in arguments[:count]
        ]
        returns = ast.unparse(method.returns) if method.returns else None
        same = sum(argument.arg == name for argument, name in zip(arguments, names, strict=False))
        votes[method.name] += 1 + 4 * same + sum(annotation is not None for annotation in annotations)
        if method.name not in fitting or None in fitting[method.name][0]:
            fitting[method.name] = annotations, returns
    if not votes:
        return None
    name = max(votes, key=lambda found: votes[found])
    return name, *fitting[name]


def _kind(name: str, annotation: str | None, values: list[Any], problem: Problem) -> str:
    lists = all(value is None or isinstance(value, list) for value in values)
    text = annotation or ""
    if not annotation and lists:
        page = problem.description.lower()
        if name.startswith("root") and "tree" in page:
            text = "TreeNode"
        elif re.match(r"head|l[12]$|list[12]$", name) and "linked list" in page:
            text = "ListNode"
    if "TreeNode" in text:
        if "List[" in text.replace("List[TreeNode]", "List["):
            return "trees"
        return "tree" if lists else "node"
    if "ListNode" in text:
        return "lists" if re.search(r"\b[Ll]ist\[", text) else "list"
    return "value"


def _result(
    problem: Problem, returns: str | None, cases: Iterable[tuple[dict[str, Any], str]]
) -> tuple[str, bool]:
    outputs = [output for _, output in cases]
    if all(re.match(r"\d+,\s*\w+\s*=\s*\[", output) for output in outputs):
        return "prefix", False
    if returns and re.search(r"(Tree|List)Node", returns):
        single = not re.search(r"\b[Ll]ist\[", returns)
        if single and all(re.fullmatch(r"-?\d+", output) for output in outputs):
            return "node", False
        return "answer", single
    if returns in (None, "None") and _IN_PLACE.search(problem.description) and returns == "None":
        return "argument", bool(re.search(r"(Tree|List)Node", problem.correct[0]))
    return "answer", False
