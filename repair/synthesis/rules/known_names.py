"""Names of Python and its standard library, read from the sources without running them; closest matches.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import ast
import builtins
import collections
import re
import sys
import sysconfig
from collections.abc import Collection
from difflib import SequenceMatcher
from functools import cache
from importlib import import_module
from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec
from pathlib import Path

from repair.text.python_names import bound

BUILTINS = frozenset(dir(builtins))

MODULES = frozenset(name for name in sys.stdlib_module_names if not name.startswith("_"))

# The names that are imported from their module most often.
_IMPORTED_FROM = {
    "typing": "Any Callable ClassVar Dict Generic Iterable Iterator List Literal Mapping NamedTuple Optional"
    " Protocol Sequence Set TYPE_CHECKING Tuple TypeVar Union cast overload",
    "collections": "Counter OrderedDict defaultdict deque namedtuple",
    "dataclasses": "dataclass field",
    "datetime": "date datetime timedelta timezone",
    "pathlib": "Path PurePath",
    "functools": "cache cmp_to_key lru_cache partial reduce wraps",
    "itertools": "accumulate chain combinations count cycle groupby islice pairwise permutations product",
    "math": "ceil comb floor gcd inf isqrt lcm log pi sqrt",
    "heapq": "heapify heappop heappush nlargest nsmallest",
    "bisect": "bisect_left bisect_right insort",
    "operator": "add attrgetter itemgetter mul xor",
    "random": "choice randint shuffle",
    "abc": "ABC abstractmethod",
    "enum": "Enum IntEnum auto",
    "contextlib": "contextmanager suppress",
    "copy": "copy deepcopy",
    "time": "perf_counter sleep time",
    "pprint": "pprint",
    "glob": "glob",
    "importlib": "reload",
    "sys": "intern",
    "urllib.request": "urlopen urlretrieve",
    "concurrent.futures": "ProcessPoolExecutor ThreadPoolExecutor as_completed",
    "unittest": "TestCase",
    "tempfile": "NamedTemporaryFile TemporaryDirectory",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits",
    "threading": "Lock Thread",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "io": "BytesIO StringIO",
    "argparse": "ArgumentParser",
    "urllib.parse": "quote urlencode urljoin urlparse",
}
HOME = {name: module for module, names in _IMPORTED_FROM.items() for name in names.split()}
"""The module from which a name is often imported."""

ALIASES = {
    **{"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot", "sns": "seaborn", "tf": "tensorflow"},
    **{"nx": "networkx", "tk": "tkinter", "ET": "xml.etree.ElementTree"},
}
"""The module that is imported under another name by custom."""

FOREIGN = {
    **{"null": "None", "nil": "None", "undefined": "None", "true": "True", "false": "False", "this": "self"},
    **{"NULL": "None", "TRUE": "True", "FALSE": "False", "string": "str", "boolean": "bool", "Array": "list"},
    **{"ArrayList": "list", "parseInt": "int", "parseFloat": "float", "println": "print", "printf": "print"},
    **{"raw_input": "input", "xrange": "range", "unicode": "str", "unichr": "chr", "basestring": "str"},
    **{"long": "int", "StandardError": "Exception", "WindowsError": "OSError"},
}
"""Names of other languages, of Python 2, and of Windows."""

_NAMES_OF_PYTHON_2 = (
    "StandardError apply basestring buffer cmp coerce execfile file intern long raw_input reduce reload"
    " unichr unicode xrange"
)
PYTHON_2 = frozenset(_NAMES_OF_PYTHON_2.split())
"""Names that Python 2 had: where they are called, they are not misspelt."""

FOREIGN_METHODS = {
    **{"push": "append", "add": "append", "trim": "strip", "startsWith": "startswith"},
    **{"endsWith": "endswith", "toLowerCase": "lower", "toUpperCase": "upper", "iteritems": "items"},
    **{"iterkeys": "keys", "itervalues": "values", "indexOf": "find", "concat": "extend"},
    **{"replaceAll": "replace", "readAll": "read"},
}
"""Methods of other languages, and of Python 2, with the Python name."""


FOREIGN_EXPRESSIONS = {
    **dict.fromkeys(("length", "size", "count", "len"), "len({0})"),
    **dict.fromkeys(("contains", "includes", "has", "has_key", "containsKey"), "({1} in {0})"),
    **{"isEmpty": "(not {0})", "toString": "str({0})", "equals": "({0} == {1})", "charAt": "{0}[{1}]"},
}
"""Attributes and methods of other languages, and of Python 2, and what stands for one of `{0}`."""

METHODS = frozenset(
    name for kind in (str, bytes, int, float, list, tuple, dict, set) for name in dir(kind) if name[0] != "_"
)
"""Of Python's own types."""


def type_named(name: str) -> type | None:
    """The type of Python or of `collections` that a message of pyright calls so; None: it is none."""
    for module in (builtins, collections):
        for known in (name, name.lower()):  # `List[int]`, where it is annotated so
            if isinstance(found := getattr(module, known, None), type):
                return found
    return None


def closest(name: str, known: Collection[str], most: int = 2, least: float = 0.7) -> list[str]:
    """The names of `known` most similar to `name`, the most similar first; `least`: from 0, to 1 for the
    same but for a letter's case."""
    scored = [(-_similarity(name, other), other) for other in known if other != name]
    return [other for score, other in sorted(scored) if score <= -least][:most]


def _similarity(name: str, other: str) -> float:
    if name.lower() == other.lower():
        return 1.0
    if sorted(name) == sorted(other):
        return 0.95
    return SequenceMatcher(None, name, other).ratio() if abs(len(name) - len(other)) <= 3 else 0.0


@cache
def source_of(module: str) -> Path | None:
    """The source of a module of the standard library; None: it has none, or is no such module."""
    if module.partition(".")[0] not in MODULES:
        return None
    base = Path(sysconfig.get_path("stdlib"), *module.split("."))
    files = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def reads_module(text: str, name: str) -> bool:
    """Whether a text reads something of a module of the standard library, which this name is then: `numbers`
    is a variable's, too."""
    if name not in MODULES:
        return False
    read = re.findall(rf"(?<![\w.]){name}\s*\.\s*(\w+)", text)
    known = names_of_module(name)
    return any(part in known or source_of(f"{name}.{part}") for part in read)


@cache
def names_of_module(module: str) -> frozenset[str]:
    """The names that a module of the standard library defines; none for an unknown module.

    Its source is read, not run. Modules without source have no effects and are imported.
    """
    if module.partition(".")[0] not in MODULES:
        return frozenset()
    module = "posixpath" if module == "os.path" else module
    if file := source_of(module):
        tree = ast.parse(file.read_bytes())
        whole = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
        return bound(tree).union(*(names_of_module(node.module or "") for node in whole))
    spec = None if "." in module else find_spec(module)
    if spec is not None and (spec.origin == "built-in" or isinstance(spec.loader, ExtensionFileLoader)):
        return frozenset(dir(import_module(module)))
    return frozenset()
