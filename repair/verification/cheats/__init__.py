"""Cheat detection: does a diff silence a diagnostic instead of repairing the code?

The servers can't detect that by themselves: deleted code has no errors. `cheat` compares the two texts of
the file statically. It follows the diagnosed line of code into the repaired text: it was kept, replaced by
another line, or deleted. What the servers know, they are asked (`comments`, `reachability`). The rules see
any text that the servers accept: their syntax tree tolerates errors (`syntax`).

| kind | |
|---|---|
| `suppression` | without the comments that it adds, the servers report something; or `@no_type_check` |
| `deleted_file` | no code is left |
| `commented_out` | the diagnosed code is a comment now |
| `quoted` | it is the text of a string now |
| `deleted_definition` | it was deleted with the function or class around it |
| `emptied` | it, or its body, was replaced by `pass`, `...` or the like |
| `deleted_code` | it, or the diagnosed name, was deleted without a replacement |
| `unreachable` | it never runs now: pyright greys it out, or a constant condition in an expression does |
| `swallowed` | it is in a new `try` whose handlers do nothing |
| `dynamic_access` | the name is now looked up by a text: `getattr`, `vars`, `sys.modules`, `eval`, ... |
| `any_type` | its type was taken from the checker: `Any`, a mere cast, a parameter without a type |
| `stub` | the undefined name was added as a function that does nothing, or declared without a value |
| `settings` | the diff changes the servers' settings |
| `unreadable` | the text's syntax errors take the parser too much work, so that no rule can look |

In the other files that a diff changes, the diagnosed code can't be followed. There the kinds are `settings`,
`suppression`, `any_type`, `stub`, `deleted_file` and, for a new `__getattr__`, `dynamic_access`.

A doubtful case is no cheat: the judge comes later. Where deletion is the repair (a second definition, an
unused expression, a stray token), deletions are no cheat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from repair.diagnostics.diagnostic import Diagnostic
from repair.line_diff.numbered import LineDiff
from repair.verification.cheats import comments, deletions, evasions, reachability, types
from repair.verification.cheats.change import Cheat, DiagnosedChange
from repair.verification.cheats.other_files import other_file_cheat
from repair.verification.cheats.syntax import CostlySyntaxError

__all__ = ["Cheat", "CostlySyntaxError", "WorkspaceChange", "cheat", "comments", "unreadable"]

_RULES = (
    evasions.no_type_check,
    deletions.gone,
    deletions.emptied,
    reachability.dead_expression,
    evasions.swallowed,
    evasions.dynamic_access,
    deletions.quoted_expression,
    deletions.quoted_line,
    types.any_type,
    types.untyped,
    evasions.stub,
    deletions.deleted_use,
)


# A teacher verifies its own diffs, and the stage `verified_diffs` verifies them again.
@lru_cache(maxsize=256)
def cheat(original: str, repaired: str, diagnostic: Diagnostic, diff: LineDiff) -> Cheat | None:
    """The cheat in `diff`, which makes `repaired` of `original`, a file with `diagnostic`; None without one.

    The texts are those of the diagnostic's file.
    """
    change = DiagnosedChange(original, repaired, diagnostic, diff)
    try:
        return next((found for rule in _RULES if (found := rule(change)) is not None), None)
    except CostlySyntaxError as error:
        return unreadable(error)


def unreadable(error: CostlySyntaxError) -> Cheat:
    """What can't be looked at is not taken for innocent."""
    return Cheat("unreadable", str(error))


@dataclass(frozen=True, slots=True)
class WorkspaceChange:
    """A diff of one or several files that makes `repaired` of `workspace` (both path -> text).

    `changes` has the diff of each changed file.
    """

    workspace: Mapping[str, str]
    repaired: Mapping[str, str]
    diagnostic: Diagnostic
    changes: Mapping[str, LineDiff]

    def static_cheat(self) -> Cheat | None:
        """The cheat that the texts show; the servers are not asked."""
        path = self.diagnostic.path
        if path in self.changes and (
            found := cheat(self.workspace[path], self.repaired[path], self.diagnostic, self.changes[path])
        ):
            return found
        others = sorted(other for other in self.changes if other != path)
        found_in_others = (
            other_file_cheat(other, self.workspace[other], self.repaired[other], self._own, self.workspace)
            for other in others
        )
        return next((found for found in found_in_others if found is not None), None)

    def without_added_comments(self) -> dict[str, str] | None:
        """See `comments.without_added_comments`."""
        return comments.without_added_comments(self.workspace, self.repaired, self.changes)

    def without_removed_comments(self, *, configuring: bool) -> dict[str, str] | None:
        """See `comments.without_removed_comments`."""
        return comments.without_removed_comments(
            self.workspace, self.repaired, self.changes, configuring=configuring
        )

    def unreachable(self, after: Sequence[Diagnostic]) -> Cheat | None:
        """The cheat if the diagnosed code is unreachable now, by the hints in `after`."""
        hints = reachability.unreachable_ranges(after, self.diagnostic.path)
        return reachability.hidden(self._own, hints) if hints else None

    def was_unreachable(self, before: Sequence[Diagnostic]) -> bool:
        """Whether the diagnosed code was unreachable in the original, by the hints in `before`."""
        hints = reachability.unreachable_ranges(before, self.diagnostic.path)
        return reachability.was_hidden(self._own, hints)

    @property
    def _own(self) -> DiagnosedChange:
        """The change of the diagnostic's own file."""
        path = self.diagnostic.path
        diff = self.changes.get(path, LineDiff())
        return DiagnosedChange(self.workspace[path], self.repaired[path], self.diagnostic, diff)
