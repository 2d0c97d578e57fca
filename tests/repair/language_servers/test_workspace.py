"""Workspaces: what is accepted, and that none sees another."""

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import ConfigurationError
from repair.errors import LanguageServerError as Base
from repair.language_servers import LanguageServerError, LanguageServers, Request, UnknownFileError
from repair.language_servers.configuration import pyright_configuration
from repair.language_servers.ruff_settings import ruff_files
from repair.language_servers.slots import configuration, has_partial_stubs, poolable, server_settings


def codes(diagnostics: object) -> list[tuple[str, str]]:
    return [(one.path, one.code) for one in diagnostics]  # type: ignore[attr-defined]


def test_positions_come_in_both_units(servers: LanguageServers) -> None:
    found = servers.check({"a.py": 'print("😀", zz)\n'}, "a.py")
    assert found == [
        Diagnostic(
            "a.py", 0, 11, 12, 0, 13, 14, "pyright[reportUndefinedVariable]", '"zz" is not defined', "error"
        ),
        Diagnostic("a.py", 0, 11, 12, 0, 13, 14, "ruff[F821]", "Undefined name `zz`", "error"),
    ]


def test_code_actions_and_severities(servers: LanguageServers) -> None:
    found = servers.check({"a.py": "import os\ntry:\n    pass\nexcept:\n    pass\nx = y\n"}, "a.py")
    facts = {one.code: (one.severity, one.has_code_action) for one in found}
    assert facts["ruff[F401]"] == ("warning", True)  # a safe fix
    assert facts["ruff[F821]"] == ("error", False)
    assert facts["ruff[E722]"] == ("warning", False)
    assert facts["pyright[reportUndefinedVariable]"] == ("error", False)


def test_hints_are_no_diagnostics(servers: LanguageServers) -> None:
    # an unused parameter and unreachable code are greyed out in an editor, and no diagnostics
    assert codes(servers.check({"a.py": "def f(g):\n    return 1\n    print(g)\n"}, "a.py")) == []


def test_check_tells_of_the_path_only_and_reads_the_rest(servers: LanguageServers) -> None:
    files = {"main.py": "import helper\nhelper.a\n", "helper.py": "b = c\n"}
    assert {path for path, _ in codes(servers.check(files, "main.py"))} == {"main.py"}
    assert {path for path, _ in codes(servers.check_workspace(files))} == {"main.py", "helper.py"}


def test_a_workspace_does_not_see_its_predecessor(servers: LanguageServers) -> None:
    main = {"main.py": "import helper\n\nprint(helper.a)\n"}
    for _ in range(2):  # once for each worker at least
        assert codes(servers.check({**main, "helper.py": "a = 1\n"}, "main.py")) == []
        assert codes(servers.check({**main, "helper.pyi": "b: int\n"}, "main.py")) == [
            ("main.py", "pyright[reportMissingModuleSource]"),  # a stub, and nothing to run
            ("main.py", "pyright[reportAttributeAccessIssue]"),
        ]
        assert codes(servers.check(main, "main.py")) == [("main.py", "pyright[reportMissingImports]")]
        strict = {**main, "helper.py": "a = 1\n", "pyrightconfig.json": '{"reportUnusedImport": "error"}'}
        assert codes(servers.check(strict, "main.py")) == []
        assert codes(servers.check({"main.py": "import json\n"}, "main.py")) == [("main.py", "ruff[F401]")]


def test_no_installed_package_is_seen(servers: LanguageServers) -> None:
    # pyarrow is installed beside this project; the standard library is always there
    found = servers.check({"a.py": "import pyarrow\nimport tomllib\nprint(pyarrow, tomllib)\n"}, "a.py")
    assert ("a.py", "pyright[reportMissingImports]") in codes(found)
    assert len([one for one in found if one.code.startswith("pyright")]) == 1


def test_results_keep_the_order_and_their_neighbours(servers: LanguageServers) -> None:
    requests = [
        Request({"a.py": "x = y\n"}),
        Request({"../a.py": ""}),
        Request({}),
        Request({"a.py": "\ud800"}),
        Request({"a.py": "", "b.txt": "x"}, ("b.txt",)),
        Request({"a.py": "x = z\n"}, ("a.py",)),
        Request({"a.py": "x = y\n"}),  # a duplicate: checked once, two results
    ]
    results = list(servers.check_many(requests))
    assert [result.reason for result in results] == [
        None,
        "unsafe_path",
        None,
        "unencodable_text",
        "unknown_file",
        None,
        None,
    ]
    assert [len(result.diagnostics) for result in results] == [2, 0, 0, 0, 0, 2, 2]
    assert results[0] == results[6]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/a.py",  # absolute
        "../a.py",  # leads out
        "a/../../b.py",
        "a/../b.py",  # stays inside, and is not the plain form of a path
        "./a.py",
        "a//b.py",
        "",
        "a/",
        "a\\b.py",  # a separator elsewhere
        "a\x00.py",
        "a\n.py",  # would end a line of the argument file
        "\udc80.py",  # not decodable
        "x" * 300 + ".py",  # longer than a file system takes
        "/".join(["d" * 200] * 20) + "/a.py",
    ],
)
def test_unsafe_paths(path: str, servers: LanguageServers) -> None:
    with pytest.raises(LanguageServerError) as caught:
        servers.check_workspace({path: "x = 1\n", "b.py": ""})
    assert caught.value.reason == "unsafe_path"
    assert isinstance(caught.value, Base)


def test_a_file_can_not_be_a_folder(servers: LanguageServers) -> None:
    with pytest.raises(LanguageServerError) as caught:
        servers.check_workspace({"a.py": "", "a.py/b.py": ""})
    assert caught.value.reason == "unsafe_path"


@pytest.mark.parametrize("path", ["b.py", "data.txt"])
def test_only_python_files_of_the_workspace_can_be_asked_for(path: str, servers: LanguageServers) -> None:
    with pytest.raises(UnknownFileError):
        servers.check({"a.py": "", "data.txt": ""}, path)


@pytest.mark.parametrize(
    "path", ["with space.py", "ünï.py", "per%20cent.py", "hash#.py", "a[0].py", "-x.py", "@x.py"]
)
def test_odd_names(path: str, servers: LanguageServers) -> None:
    found = codes(servers.check({path: "x = y\n"}, path))
    assert found[:1] == [(path, "pyright[reportUndefinedVariable]")]
    assert (path, "ruff[F821]") in found


@pytest.mark.parametrize("values", [{"workers": 0}, {"timeout": 0}])
def test_settings_that_make_no_sense(values: dict) -> None:
    with pytest.raises(ConfigurationError):
        LanguageServers(**values)


@pytest.mark.parametrize(
    ("settings", "kept", "ignored"),
    [
        ('{"typeCheckingMode": "basic"}', '{"typeCheckingMode": "basic"}', []),
        # comments, a trailing comma
        ('{/* c */ "strict": ["a", "../b"], // d\n}', '{"strict": ["a"]}', ["strict"]),
        ('{"a": "x,]//y"}', '{"a": "x,]//y"}', []),  # no comment, but a string
        ('{"venvPath": ".", "venv": "v"}', None, ["venvPath", "venv"]),  # an interpreter of another machine
        ('{"extends": "/etc/base.json"}', None, ["extends"]),
        ('{"extends": "base.json"}', None, ["extends"]),  # inside, and not followed
        ('{"extraPaths": ["/usr/lib", "../x", "a/../../x", "C:/x", "${env:HOME}", "$HOME", "~/x"]}', None,
         ["extraPaths"]),
        ('{"extraPaths": ["lib", "a/../b"]}', '{"extraPaths": ["lib", "a/../b"]}', []),
        ('{"stubPath": "../stubs"}', None, ["stubPath"]),
        ('{"include": ["../x"]}', None, ["include"]),  # an empty list would mean something else
        ('{"executionEnvironments": [{"root": "a", "extraPaths": ["/x"]}, {"root": "../b"}]}',
         '{"executionEnvironments": [{"root": "a"}]}',
         ["executionEnvironments.root", "executionEnvironments.extraPaths"]),
        ("not json", None, []),  # what can't be read configures nothing
        ('{"a": NaN}', None, []),  # no JSON, to pyright too
        ('{"a": [1e999], "b": 1}', '{"b": 1}', ["a"]),  # a number that JSON can't hold
        ('{"extraPaths": ["a\\n$HOME"]}', None, ["extraPaths"]),
        ('{"extraPaths": ["**/**/../.."]}', None, ["extraPaths"]),  # `**` may be no folder at all
        ("[1]", None, []),
        ("[" * 100_000, None, []),
    ],
)  # fmt: skip
def test_settings_stay_inside(settings: str, kept: str | None, ignored: list[str]) -> None:
    found = pyright_configuration({"pyrightconfig.json": settings})
    assert found.text == kept
    assert list(found.ignored) == [f"pyrightconfig.json: {name}" for name in ignored]


def test_one_file_of_settings_is_preferred() -> None:
    toml = '[tool.pyright]\nreportMissingImports = false\nextraPaths = ["/x"]\n'
    alone = pyright_configuration({"pyproject.toml": toml})
    assert alone.text == '{"reportMissingImports": false}'
    assert alone.ignored == ("pyproject.toml: tool.pyright.extraPaths",)
    for files in (
        {"pyproject.toml": toml, "pyrightconfig.json": "{}"},
        {"pyproject.toml": "[tool"},
        {"sub/pyrightconfig.json": '{"a": 1}'},  # not the root's
    ):
        found = pyright_configuration(files)
        assert (found.text, found.ignored) == (None, ())


@pytest.mark.parametrize(
    ("settings", "pooled"),
    [
        ({"reportMissingImports": False, "pythonVersion": "3.9"}, True),
        ({"extraPaths": ["lib"], "exclude": ["**/a*"], "strict": ["x"], "ignore": ["y"]}, True),
        ({"include": ["src"]}, True),
        ({"executionEnvironments": [{"root": "a", "extraPaths": ["b"]}]}, True),
        ({"include": ["s*"]}, False),  # which folders are visited depends on more than the pattern
        ({"stubPath": "typings"}, False),  # a server has one for all
        ({"extraPaths": ["libs/*"]}, False),  # expanded when the server starts, and the slots are empty
        ({"executionEnvironments": [{"root": "a", "extraPaths": ["b?"]}]}, False),
        ({"executionEnvironments": [1]}, False),
        ({"executionEnvironments": [{"root": 1}]}, False),
        ({"include": "src"}, False),
        ({"strict": [1]}, False),
        ({"extraPaths": None}, False),
    ],
)
def test_which_settings_a_warm_server_takes(settings: dict, pooled: bool) -> None:
    assert poolable(settings) is pooled


def test_settings_are_spelled_out_for_each_slot() -> None:
    settings = {
        "include": ["a"],
        "exclude": ["b"],
        "strict": ["./c"],
        "executionEnvironments": [{"root": "./d", "reportX": True}, {"root": "e", "extraPaths": ["."]}],
    }
    assert server_settings(settings).keys() == {"strict", "executionEnvironments"}
    assert configuration(settings, 1, []) == {
        "enableReachabilityAnalysis": True,
        "exclude": [],
        "strict": ["repair-slot-*/c"],
        "extraPaths": ["repair-slot-plain-0", "repair-slot-src-0", "repair-slot-src-0/src"],
        "executionEnvironments": [
            {"root": "repair-slot-plain-0/d", "extraPaths": [], "reportX": True},
            {"root": "repair-slot-plain-0/e", "extraPaths": ["repair-slot-plain-0"]},
            {"root": "repair-slot-plain-0", "extraPaths": []},
            {"root": "repair-slot-src-0/d", "extraPaths": ["repair-slot-src-0/src"], "reportX": True},
            {"root": "repair-slot-src-0/e", "extraPaths": ["repair-slot-src-0"]},
            {"root": "repair-slot-src-0", "extraPaths": ["repair-slot-src-0/src"]},
            {
                "root": "repair-slot-scan",
                "extraPaths": [
                    *("repair-slot-plain-0/d", "repair-slot-plain-0/e", "repair-slot-plain-0"),
                    *("repair-slot-src-0/d", "repair-slot-src-0/e", "repair-slot-src-0"),
                ],
            },
            {"root": "repair-slot-forget", "extraPaths": []},
            {"root": "/", "extraPaths": []},
        ],
    }


@pytest.mark.parametrize(
    ("files", "partial"),
    [
        ({"a-stubs/py.typed": b"partial\n"}, True),
        ({"lib/a-stubs/py.typed": b"partial\r\n"}, True),  # `extraPaths` may name the folder
        ({"a-stubs/py.typed": b"", "a-stubs/__init__.pyi": b"# partial"}, False),
        ({"a/py.typed": b"partial\n", "a-stubs/a.pyi": b""}, False),
    ],
)
def test_partial_stub_packages(files: dict[str, bytes], partial: bool) -> None:
    assert has_partial_stubs(files) is partial


@pytest.mark.parametrize(
    ("files", "written", "ignored"),
    [
        (
            {"ruff.toml": 'extend = "/etc/passwd"\nline-length = 80\nlint.select = ["é\\u007f"]\n'},
            {"ruff.toml": '"line-length" = 80\n"lint" = {"select" = ["é\\u007f"]}\n'},
            ["ruff.toml: extend"],
        ),
        # the required version of Python counts too; any spelling is understood
        (
            {"pyproject.toml": 'project.requires-python = ">=3.9"\ntool.ruff.extend = "$HOME/x.toml"\n'},
            {"pyproject.toml": '"tool" = {"ruff" = {}}\n"project" = {"requires-python" = ">=3.9"}\n'},
            ["pyproject.toml: tool.ruff.extend"],
        ),
        # another folder's modules would count as the project's own
        (
            {"ruff.toml": 'src = [\n  "../x",\n  "lib",\n]\npreview = true\n'},
            {"ruff.toml": '"preview" = true\n"src" = ["lib"]\n'},
            ["ruff.toml: src"],
        ),
        ({"ruff.toml": 'extend = "base.toml"\n'}, {"ruff.toml": '"extend" = "base.toml"\n'}, []),
        (
            {"ruff.toml": "", "a/ruff.toml": 'extend = "../ruff.toml"\n'},  # up, and still inside
            {"ruff.toml": "", "a/ruff.toml": '"extend" = "../ruff.toml"\n'},
            [],
        ),
        (
            {"ruff.toml": "", "a/ruff.toml": 'extend = "../../ruff.toml"\n'},
            {"ruff.toml": "", "a/ruff.toml": ""},
            ["a/ruff.toml: extend"],
        ),
        # what is extended may lead outside itself
        (
            {"ruff.toml": 'extend = "a/base.cfg"\n', "a/base.cfg": 'extend = "../../x.toml"\n'},
            {"ruff.toml": '"extend" = "a/base.cfg"\n', "a/base.cfg": ""},
            ["a/base.cfg: extend"],
        ),
        # a circle is ruff's business
        ({"ruff.toml": 'extend = "ruff.toml"\n'}, {"ruff.toml": '"extend" = "ruff.toml"\n'}, []),
        # a file that is checked is never written again
        ({"ruff.toml": 'extend = "a.py"\n', "a.py": "x = 1\n"}, {"ruff.toml": ""}, ["ruff.toml: extend"]),
        ({"ruff.toml": "no toml"}, {"ruff.toml": ""}, ["ruff.toml: all of it (no TOML 1.0)"]),
        ({"pyproject.toml": "[a]\nb = 1\n"}, {"pyproject.toml": "", "ruff.toml": ""}, []),
        # a root of its own
        ({"main.py": "", "sub/ruff.toml": ""}, {"sub/ruff.toml": "", "ruff.toml": ""}, []),
    ],
)
def test_ruff_does_not_read_outside(
    files: dict[str, str], written: dict[str, str], ignored: list[str]
) -> None:
    found, names = ruff_files(files)
    assert {path: data.decode() for path, data in found.items()} == written
    assert list(names) == ignored


@pytest.mark.parametrize("more", [{}, {"typings/t.pyi": ""}], ids=["warm", "by the command line"])
def test_a_file_that_is_asked_for_is_checked_where_it_is_excluded(
    more: dict[str, str], servers: LanguageServers
) -> None:
    settings = '{"exclude": ["old"], "include": ["new"], "ignore": ["ignored.py"]}'
    files = {"old/a.py": "x = y\n", "ignored.py": "x = y\n", "pyrightconfig.json": settings, **more}
    undefined = ("old/a.py", "pyright[reportUndefinedVariable]")
    assert undefined in codes(servers.check(files, "old/a.py"))
    assert undefined not in codes(servers.check_workspace(files))
    assert codes(servers.check(files, "ignored.py")) == [("ignored.py", "ruff[F821]")]


def test_results_name_the_settings_that_were_ignored(servers: LanguageServers) -> None:
    files = {
        "pyrightconfig.json": '{"venvPath": "/home/me", "reportUndefinedVariable": "warning"}',
        "ruff.toml": 'extend = "../ruff.toml"\nlint.select = ["F821"]\n',
        "a.py": "import os\nx = y\n",
    }
    [good, bad] = servers.check_many([Request(files), Request({**files, "b.py": ""}, ("c.py",))])
    assert good.ignored == ("pyrightconfig.json: venvPath", "ruff.toml: extend")
    assert [(one.code, one.severity) for one in good.diagnostics] == [
        ("pyright[reportUndefinedVariable]", "warning"),  # what is left is honoured
        ("ruff[F821]", "error"),
    ]
    assert bad.reason == "unknown_file"


def test_broken_ruff_settings_spoil_no_neighbour(servers: LanguageServers) -> None:
    broken = {"ruff.toml": "line-length = 'x'", "a.py": "import os\n"}
    results = list(servers.check_many([Request({"a.py": "import os\n"}), Request(broken)]))
    assert [codes(result.diagnostics) for result in results] == [[("a.py", "ruff[F401]")]] * 2
