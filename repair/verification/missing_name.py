"""Missing names that a repair takes for misspelt ones: `bit = Bit(8)` becomes `bit = bit(8)`.

A name that is undefined in several places is rarely misspelt in all of them: its definition or its import is
missing. The servers accept a variable of the file in its place, for they know no type of what it holds.
"""

from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.equal_findings import is_undefined_name, subject
from repair.text.python_names import definitions, loaded, variables
from repair.text.python_syntax import tree_of
from repair.verification.needless import changed_spans

_OF_THE_CLASS = frozenset({"self", "cls"})  # for `this`, which is misspelt wherever it stands


def takes_for_misspelt(original: str, repaired: str, diagnostic: Diagnostic) -> bool:
    """Whether a variable of the file replaces the undefined name, which the repaired text reads elsewhere.

    A function, a class or an import may be misspelt in the same way in several places.
    """
    if not is_undefined_name(diagnostic) or (tree := tree_of(repaired)) is None:
        return False
    name, others = subject(diagnostic), variables(tree) - definitions(tree) - _OF_THE_CLASS
    if name in others | definitions(tree) or name not in loaded(tree):
        return False
    return any(
        span.old == name and repaired[span.start : span.end] in others
        for span in changed_spans(original, repaired)
    )
