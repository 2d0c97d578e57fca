"""A prepared environment: its packages are visible, and its identity depends on what is installed."""

import sys
import venv
from pathlib import Path

import pytest

from repair.errors import ConfigurationError
from repair.language_servers import Environment, LanguageServers
from repair.language_servers.environment import installed, nothing_installed

FILES = {"main.py": "import tiny\nimport absent\n\nx: str = tiny.one()\n"}


def install(home: Path, name: str, version: str, text: str = "") -> None:
    """The files that installing a package of one module creates."""
    [packages] = home.glob("lib/python*/site-packages")
    (packages / f"{name}.py").write_text(text)
    metadata = packages / f"{name}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    venv.EnvBuilder(symlinks=True, with_pip=False).create(tmp_path / "prepared")
    install(tmp_path / "prepared", "tiny", "1.0", "def one() -> int:\n    return 1\n")
    return tmp_path / "prepared"


def messages(servers: LanguageServers) -> list[str]:
    found = servers.check_workspace(FILES)
    return [one.message.partition("\n")[0] for one in found if one.code.startswith("pyright")]


def test_its_packages_are_seen_and_kept_apart(home: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    prepared = Environment("web", home / "bin" / "python")
    with LanguageServers(cache=cache) as servers:
        assert servers.environment == "none"
        without = messages(servers)
    with LanguageServers(cache=cache, environment=prepared) as servers:
        assert servers.environment.startswith("web ")
        within = messages(servers)  # nothing is taken from the other's results
        assert servers.pids
    assert without == ['Import "tiny" could not be resolved', 'Import "absent" could not be resolved']
    assert within == [
        'Import "absent" could not be resolved',
        'Type "int" is not assignable to declared type "str"',
    ]
    with LanguageServers(cache=cache, environment=prepared) as servers:
        assert messages(servers) == within
        assert servers.pids == []  # and what is kept is found again


def test_its_identity_is_what_is_installed(home: Path) -> None:
    def label(name: str = "web") -> str:
        return installed(Environment(name, home / "bin" / "python")).label

    first = label()
    assert first == label()
    assert label("other").split() == ["other", first.split()[1]]
    install(home, "small", "2.0")
    second = label()
    assert second != first
    [metadata] = home.glob("lib/python*/site-packages/small-2.0.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("2.0", "2.1"))
    assert len({first, second, label()}) == 3


def test_without_one_there_is_nothing(tmp_path: Path) -> None:
    nothing = nothing_installed(tmp_path / "environment")
    assert nothing.label == "none"
    assert nothing.version.split(".")[:2] == [str(part) for part in sys.version_info[:2]]
    same = installed(Environment("bare", nothing.python))
    assert set(nothing.roots) <= set(same.roots)  # it searches where the other does


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("", sys.executable),
        ("none", sys.executable),  # the name of no environment
        ("two words", sys.executable),
        ("web", "/nonexistent/python"),
        ("web", "/bin/false"),
        ("web", "/bin/true"),  # runs, and prints nothing
    ],
)
def test_what_is_no_environment(name: str, program: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expected a name|no Python interpreter"):
        LanguageServers(environment=Environment(name, program))
