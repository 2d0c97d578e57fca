"""Workspaces in which a warm server could find something else than a fresh command line."""

WORKSPACES: dict[str, dict[str, str]] = {
    # the helper is found beside the importing file
    "helper": {"main.py": "import helper\nhelper.a\nhelper.b\n", "helper.py": "a = 1\n"},
    # absolute imports from within a nested package start at the workspace's root
    "nested package": {
        "app/__init__.py": "",
        "app/core/__init__.py": "from app.core.model import M\n",
        "app/core/model.py": "from app import missing\nfrom ..util import f\nclass M:\n    x: int = f()\n",
        "app/util.py": "def f() -> str:\n    return ''\n",
    },
    # `src` is searched by itself, as long as it is no package
    "src layout": {
        "src/lib/__init__.py": "from lib.a import one\n",
        "src/lib/a.py": "from lib.b import two\none: str = two\n",
        "src/lib/b.py": "two = 2\n",
        "tests/test_a.py": "import lib.a\nimport lib.c\nlib.a.three\n",
    },
    "src package": {
        "src/__init__.py": "",
        "src/lib.py": "x = 1\n",
        "main.py": "import lib\nfrom src import lib as l\nl.y\n",
    },
    # messages name the modules where two types have the same name
    "same names": {
        "m.py": "class A: ...\n",
        "n/q.py": "class A: ...\n",
        "src/r/s.py": "class A: ...\n",
        "main.py": "import m\nfrom n import q\nfrom r import s\nx: m.A = q.A()\ny: m.A = s.A()\n",
    },
    "invalid module names": {
        "my-dir/a.py": "class A: ...\n",
        "my-dir/b.py": "from a import A\nclass B:\n    A = A\nx: A = B()\nimport c\n",
        "2nd.py": "class A: ...\nx: int = A()\n",
    },
    # what shadows the standard library is the project's own
    "shadowed": {"abc.py": "class ABC: ...\nclass X: ...\n", "main.py": "import abc\nabc.ABCMeta\nabc.X\n"},
    # pyright looks some modules up by name once, from whatever it checks first: not in the workspace
    "its own types": {
        "types.py": "class ModuleType:\n    spam: int\nclass FunctionType:\n    spam: int\n",
        "main.py": "import json\ndef f(): ...\njson.spam\njson.egg\nf.spam\nx: str = f\n",
    },
    "its own types in src": {
        "src/types.pyi": "class ModuleType:\n    egg: int\n",
        "main.py": "import json\njson.spam\njson.egg\n",
    },
    "its own types by extra paths": {
        "pyrightconfig.json": '{"extraPaths": ["lib"]}',
        "lib/types/__init__.py": "class ModuleType:\n    egg: int\n",
        "main.py": "import json\njson.spam\njson.egg\n",
    },
    "its own typing": {
        "typing.py": "Any = 1\nclass NamedTuple: ...\nclass Awaitable: ...\nclass Generator: ...\n",
        "main.py": "async def f() -> int: ...\nasync def g() -> str:\n    return await f()\nx: str = f()\n"
        "def h():\n    yield 1\ny: str = h()\n",
    },
    "its own builtins": {
        "builtins.pyi": "class object: ...\nclass type: ...\nclass int: ...\nclass str: ...\n",
        "main.py": "x: int = 1\ny: str = x\nprint(z)\nx.real\n",
    },
    "more builtins": {"__builtins__.pyi": "spam: int\n", "main.py": "spam.x\negg\n"},
    "the types of others": {
        "main.py": "import json\ndef f(): ...\njson.spam\njson.egg\nf.spam\nx: str = f\nspam\n"
        "async def g() -> int: ...\ny: str = g()\nasync def h() -> str:\n    return await g()\n"
        "def k():\n    yield 1\nz: str = k()\n",
    },
    "types of a package": {"app/types.py": "class ModuleType: ...\n", "main.py": "import json\njson.spam\n"},
    "third party": {"main.py": "import numpy as np\nimport requests\nimport yaml\nprint(np.zeros(1))\n"},
    # an unresolved import of a stub that pyright carries must not spoil what comes after
    "after third party": {"main.py": "import helper\nhelper.a\nhelper.b\n", "helper.py": "a = 1\n"},
    "stub beside source": {"a.py": "x = ''\n", "a.pyi": "x: int\n", "main.py": "import a\ny: str = a.x\n"},
    "syntax": {"main.py": "def f(:\n    pass\nprint 'x'\nx = = 1\nfor\n"},
    # columns: pyright counts UTF-16 units, ruff code points, lines end at \r and \r\n too
    "beyond the basic plane": {"main.py": 'print("😀", zz)\r\nx = "🐍é"; y = qq\rprint("\x0c", ww)\n'},
    "byte order mark": {"main.py": "\ufeffimport os; x = y\nprint(zz)\n"},
    "root package": {
        "__init__.py": "class A: ...\n",
        "b.py": "from . import A\nfrom .c import A as C\nx: A = C()\n",
        "c.py": "class A: ...\n",
    },
    # what pyright infers here depends on what it looks at first
    "circular": {
        "a.py": "from b import B\ndef f():\n    return B().v\n",
        "b.py": "from a import f as v\n\n\nclass B: ...\n",
        "pkg/__init__.py": "from pkg.m import n\n",
        "pkg/m.py": "import pkg\nn = pkg.n\n",
        "use.py": "from pkg import n\nfrom a import f\nx: int = f(n)\n",
    },
    "empty": {"main.py": "", "pkg/__init__.py": ""},
    # left out by the command line: hidden folders, node_modules
    "left out": {".hidden/a.py": "x = y\n", "node_modules/b.py": "x = y\n", "main.py": "import b\n"},
    # a Python environment that was uploaded with the project
    "environment": {
        "main.py": "import six\nx = y\n",
        "env/pyvenv.cfg": "home = /usr/bin\n",
        "env/lib/six.py": "x = y\n",
        "conda/conda-meta/history": "",
        "conda/a.py": "x = y\n",
    },
    # a folder's files are looked at before its folders
    "circular across folders": {
        "b/m.py": "from z import f\ndef g():\n    return f()\n",
        "a/m.py": "import b.m\nimport z\ndef h():\n    return z.f() + b.m.g()\nx: str = h()\n",
        "z.py": "import a.m\nimport b.m\ndef f():\n    return a.m.h() or b.m.g()\nx: str = f()\n",
    },
    "comments": {
        "main.py": "import os  # noqa: F401\nx = y  # type: ignore\nz = w  # pyright: ignore[reportX]\n"
    },
    "strict by comment": {"main.py": "# pyright: strict\nimport json\ndef f(x):\n    return json.loads(x)\n"},
    # style tells first-party imports from others by what lies in the workspace
    "import order": {
        "main.py": "import helper\nimport os\nimport numpy\nprint(os, helper, numpy)\n",
        "helper.py": "",
    },
    # a requirement without settings of ruff still names the Python version
    "required python": {
        "pyproject.toml": '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.8"\n',
        "main.py": "match 1:\n    case 1:\n        pass\n",
    },
    "ruff settings": {
        "ruff.toml": 'lint.select = ["D100", "E501"]\nline-length = 20\n',
        "main.py": "x = 'a line that is longer than twenty'\n",
        "sub/ruff.toml": 'lint.select = ["F"]\n',
        "sub/a.py": "import os\n",
    },
    "pyright settings": {
        "pyrightconfig.json": '{"typeCheckingMode": "strict", /* as it should be */ "exclude": ["old"],}',
        "main.py": "import json\ndef f(x):\n    return json.loads(x)\n",
        "old/a.py": "x = y\n",
    },
    # settings without a path share a warm server with others that have the same
    "pooled settings": {
        "pyproject.toml": '[tool.pyright]\ntypeCheckingMode = "strict"\nreportMissingImports = "warning"\n'
        'pythonVersion = "3.8"\n',
        "main.py": "import outer\nimport json\ndef f(x):\n    match x:\n        case 1: return json.x\n",
    },
    "pyproject settings": {
        "pyproject.toml": '[tool.pyright]\nreportMissingImports = "warning"\nextraPaths = ["lib"]\n',
        "lib/inner.py": "x = 1\n",
        "main.py": "import inner\nimport outer\ninner.y\n",
    },
    "extra paths": {
        "pyproject.toml": '[tool.pyright]\nextraPaths = ["lib", "./vendor/deep/"]\n',
        "lib/inner.py": "class A: ...\nx = 1\n",
        "lib/same.py": "class A: ...\n",
        "vendor/deep/third.py": "import inner\nclass A: ...\n",
        "main.py": "import inner\nimport third\nimport same\nimport lib.inner as i\nx: inner.A = third.A()\n"
        "y: same.A = i.A()\nz: i.A = inner.A()\n",
    },
    # with `extraPaths` of its own, a project's `src` is not searched
    "extra paths instead of src": {
        "pyrightconfig.json": '{"extraPaths": ["lib"]}',
        "lib/inner.py": "x = 1\n",
        "src/outer.py": "import inner\nimport outer2\n",
        "src/outer2.py": "x = 1\n",
        "main.py": "import inner\nimport outer\nimport src.outer\n",
    },
    "no extra paths": {
        "pyrightconfig.json": '{"extraPaths": []}',
        "src/outer.py": "x = 1\n",
        "main.py": "import outer\n",
    },
    # a pattern in `extraPaths` goes to the command line
    "extra paths by pattern": {
        "pyrightconfig.json": '{"extraPaths": ["libs/*"]}',
        "libs/one/inner.py": "x = 1\n",
        "main.py": "import inner\nimport outer\n",
    },
    "execution environments": {
        "pyrightconfig.json": """{"reportMissingImports": "warning", "executionEnvironments": [
            {"root": "tools", "extraPaths": ["lib"], "pythonVersion": "3.8", "reportMissingImports": "error"},
            {"root": "app/deep", "reportAttributeAccessIssue": false},
            {"root": "./app", "extraPaths": []}]}""",
        "lib/inner.py": "x = 1\nclass A: ...\n",
        "tools/helper.py": "class A: ...\n",
        "tools/a.py": "import inner, helper, outer\nmatch 1:\n    case 1: inner.y\nx: inner.A = helper.A()\n",
        "app/deep/b.py": "import c, inner, helper\nc.z\n",
        "app/deep/c.py": "x = 1\n",
        "app/d.py": "import deep.b, e, inner\ne.z\n",
        "app/e.py": "import app.d\n",
        "main.py": "import inner, tools.helper, app.e\nx: app.e.A = tools.helper.A()\n",
        "src/auto.py": "import auto\nx: auto.A = 1\n",
    },
    # what a template string is, pyright decides by the first file that it checks
    "a newer environment": {
        "pyrightconfig.json": '{"executionEnvironments": [{"root": "new", "pythonVersion": "3.14"}]}',
        "new/a.py": 'x: int = t"{1}"\n',
    },
    "a newer environment, checked last": {
        "pyrightconfig.json": '{"executionEnvironments": [{"root": "new", "pythonVersion": "3.14"}]}',
        "main.py": "x: int = 1\n",
        "new/a.py": 'x: int = t"{1}"\n',
    },
    "execution environments and src": {
        "pyrightconfig.json": '{"executionEnvironments": [{"root": "tests"}, {"root": "src"}]}',
        "src/lib.py": "class A: ...\nimport tests.t\n",
        "tests/t.py": "import lib\nimport u\nx: lib.A = u.A()\n",
        "tests/u.py": "class A: ...\nimport src.lib\n",
        "main.py": "import lib\nimport u\n",
    },
    "an environment for all": {
        "pyrightconfig.json": '{"extraPaths": ["lib"], "executionEnvironments": [{"root": "."}]}',
        "lib/inner.py": "x = 1\n",
        "main.py": "import inner\nimport outer\n",
    },
    "strict and ignore": {
        "pyrightconfig.json": '{"strict": ["core", "**/deep/*.py"], "ignore": ["old", "a?.py"]}',
        "core/a.py": "import json\ndef f(x):\n    return json.loads(x)\n",
        "core.py": "def f(x):\n    return x\n",
        "b/deep/c.py": "def f(x):\n    return x\n",
        "old/a.py": "x = y\n",
        "older/a.py": "x = y\n",
        "ab.py": "x = y\n",
        "a.py": "x = y\n",
    },
    "exclude": {
        "pyproject.toml": '[tool.pyright]\nexclude = ["old", "**/gen", "a/*/c.py", "./d.+", "e?"]\n',
        "main.py": "import old.a\nx = y\n",
        "old/a.py": "x = y\n",
        "older.py": "x = y\n",
        "b/gen/c.py": "x = y\n",
        "b/gene/c.py": "x = y\n",
        "gen.py": "x = y\n",
        "a/b/c.py": "x = y\n",
        "a/b/b/c.py": "x = y\n",
        "a/b/d.py": "x = y\n",
        "d.+/a.py": "x = y\n",
        "dx+/a.py": "x = y\n",
        "ef/a.py": "x = y\n",
        "e/a.py": "x = y\n",
        ".hidden/a.py": "x = y\n",
        "node_modules/a.py": "x = y\n",
    },
    # what pyright infers in circles depends on the order, which `include` gives
    "include": {
        "pyrightconfig.json": '{"include": ["z.py", "./b", "a/../a", "absent", "b/m.py", ".hidden", "env"],'
        ' "exclude": ["b/no"]}',
        "b/m.py": "from z import f\ndef g():\n    return f()\n",
        "b/no/x.py": "x = y\n",
        "a/m.py": "import b.m\nimport z\ndef h():\n    return z.f() + b.m.g()\nx: str = h()\n",
        "z.py": "import a.m\nimport b.m\ndef f():\n    return a.m.h() or b.m.g()\nx: str = f()\n",
        "c.py": "x = y\n",
        ".hidden/a.py": "x = y\n",
        "env/pyvenv.cfg": "",
        "env/a.py": "x = y\n",
    },
    "include within an environment": {
        "pyrightconfig.json": '{"include": ["env/lib"]}',
        "env/pyvenv.cfg": "",
        "env/lib/a.py": "x = y\n",
        "main.py": "x = y\n",
    },
    "include by pattern": {
        "pyrightconfig.json": '{"include": ["a/*/c", "**/d"]}',
        "a/b/c/e.py": "x = y\n",
        "a/d/e.py": "x = y\n",
        "main.py": "x = y\n",
    },
    "include of nothing": {"pyrightconfig.json": '{"include": ["absent"]}', "main.py": "x = y\n"},
    "settings of wrong types": {
        "pyrightconfig.json": '{"include": "src", "extraPaths": [1], "strict": 1}',
        "src/a.py": "x = y\n",
        "main.py": "x = y\n",
    },
    # stubs of some of a package's modules are found beside the others, also by imports within it
    "partial stub package": {
        "foo-stubs/py.typed": "partial\n",
        "foo-stubs/z.pyi": "q: int\n",
        "foo/__init__.py": "",
        "foo/y.py": "from .z import q\n\nx: str = q\n",
        "foo/z.py": "q = 'a'\n",
    },
    "stub package": {
        "foo-stubs/__init__.pyi": "",
        "foo-stubs/z.pyi": "q: int\n",
        "foo/__init__.py": "",
        "foo/y.py": "from .z import q\nfrom foo.z import q as r\n\nx: str = q\ny: str = r\n",
        "foo/z.py": "q = 'a'\n",
    },
    "stub folder": {"typings/foo/__init__.pyi": "x: int\n", "main.py": "import foo\ny: str = foo.x\n"},
}
