"""Hints of unreachable code, as the servers give them."""

from repair.language_servers import LanguageServers, Request
from repair.line_diff import workspace as workspace_diff
from repair.verification.verifier import verify


def test_unreachable_code_of_a_project_that_needs_the_command_line(servers: LanguageServers) -> None:
    """It prints no hints: a warm server is asked for them, with the project's constants."""
    settings = {"pyrightconfig.json": '{"stubPath": "stubs", "defineConstant": {"DEBUG": false}}'}
    original, repaired = "import turtle\n\nturtle.screen\n", "import turtle\n\nif DEBUG:\n    turtle.screen\n"
    files = {"main.py": f"DEBUG = True\n{original}", **settings}
    before = servers.check_workspace(files)
    target = next(found for found in before if "reportAttributeAccessIssue" in found.code)
    changed = {**files, "main.py": f"DEBUG = True\n{repaired}"}
    verdict = verify(files, target, workspace_diff.diff(files, changed, "main.py"), servers)
    assert verdict.evidence.startswith("unreachable: "), verdict


def test_hints_are_no_diagnostics_of_a_workspace(servers: LanguageServers) -> None:
    files = {"main.py": "if False:\n    print(1)\n"}
    assert servers.check_workspace(files) == servers.check(files, "main.py") == []
    asked = servers.check_many([Request(files), Request(files, hints=True), Request(files)])
    kinds = [[found.severity for found in result.diagnostics] for result in asked]
    assert kinds == [[], ["hint"], []]
