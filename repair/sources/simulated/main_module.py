"""A project's `main.py`: a small program that imports the project's other modules and uses them.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import ast
from collections.abc import Sequence
from random import Random

from repair.sources.simulated.corpus import Module

# Two of them hold what must not reach a language model.
_AUTHORS = (
    'AUTHOR = "Ada Byron <ada.byron@example.com>"',
    'API_TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"',
    'VERSION = (1, 0, "🐍")',
    "LIMIT = 25",
)

_HEAD = '''"""Show what {names} can do."""

import os
import re
import sys
{imports}

{constant}


def first_line(text: str | None) -> str:
    """The first line of a docstring 📄, without blanks."""
    if text is None:
        return ""
    found = re.search(r"\\S.*", text)
    if found is None:
        return ""
    return found.group().strip()


def describe(name: str, thing: object) -> str:
    """A line about `thing`."""
    line = first_line(thing.__doc__)
    return f"{{name:<24}} {{line}}"


def wanted(arguments: list[str]) -> list[str]:
    """Names to show: those on the command line, else those in the environment."""
    if arguments:
        names = arguments
    else:
        names = os.environ.get("SHOW", "").split(",")
    return [name.strip() for name in names if name.strip()]


def main(arguments: list[str]) -> int:
    """Print a line for each thing; the number of things is the result."""
    things: dict[str, object] = {{
{things}
    }}
    names = wanted(arguments)
    shown = 0
    for name, thing in things.items():
        if names and name not in names:
            continue
        print(describe(name, thing), "✅")
        shown += 1
    total = len(things)
    print("shown", shown, "of", total)
{calls}
    return shown


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
'''


def main_module(modules: Sequence[Module], random: Random) -> Module:
    """The text of a `main.py` for a project of `modules`."""
    things: list[str] = []
    calls: list[str] = []
    for module in modules:
        names, callable_names = _public(module)
        things += [f"{module.name}.{name}" for name in names[:4]]
        calls += [f"{module.name}.{name}" for name in callable_names[:2]]
    text = _HEAD.format(
        names=", ".join(module.name for module in modules),
        imports="\n" + "\n".join(f"import {name}" for name in sorted(module.name for module in modules)),
        constant=random.choice(_AUTHORS),
        things="\n".join(f'        "{name}": {name},' for name in things),
        calls="\n".join(f'    print("{name}:", {name}())' for name in calls) or "    print()",
    )
    return Module("main", text)


def _public(module: Module) -> tuple[list[str], list[str]]:
    """Top-level functions and classes, and the functions that can be called without arguments."""
    names: list[str] = []
    callable_names: list[str] = []
    for node in ast.parse(module.text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            names.append(node.name)
            if isinstance(node, ast.FunctionDef):
                arguments = node.args
                needed = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
                if needed <= 0 and all(default is not None for default in arguments.kw_defaults):
                    callable_names.append(node.name)
    return names, callable_names
