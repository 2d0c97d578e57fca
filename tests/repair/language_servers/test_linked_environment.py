"""A virtual environment that is a symbolic link, as one shared by several checkouts is."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
from repair.language_servers import LanguageServers
from repair.language_servers.programs import programs
assert programs().typeshed == programs().typeshed.resolve(), programs().typeshed
with LanguageServers() as servers:
    for number in range(6):
        found = servers.check({"main.py": f"import helper{number}\\n", f"helper{number}.py": ""}, "main.py")
        # without the line above the second and the third workspace had an unresolved import
        assert [diagnostic.code for diagnostic in found] == ["ruff[F401]"], found
"""


def test_imports_resolve_from_the_first_workspace_on(tmp_path: Path) -> None:
    link = tmp_path / "environment"
    link.symlink_to(sys.prefix)
    command = [link / "bin" / "python", "-c", PROGRAM]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
