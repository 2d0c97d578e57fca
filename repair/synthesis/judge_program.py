"""The judge's DSPy program. This module imports DSPy at its top: import it within functions."""

# DSPy by way of the module that sets its environment first
from repair.synthesis.sentinel_adapter import RepairProgram, dspy


class JudgeSignature(dspy.Signature):
    """Judge whether a line diff repairs the reported error."""

    code: str = dspy.InputField(desc="the file's path and its numbered lines")
    lsp_error: str = dspy.InputField(desc="the language server's message")
    error_line: str = dspy.InputField(desc="the numbered line in which the error begins")
    diff: str = dspy.InputField(desc="the numbered line diff that is judged")
    repaired: str = dspy.InputField(desc="the numbered lines around each change, after it")
    verdict: str = dspy.OutputField(desc="keep or drop, a colon, and the reason in one sentence")


class JudgeProgram(RepairProgram):
    """One judgement at a time by one model; several threads may ask at once."""

    signature = JudgeSignature
