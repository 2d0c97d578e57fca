"""Folders of this machine as workspaces, and files written back."""

from pathlib import Path

import pytest

from repair.cli.local_files import LocalWorkspace, local_workspaces, project_root, read_workspace, write_back
from repair.errors import InputError


def files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")


def test_what_the_servers_read_of_a_folder(tmp_path: Path) -> None:
    sound = {
        "main.py": b"x = 1\r\n",  # line endings stay
        "pkg/stub.pyi": "é".encode(),
        "pyproject.toml": b"",
        "pkg/ruff.toml": b"",
    }
    left_out = {
        "notes.txt": b"x",
        "latin.py": b"\xff",
        ".hidden/a.py": b"",
        "pkg/__pycache__/a.py": b"",
        "node_modules/a.py": b"",
        "env/pyvenv.cfg": b"",  # makes env a virtual environment
        "env/lib/a.py": b"",
    }
    for name, content in {**sound, **left_out}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "link.py").symlink_to(tmp_path / "main.py")
    (tmp_path / "linked").symlink_to(tmp_path / "pkg")
    assert read_workspace(tmp_path) == {name: content.decode() for name, content in sound.items()}
    assert set(read_workspace(tmp_path, deep=False)) == {"main.py", "pyproject.toml"}


def test_a_file_lies_in_the_project_that_encloses_it(tmp_path: Path) -> None:
    files(tmp_path, "main.py", "pkg/sub/a.py", "pkg/sub/b.py", "tests/c.py")
    (tmp_path / "pyproject.toml").write_text("")
    [workspace] = local_workspaces([tmp_path / "pkg/sub/a.py", tmp_path / "tests"])
    assert workspace.folder == tmp_path
    assert set(workspace.files) == {"main.py", "pkg/sub/a.py", "pkg/sub/b.py", "tests/c.py", "pyproject.toml"}
    assert (workspace.named, workspace.in_folders) == (("pkg/sub/a.py",), ("tests/c.py",))


def test_without_a_project_it_is_the_folder_or_the_files_beside(tmp_path: Path) -> None:
    files(tmp_path, "main.py", "beside.py", "pkg/a.py")
    beside, whole = local_workspaces([tmp_path / "main.py", tmp_path])
    assert (set(beside.files), beside.named) == ({"main.py", "beside.py"}, ("main.py",))
    assert set(whole.in_folders) == {"main.py", "beside.py", "pkg/a.py"}
    assert whole.named == ()


def test_a_home_folder_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a repository of settings: its files are too many, and not those of one project."""
    files(tmp_path, "work/a.py", ".git/config")
    assert project_root(tmp_path / "work") == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert project_root(tmp_path / "work") is None


@pytest.mark.parametrize("name", ["notes.txt", "latin.py", "link.py", ".hidden/a.py"])
def test_what_is_not_read_is_refused_by_name(name: str, tmp_path: Path) -> None:
    files(tmp_path, "notes.txt", ".hidden/a.py", "main.py", ".git/config")
    (tmp_path / "latin.py").write_bytes(b"\xff")
    (tmp_path / "link.py").symlink_to(tmp_path / "main.py")
    with pytest.raises(InputError, match="is no Python file in UTF-8 that is read"):
        local_workspaces([tmp_path / name])


def test_paths_are_shown_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pkg").mkdir()
    workspace = LocalWorkspace(tmp_path, {}, (), ())
    monkeypatch.chdir(tmp_path)
    assert workspace.shown("pkg/a.py") == "pkg/a.py"
    monkeypatch.chdir(tmp_path / "pkg")
    assert workspace.shown("main.py") == str(tmp_path / "main.py")


@pytest.mark.parametrize(("before", "after"), [("a\r\nb", "a\r\nc"), ("\ufeffx = y\n", "\ufeffx = 1\n")])
def test_a_file_is_replaced_to_the_byte_and_keeps_its_mode(before: str, after: str, tmp_path: Path) -> None:
    file = tmp_path / "main.py"
    file.write_bytes(before.encode())
    file.chmod(0o755)
    write_back(file, before, after)
    assert file.read_bytes() == after.encode()
    assert file.stat().st_mode & 0o7777 == 0o755
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("change", ["text", "gone", "link"])
def test_a_file_that_changed_meanwhile_is_left_as_it_is(change: str, tmp_path: Path) -> None:
    file, other = tmp_path / "main.py", tmp_path / "other.py"
    other.write_bytes(b"old\n")
    match change:
        case "text":
            file.write_bytes(b"old\r\n")
        case "link":
            file.symlink_to(other)
        case _:
            pass
    with pytest.raises(InputError, match=r"main\.py was changed meanwhile, and is left as it is"):
        write_back(file, "old\n", "new\n")
    assert other.read_bytes() == b"old\n"
    assert file.exists() == (change != "gone")
