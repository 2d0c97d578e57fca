"""LLM judge: a language model is shown a verified diff and answers whether it is a repair.

It runs last, on diffs that the servers and the rules against cheats accept, and drops what they can't see: a
name that is defined and means something else, a value that fits the type and not the purpose. It uses the
client of the teacher `lm`, with the same response cache. What it is shown:

```
<code> ... </code> <lsp_error> ... </lsp_error> <error_line> ... </error_line>
<diff>
-3 screen = turtle.screen
+3 screen = turtle.Screen()
</diff>
<repaired>
#main.py
1 import turtle
2
3 screen = turtle.Screen()
</repaired>
```

What it answers: one line, `keep: REASON` or `drop: REASON`, between `<verdict>` and `</verdict>`.

What would fail for every row alike ends the stage, as with the teacher.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from repair.closing import Closing
from repair.curation.consent import NOT_FOR, allows
from repair.database import Location
from repair.errors import InputError, RepairError
from repair.line_diff import workspace as workspace_diff
from repair.prompt.answer_formats import fields_of
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import PromptError, render_response
from repair.schema.events import Purpose
from repair.schema.outcomes import DETAIL, KEY, REASON, Reject, outcome_batch, subschema
from repair.schema.stages import VERIFIED_DIFFS
from repair.synthesis.lm.client import LmClient, QuestionFailedError
from repair.synthesis.lm.limits import BudgetExhaustedError, Usage
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.settings import LanguageModel
from repair.text.files import files_of
from repair.text.lines import lines_of, split_mark
from repair.verification.stage import ADDS

SHOWN = (KEY, "purposes", "path", "files", "diagnostic")
QUESTIONS = pa.schema([*subschema(VERIFIED_DIFFS, SHOWN), *list(ADDS)[1:]])
"""What the judge reads: columns of the row beside the outcome of verification."""

JUDGE_REJECTS, JUDGE_FAILED = "judge_rejects", "judge_failed"

REASONS = {
    NOT_FOR[Purpose.SYNTHESIS]: "the project's owner did not agree that a language model is shown its texts",
    JUDGE_REJECTS: "the judge says drop; the detail is its reason",
    JUDGE_FAILED: "the judge can't be asked, or its answer can't be read; nothing is known of the diff",
}

AROUND = 8
"""Lines of the repaired file that are shown on each side of a change."""

# Rows submitted ahead of the next result, per open question.

_MAX_REASON = 500  # characters of a reason that are stored
_BLOCK = re.compile(r"^<verdict>\n(.*?)(?:(?P<end>\n</verdict>$)|\Z)", re.DOTALL | re.MULTILINE)
_VERDICT = re.compile(r"(keep|drop): (\S.*)")


class JudgementError(InputError):
    """An answer of the judge can't be parsed."""

    reason = JUDGE_FAILED


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judge's decision with its reason; the cost is null where it is not known."""

    keep: bool
    reason: str
    cost_usd: float | None = None


class LmJudge(Closing):
    """LLM judge of rows of `VERIFIED_DIFFS`, with a response cache in the file `cache`. A context manager.

    Raises ConfigurationError if the key is missing or the model does not take the settings.
    """

    def __init__(self, model: LanguageModel, cache: Location) -> None:
        from repair.synthesis.lm.dspy_judge import JudgeProgram

        self.model = model
        self._program = TeacherProgram(instructions=INSTRUCTIONS)
        self._client = LmClient(model, cache)
        self._dspy = JudgeProgram(model, self._program, self._client)

    @property
    def name(self) -> str:
        """The model and the version of its instructions."""
        return f"{self.model.model}@{self._program.version}"

    @property
    def usage(self) -> Usage:
        """Tokens and cost of all answers so far."""
        return self._client.budget.usage

    def close(self) -> None:
        """Close the connections and the response cache."""
        self._dspy.close()
        self._client.close()

    def judge(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Judgement | Reject]:
        """One outcome for each row, in order; the rejects are those of `REASONS` but `judge_rejects`.

        Raises:
            TeacherError: every row would fail alike.
            ConfigurationError: there is a budget, and what it limits is not known of an answer.
            StoreError: the response cache can't be read or written.
        """
        return self._client.map(self._judgement, rows, name="judge")

    def _judgement(self, row: Mapping[str, Any]) -> Judgement | Reject:
        finish_reason: str | None = None
        if not allows(row.get("purposes"), Purpose.SYNTHESIS):
            return Reject(row, NOT_FOR[Purpose.SYNTHESIS], "it may be shown to no language model")
        try:
            answer = self._dspy.answer(fields_of(question_of(row)))
            finish_reason = answer.finish_reason
            return replace(parse_judgement(answer.text), cost_usd=answer.cost_usd)
        except JudgementError as error:
            said = f"; finish reason {finish_reason}" if finish_reason else ""
            return Reject(row, error.reason, f"{error}{said}")
        except PromptError as error:
            return Reject(row, JUDGE_FAILED, f"{error.reason}: {error}")
        except BudgetExhaustedError as error:
            return Reject(row, JUDGE_FAILED, f"budget_exhausted: {error}")
        except QuestionFailedError as error:
            return Reject(row, JUDGE_FAILED, str(error))
        except RepairError:
            raise  # every row would fail alike
        except Exception as error:  # nobody foresaw it: it is this row's, and its neighbours go on
            said = self._client.mask(f"{type(error).__name__}: {error}")
            return Reject(row, JUDGE_FAILED, said[:_MAX_REASON])


def judged(batches: Iterable[pa.RecordBatch], judge: LmJudge) -> Iterator[pa.RecordBatch]:
    """The outcomes of `repair.verification.stage.verify_rows`, after the judge's word on the rows it kept.

    `batches` are those outcomes beside their rows, of `outcome_schema(QUESTIONS)` at least.
    """
    for batch in batches:
        rows = batch.to_pylist()
        judgements = judge.judge([row for row in rows if row[REASON] is None])
        outcomes = [
            Reject(row, row[REASON], row[DETAIL], row["rows"])
            if row[REASON] is not None
            else _outcome(row, next(judgements), judge.name)
            for row in rows
        ]
        yield outcome_batch(outcomes, ADDS)


def question_of(row: Mapping[str, Any]) -> str:
    """The judge's prompt for a row that has `path`, `files`, `diagnostic` and `line_diff`.

    Raises:
        PromptError: the row can't be written as a prompt.
    """
    files, path = files_of(row), row["path"]
    repaired = workspace_diff.apply(files, row["line_diff"], path)
    excerpts: list[str] = []
    for name, change in workspace_diff.parse(row["line_diff"], path).items():
        numbers = [number for number, _ in change.added]
        # of a removed line, show where it was: after the line before it, if that is still there
        before = (change.map_line(number - 1) if number > 1 else 1 for number, _ in change.removed)
        numbers += [number for number in before if number is not None]
        _, text = split_mark(repaired[name])
        excerpts += [f"{workspace_diff.HEADER}{name}", *_excerpt(lines_of(text), numbers)]
    shown = "\n".join(excerpts)
    return f"{prompt_of(row)}{render_response(row['line_diff'])}\n<repaired>\n{shown}\n</repaired>\n"


def parse_judgement(answer: str) -> Judgement:
    """Parse the last complete verdict block of an answer.

    Raises:
        JudgementError: there is none, or it holds anything but one line of the required form.
    """
    opened = _BLOCK.finditer(answer.replace("\r\n", "\n"))
    blocks = [block[1] for block in opened if block["end"]]
    found = _VERDICT.fullmatch(blocks[-1].strip()) if blocks else None
    if found is None:
        text = blocks[-1] if blocks else answer
        raise JudgementError(
            f"the judge's answer is {text[:200]!r}: expected keep or drop, a colon and a reason, on one line"
            " between <verdict> and </verdict>"
        )
    return Judgement(found[1] == "keep", found[2][:_MAX_REASON])


def _excerpt(code: list[str], numbers: Iterable[int]) -> Iterator[str]:
    """The numbered lines around each of `numbers`, with `...` where some are left out."""
    wanted = {near for number in numbers for near in range(number - AROUND, number + AROUND + 1)}
    last = 0
    for number, text in enumerate(code, 1):
        if number in wanted:
            if number != last + 1:
                yield "..."
            yield f"{number} {text}" if text else str(number)
            last = number
    if last != len(code):
        yield "..."


def _outcome(row: Mapping[str, Any], judgement: Judgement | Reject, name: str) -> Mapping[str, Any] | Reject:
    if isinstance(judgement, Reject):
        return Reject({**row, "judge": name}, judgement.reason, judgement.detail)
    known = {
        **row,
        "judge": name,
        "judge_reason": judgement.reason,
        "judge_cost_usd": judgement.cost_usd,
    }
    return known if judgement.keep else Reject(known, JUDGE_REJECTS, judgement.reason)


INSTRUCTIONS = """\
You review repairs of Python code. You are given a file with numbered lines, the message of one error that a
language server reports in it, the line in which that error begins, a line diff that was proposed as its
repair, and the lines around each change as they are after it. A gap in the numbers means lines that are not
shown, and a long file may go on after the last line. In the diff, `-N text` takes line N of the
given file away and `+N text` puts a line in, so that it is line N of the repaired file; a line with # and a
path begins the lines of another file.

The language server no longer reports the error after the diff, and no new one. That is not your question.
Say whether the diff is the repair that the code's author would want:
- keep it if it mends the cause of the error and keeps what the program is meant to do;
- drop it if the program now does something else than it is evidently meant to: a wrong name, value, operator
  or condition, behaviour that is left out or made up;
- drop it if it only makes the error go away: code that is deleted, commented out, replaced by `pass`, hidden
  from the checker or from being run.

Answer with one line between <verdict> and </verdict>, each alone on its line: keep or drop, a colon, a space
and the reason in one short sentence. For example:

<verdict>
drop: `count` is defined, but the sum that is returned needs `total`.
</verdict>"""
"""The judge's system message."""
