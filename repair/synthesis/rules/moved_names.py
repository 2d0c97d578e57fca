"""Rules for names that moved: those of Python 2, of older standard libraries and of older numpy; and for
submodules that were not imported.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import re
from collections.abc import Iterator

from repair.diagnostics.diagnostic import Diagnostic
from repair.synthesis.rules.file_names import with_import
from repair.synthesis.rules.known_names import BUILTINS, MODULES, source_of
from repair.synthesis.rules.rows import blanks, renamed, with_row

_NOW_IN = {
    ("urllib", "urllib.request."): "Request build_opener install_opener urlopen urlretrieve",
    ("urllib", "urllib.parse."): "quote quote_plus unquote unquote_plus urlencode urljoin urlparse",
    ("collections", "collections.abc."): "Callable Container Generator Hashable ItemsView Iterable Iterator"
    " KeysView Mapping MutableMapping MutableSequence MutableSet Sequence Set Sized ValuesView",
    ("numpy", ""): "bool complex float int object str",
}
_NOW_CALLED = {
    "base64": "decodestring=base64.decodebytes encodestring=base64.encodebytes",
    "cgi": "escape=html.escape",
    "fractions": "gcd=math.gcd",
    "inspect": "getargspec=inspect.getfullargspec",
    "itertools": "ifilter=filter ifilterfalse=itertools.filterfalse imap=map izip=zip"
    " izip_longest=itertools.zip_longest",
    "os": "getcwdu=os.getcwd",
    "string": "letters=string.ascii_letters lowercase=string.ascii_lowercase maketrans=str.maketrans"
    " uppercase=string.ascii_uppercase",
    "sys": "maxint=sys.maxsize",
    "time": "clock=time.perf_counter",
    "types": "BooleanType=bool DictType=dict FloatType=float IntType=int ListType=list StringType=str"
    " TupleType=tuple UnicodeType=str",
}
MOVED = {
    **{f"{old}.{name}": new + name for (old, new), names in _NOW_IN.items() for name in names.split()},
    **{
        f"{module}.{old}": new
        for module, pairs in _NOW_CALLED.items()
        for old, new in (pair.split("=") for pair in pairs.split())
    },
}
"""What a name of a module is called today: a name of a module, of a type of Python, or of Python itself."""

_RENAMED = (
    "BaseHTTPServer=http.server ConfigParser=configparser Cookie=http.cookies HTMLParser=html.parser"
    " Queue=queue SimpleHTTPServer=http.server SocketServer=socketserver StringIO=io Tkinter=tkinter"
    " __builtin__=builtins cPickle=pickle cStringIO=io commands=subprocess cookielib=http.cookiejar"
    " copy_reg=copyreg htmlentitydefs=html.entities httplib=http.client mock=unittest.mock thread=_thread"
    " tkFileDialog=tkinter.filedialog tkFont=tkinter.font tkMessageBox=tkinter.messagebox"
    " ttk=tkinter.ttk urllib2=urllib.request urlparse=urllib.parse xmlrpclib=xmlrpc.client"
)
_MODULES = {old: new for old, _, new in (pair.partition("=") for pair in _RENAMED.split())}
"""Where a module of Python 2 is today."""

_FROM = re.compile(r"\s*from\b")
_OWNER = re.compile(r"(?<![\w.])\w[\w.]*\.\Z")
_PART = re.compile(r"\.\w+")
_IMPORTED = re.compile(r"\s*from\s+[\w.]+\s+import\s+(\w+(?:\s*,\s*\w+)*)\s*")


def attribute(rows: list[str], diagnostic: Diagnostic, name: str, module: str) -> Iterator[list[str]]:
    """Repairs of `module.name`, which the module does not have."""
    line, start = diagnostic.start_line, diagnostic.start_column
    row = rows[line]
    owner = _OWNER.search(row[:start])
    if owner is None or not row.startswith(name, start):
        return
    after = row[start + len(name) :]
    if new := MOVED.get(f"{module}.{name}"):
        home, _, own = new.rpartition(".")
        written = owner[0] + own if home == module else new
        changed = with_row(rows, line, row[: owner.start()] + written + after)
        yield changed if home in (module, "") or home in BUILTINS else _with_module(changed, module, home)
        return
    path = f"{module}.{name}"
    top = module.partition(".")[0]
    if not top or (top in MODULES and source_of(path) is None):
        return  # a package's own part, or a name that the library does not have either
    while (part := _PART.match(after)) and source_of(path + part[0]):
        path, after = path + part[0], after[part.end() :]
    yield _with_module(rows, module, path)


def imported(rows: list[str], line: int, name: str, module: str) -> Iterator[list[str]]:
    """Repairs of `from module import name` in the 0-based `line`, which the module does not have."""
    home, _, own = MOVED.get(f"{module}.{name}", "").rpartition(".")
    found = _IMPORTED.fullmatch(rows[line])
    if found is None or home in ("", *BUILTINS):
        return  # the verifier holds an import that nothing replaces for deleted code
    others = [other for other in re.split(r"\s*,\s*", found[1]) if other != name]
    statements = [f"from {module} import {', '.join(others)}"] if others else []
    indented = [blanks(rows[line]) + statement for statement in (*statements, f"from {home} import {own}")]
    changed = renamed(rows, name, own)
    yield [*changed[:line], *indented, *changed[line + 1 :]]


def module(rows: list[str], line: int, name: str) -> Iterator[list[str]]:
    """The import of a module that moved in the 0-based `line`; what it is called in the file stays."""
    row, new = rows[line], _MODULES.get(name)
    if new and _FROM.match(row):
        yield with_row(rows, line, re.sub(rf"\b{name}\b", new, row, count=1))
    elif new and (found := re.fullmatch(rf"(\s*import\s+){name}(?:\s+as\s+(\w+))?(\s*(?:#.*)?)", row)):
        called = found[2] or name
        yield with_row(rows, line, f"{found[1]}{new}{'' if called == new else f' as {called}'}{found[3]}")


def _with_module(rows: list[str], module: str, path: str) -> list[str]:
    """With `import path`, in the place of `import module` where that is all that a row has."""
    at = next((number for number, row in enumerate(rows) if row.strip() == f"import {module}"), None)
    if at is None:
        return with_import(rows, f"import {path}")
    return with_row(rows, at, f"{blanks(rows[at])}import {path}")
