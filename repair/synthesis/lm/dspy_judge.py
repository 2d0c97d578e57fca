"""The judge's DSPy program. Imports DSPy at its top: import this module within functions.

Tested by `tests/repair/synthesis/lm/test_judge.py`.
"""

from typing import Any

from repair.extras import extra
from repair.synthesis.lm.client import LmClient
from repair.synthesis.lm.dspy_program import PaidProgram, SentinelAdapter
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.settings import LanguageModel

with extra("lm"):
    import dspy


class JudgeSignature(dspy.Signature):
    """Judge whether a line diff repairs the reported error."""

    code: str = dspy.InputField(desc="the file's path and its numbered lines")
    lsp_error: str = dspy.InputField(desc="the language server's message")
    error_line: str = dspy.InputField(desc="the numbered line in which the error begins")
    diff: str = dspy.InputField(desc="the numbered line diff that is judged")
    repaired: str = dspy.InputField(desc="the numbered lines around each change, after it")
    verdict: str = dspy.OutputField(desc="keep or drop, a colon, and the reason in one sentence")


class JudgeAdapter(SentinelAdapter):
    """Gives the answer back as it is: `repair.synthesis.lm.judge` reads it."""

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        return dict.fromkeys(signature.output_fields, completion)


class JudgeProgram(PaidProgram):
    """The judge as a DSPy program."""

    signature = JudgeSignature

    def __init__(self, model: LanguageModel, program: TeacherProgram, client: LmClient) -> None:
        # Its answer is not the teacher's: there is nothing to begin it with.
        super().__init__(model, program, client, adapter=JudgeAdapter(prefill=False))
