"""What is to be fixed: sorts diagnostics into the servers' own fixes, style, and what a model is asked about.

| kind | |
|---|---|
| `code_action` | a server fixes it itself (`ruff check --fix`), or the equal finding of the other server |
| `handled` | the program expects what it predicts (`repair.diagnostics.handled_names`) |
| `style` | its rule is about how a program is written (`repair.diagnostics.style`) |
| `same_fault` | the other server reports the same fault, and that diagnostic is a target |
| `target` | a model is asked |
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace

from repair.diagnostics.diagnostic import HINT, Diagnostic
from repair.diagnostics.equal_findings import equal_findings
from repair.diagnostics.handled_names import is_handled
from repair.diagnostics.style import is_stylistic


@dataclass(frozen=True, slots=True)
class Triage:
    """Diagnostics by what is done about them, each list in the order of their positions."""

    code_actions: list[Diagnostic] = field(default_factory=list[Diagnostic])
    style: list[Diagnostic] = field(default_factory=list[Diagnostic])
    handled: list[Diagnostic] = field(default_factory=list[Diagnostic])
    targets: list[Diagnostic] = field(default_factory=list[Diagnostic])
    same_faults: dict[Diagnostic, Diagnostic] = field(default_factory=dict[Diagnostic, Diagnostic])
    """Diagnostic -> the target that reports the same fault."""

    def without(self, targets: Container[Diagnostic]) -> "Triage":
        """All but `targets`, and what reports the same faults."""
        return replace(
            self,
            targets=[target for target in self.targets if target not in targets],
            same_faults={known: twin for known, twin in self.same_faults.items() if twin not in targets},
        )


def triage(diagnostics: Iterable[Diagnostic], text: str) -> Triage:
    """Sort `diagnostics`, which are of one state of a file with this `text`."""
    found = sorted(diagnostic for diagnostic in diagnostics if diagnostic.severity != HINT)
    result = Triage()
    result.code_actions.extend(diagnostic for diagnostic in found if diagnostic.has_code_action)
    for diagnostic in found:
        if diagnostic.has_code_action:
            continue
        if is_stylistic(diagnostic.code):
            result.style.append(diagnostic)
        elif is_handled(text, diagnostic):
            result.handled.append(diagnostic)
        elif any(equal_findings(diagnostic, known) for known in result.code_actions):
            result.code_actions.append(diagnostic)
        elif twin := next((known for known in result.targets if equal_findings(diagnostic, known)), None):
            result.same_faults[diagnostic] = twin
        else:
            result.targets.append(diagnostic)
    result.code_actions.sort()
    return result
