"""Does a diff silence a diagnostic where it should repair the code?

The servers can't tell: code that is gone has no errors. `cheat` compares the two texts of the file, without
running anything. It follows the diagnosed line of code into the repaired text: it was kept, or another line
took its place, or it is gone.

| kind | |
|---|---|
| `suppression` | a comment or decorator that tells a checker to be silent was added |
| `deleted_file` | no code is left |
| `commented_out` | the diagnosed code is a comment now |
| `quoted` | it is the text of a string now |
| `deleted_definition` | it is gone, with the function or class around it |
| `emptied` | `pass`, `...` or the like stands where it was, or where its body was |
| `deleted_code` | it is gone, or the diagnosed name is, and nothing took its place |
| `unreachable` | it never runs now: `if False:`, `if TYPE_CHECKING:`, behind a new `return` |
| `swallowed` | it stands in a new `try` whose handlers do nothing |
| `dynamic_access` | the name is now looked up by a string: `getattr`, `globals()`, `import_module` |
| `any_type` | a new cast or annotation says `Any` |
| `stub` | a function of the undefined name was added, and does nothing |
| `settings` | the diff changes the servers' settings |

In the other files that a diff changes, the diagnosed code can't be followed. There the kinds are `settings`,
`suppression`, `any_type`, `stub`, `deleted_file` and, for a new `__getattr__`, `dynamic_access`.

What a rule is not sure of is no cheat: the judge comes after it. Where taking away is the repair (a second
definition, an unused expression, a stray token), nothing that is taken away counts.
"""

from collections.abc import Mapping
from functools import lru_cache

from repair.diagnostics.diagnostic import Diagnostic
from repair.line_diff.numbered import LineDiff
from repair.verification.cheats import deletions, evasions
from repair.verification.cheats.change import Change, Cheat
from repair.verification.cheats.other_files import elsewhere

__all__ = ["Cheat", "cheat", "workspace_cheat"]

_RULES = (
    evasions.suppression,
    deletions.gone,
    deletions.emptied,
    evasions.unreachable,
    evasions.swallowed,
    evasions.dynamic_access,
    deletions.quoted_expression,
    evasions.any_type,
    evasions.stub,
    deletions.deleted_use,
)


# A teacher that judges its own diffs is followed by the verification, which judges them again.
@lru_cache(maxsize=256)
def cheat(original: str, repaired: str, diagnostic: Diagnostic, diff: LineDiff) -> Cheat | None:
    """How `diff`, which makes `repaired` of `original`, goes around `diagnostic`; None if it does not.

    The texts are those of the diagnostic's file.
    """
    change = Change(original, repaired, diagnostic, diff)
    return next((found for rule in _RULES if (found := rule(change)) is not None), None)


def workspace_cheat(
    workspace: Mapping[str, str],
    repaired: Mapping[str, str],
    diagnostic: Diagnostic,
    changes: Mapping[str, LineDiff],
) -> Cheat | None:
    """As `cheat`, of a diff of several files that makes `repaired` of `workspace` (both path -> text).

    `changes` holds what it does to each of them.
    """
    path = diagnostic.path
    if path in changes and (found := cheat(workspace[path], repaired[path], diagnostic, changes[path])):
        return found
    elsewhere_changed = sorted(other for other in changes if other != path)
    if not elsewhere_changed:
        return None
    own = Change(workspace[path], repaired[path], diagnostic, changes.get(path, LineDiff()))
    others = (elsewhere(other, workspace[other], repaired[other], own) for other in elsewhere_changed)
    return next((found for found in others if found is not None), None)
