"""Driver: the program inside the sandbox that calls a solution and writes what it returns as JSON.

It gets a request on the standard input: the solution's text, how it is called, and the inputs. Expected
values never enter the sandbox. Every value is serialised as LeetCode does (tuples, sets and iterators as
lists, trees by level), one line for each input, to a descriptor that nothing printed reaches. What comes out
is only a claim of the program: the comparison is made outside. Its text alone is the program, so that it
imports nothing of this project.

Tested by `tests/repair/evaluation/leetcode/test_functional.py`.
"""

from __future__ import annotations

# Modules that the interpreter has anyway: each other one would be loaded anew for every verdict.
import _signal  # pyright: ignore[reportMissingImports]
import _thread
import builtins
import marshal
import os
import sys
import time
from _json import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType
    from typing import Any

RECURSION_LIMIT = 550_000
"""LeetCode's own, as `sys.getrecursionlimit()` tells there."""
STACK_BYTES = 256 << 20
"""For recursion through C: a cached function, a key of a sort."""
CASE_SECONDS = 3.0
"""Processor time for one input: what loops for ever is ended long before all inputs' time is over."""
MOST_NODES = 100_000
"""Of a list or tree that is written out: a circle has no end."""

# LeetCode's file begins with `from X import *` of each, in this order, then `import X`; then come all of
# typing and, above all of these but the modules, the builtins.
STARS = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random"),
    *("statistics", "itertools", "functools", "operator", "io", "sys", "json"),
)


class ListNode:
    def __init__(self, val: Any = 0, next: Any = None) -> None:
        self.val = val
        self.next = next


class TreeNode:
    def __init__(self, val: Any = 0, left: Any = None, right: Any = None) -> None:
        self.val = val
        self.left = left
        self.right = right


def sources_of_names() -> dict[str, str]:
    """Name -> the module that LeetCode has it from, for every name that its file begins with."""
    found: dict[str, str] = {}
    for source in (*STARS, "typing", "collections"):  # typing's Counter makes one of collections
        module = __import__(source)
        for name in getattr(module, "__all__", vars(module)):
            if not name.startswith("_") and not hasattr(builtins, name):
                found[name] = source
    return found


def implicit_names(code: CodeType, text: str, sources: dict[str, str]) -> dict[str, Any]:
    """What LeetCode imports for everybody, as far as the code mentions it: to import all takes longer."""
    found: dict[str, Any] = {"ListNode": ListNode, "TreeNode": TreeNode}
    for name in _mentioned(code):
        if name in STARS:
            module = __import__(name)
            member = getattr(module, name, None)
            found[name] = module if member is None or f"{name}." in text else member
        elif name in sources:
            found[name] = getattr(__import__(sources[name]), name)
    return found


def install(modules: dict[str, str]) -> None:
    """Load modules from their sources: the package comes last, and names the others."""
    for name in modules:
        sys.modules[name] = type(sys)(name)
        vars(sys.modules[name]).update(__path__=[], __package__=name.partition(".")[0])
    for name, source in modules.items():
        exec(compile(source, f"{name}.py", "exec"), vars(sys.modules[name]))  # noqa: S102 (ours)


def _mentioned(code: CodeType) -> set[str]:
    names: set[str] = set()
    pending = [code]
    while pending:
        current = pending.pop()
        names.update(current.co_names)
        pending += [constant for constant in current.co_consts if isinstance(constant, type(code))]
    return names


def _new_node(kind: Any, standard: Any, value: Any) -> Any:
    """A node of the solution's own class, however its constructor is written."""
    try:
        node = kind(value)
    except Exception:
        node = standard(value)
    for name in ("left", "right") if standard is TreeNode else ("next",):
        if not hasattr(node, name):
            setattr(node, name, None)
    return node


def build_list(values: Iterable[Any], kind: Any = ListNode, cycle_at: int = -1) -> Any:
    """A linked list; its last node points to node `cycle_at`, if that is none below 0."""
    nodes = [_new_node(kind, ListNode, value) for value in values]
    for place, node in enumerate(nodes[1:]):
        nodes[place].next = node
    if nodes and 0 <= cycle_at < len(nodes):
        nodes[-1].next = nodes[cycle_at]
    return nodes[0] if nodes else None


def build_tree(values: list[Any], kind: Any = TreeNode) -> Any:
    """A tree from its values by level, with None for an absent child of a node that is there."""
    if not values or values[0] is None:
        return None
    remaining = iter(values[1:])
    root = _new_node(kind, TreeNode, values[0])
    parents = [root]
    for parent in parents:  # it grows
        for side in ("left", "right"):
            value = next(remaining, None)
            if value is not None:
                child = _new_node(kind, TreeNode, value)
                setattr(parent, side, child)
                parents.append(child)
    return root


def json_of(value: Any, depth: int = 0) -> str:
    """The JSON text of a value. Raises TypeError for what has none, ValueError for a circle."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return encode_basestring_ascii(str(value))
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _real(value)
    if depth > 100:
        raise ValueError("nested too deeply")
    if hasattr(value, "val") and hasattr(value, "left"):
        items = _levels(value)
    elif hasattr(value, "val") and hasattr(value, "next"):
        items = _links(value)
    elif hasattr(value, "__iter__"):
        items = (json_of(item, depth + 1) for item in value)
    elif hasattr(value, "__float__"):  # a Fraction or a Decimal
        return _real(float(value))
    else:
        raise TypeError(f"{type(value).__name__} is no value that can be returned")
    return f"[{','.join(items)}]"


def _real(value: float) -> str:
    text = float.__repr__(value)
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)


def _links(node: Any) -> Iterator[str]:
    for _ in range(MOST_NODES):
        if node is None:
            return
        yield json_of(node.val, 1)
        node = node.next
    raise ValueError("the list has no end")


def _levels(root: Any) -> list[str]:
    values: list[str] = []
    nodes = [root]
    for node in nodes:  # it grows
        if len(values) > MOST_NODES:
            raise ValueError("the tree has no end")
        values.append("null" if node is None else json_of(node.val, 1))
        if node is not None:
            nodes += (node.left, node.right)
    while values and values[-1] == "null":
        values.pop()
    return values


class Solved:
    """A solution that is loaded: `call` gives its answer to one input."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        module = type(sys)("main")
        sys.modules["main"] = module
        text = request["text"]
        install(request["modules"])
        code = compile(text, "main.py", "exec")
        if request["sources"]:
            vars(module).update(implicit_names(code, text, request["sources"]))
        exec(code, vars(module))  # noqa: S102 (this is the sandbox)
        self.names = vars(module)

    def call(self, inputs: list[Any]) -> str:
        """The JSON of what is judged of one call, or of each call of a design problem."""
        if "random" in sys.modules:
            sys.modules["random"].seed(self.request["seed"])
        if self.request["method"] is None:
            return self._calls(*inputs)
        arguments = self._arguments(inputs)
        answer = getattr(self.names[self.request["class"]](), self.request["method"])(*arguments)
        match self.request["result"]:
            case "argument":
                return json_of(arguments[0])
            case "prefix":
                return json_of([answer, arguments[0][:answer]])
            case "node":
                return json_of(None if answer is None else answer.val)
            case _:
                return json_of(answer)

    def _arguments(self, inputs: list[Any]) -> list[Any]:
        arguments: list[Any] = []
        list_node, tree_node = (
            self.names.get(name, standard)
            for name, standard in (("ListNode", ListNode), ("TreeNode", TreeNode))
        )
        for kind, value in zip(self.request["kinds"], inputs, strict=True):
            match kind:
                case "tree":
                    arguments.append(build_tree(value, tree_node))
                case "list":
                    arguments.append(build_list(value, list_node))
                case "trees":
                    arguments.append([build_tree(item, tree_node) for item in value])
                case "lists":
                    arguments.append([build_list(item, list_node) for item in value])
                case "cycle":  # the position that the list before it goes back to
                    arguments[-1] = build_list(inputs[len(arguments) - 1], list_node, value)
                case "node":  # a node of the tree before it, by its value
                    arguments.append(_node_of(arguments[0], value))
                case _:
                    arguments.append(value)
        return arguments

    def _calls(self, methods: list[str], arguments: list[list[Any]]) -> str:
        design = self.names[methods[0]](*arguments[0])
        answers = (
            json_of(getattr(design, method)(*given))
            for method, given in zip(methods[1:], arguments[1:], strict=True)
        )
        return f"[{','.join(['null', *answers])}]"


def _node_of(root: Any, value: Any) -> Any:
    nodes = [root]
    for node in nodes:  # it grows
        if node is not None:
            if node.val == value:
                return node
            nodes += (node.left, node.right)
    return None


def answer_all(request: dict[str, Any], channel: int) -> None:
    """One line for each input: `[answer]`, or `[answer, processor seconds]` if `measure`; `null` if it fails.

    The first failure is the last line unless `measure`, which goes on.
    """
    solved = Solved(request)
    lines: list[str] = []
    for inputs in request["inputs"]:
        # by a signal that nobody handles: the kernel counts the time, and ends the process
        _signal.setitimer(_signal.ITIMER_PROF, CASE_SECONDS)
        began = time.process_time()
        try:
            answer = solved.call(inputs)
            seconds = time.process_time() - began
            lines.append(f"[{answer},{seconds}]" if request["measure"] else f"[{answer}]")
        except BaseException:  # SystemExit too
            if not request["measure"]:
                raise
            lines.append("null")
    rest = memoryview("".join(f"{line}\n" for line in lines).encode())
    while rest:
        rest = rest[os.write(channel, rest) :]


def main() -> None:
    # from us: read by no module that takes time to load
    request = marshal.loads(sys.stdin.buffer.read().decode("utf-8").encode("latin-1"))  # noqa: S302
    channel = os.dup(1)
    os.dup2(2, 1)  # what the solution prints is no result, but too much of it is too much
    sys.setrecursionlimit(RECURSION_LIMIT)
    sys.set_int_max_str_digits(0)
    _thread.stack_size(STACK_BYTES)
    finished = _thread.allocate_lock()
    finished.acquire()
    codes: list[int] = []

    def work() -> None:
        try:
            answer_all(request, channel)
            codes.append(0)
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"[:1000]
            os.write(2, message.encode("utf-8", "replace"))
        finally:
            finished.release()

    _thread.start_new_thread(work, ())
    finished.acquire()
    # not by sys.exit: nothing that the solution left for the end is part of its answers
    os._exit(0 if codes else 1)


if __name__ == "__main__":
    main()
