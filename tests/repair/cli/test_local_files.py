from pathlib import Path

from repair.cli.local_files import read_workspace


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
