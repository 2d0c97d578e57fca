"""The bug teacher's DSPy program. Imports DSPy at its top: import this module within functions.

Tested by `tests/repair/evaluation/leetcode/injection/test_teacher.py`.
"""

from repair.extras import extra
from repair.synthesis.lm.client import LmClient
from repair.synthesis.lm.dspy_judge import JudgeAdapter
from repair.synthesis.lm.dspy_program import PaidProgram
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.settings import LanguageModel

with extra("lm"):
    import dspy


class BugSignature(dspy.Signature):
    """Put one bug of the named kind into a correct solution."""

    problem: str = dspy.InputField(desc="the problem's page")
    code: str = dspy.InputField(desc="the correct solution")
    bug: str = dspy.InputField(desc="the kind of the bug, a colon, and what such a bug is")
    buggy: str = dspy.OutputField(desc="the solution with the bug, and its explanation")


class BugProgram(PaidProgram):
    """The bug teacher as a DSPy program."""

    signature = BugSignature

    def __init__(self, model: LanguageModel, program: TeacherProgram, client: LmClient) -> None:
        super().__init__(model, program, client, adapter=JudgeAdapter(prefill=False))
