"""Prompt optimization of the teacher program with DSPy: bootstrapped demos and proposed instructions.

The metric is the share of diffs that verify (`repair.verification.verifier`). `COPRO` tries instructions that
the model itself proposes. `BootstrapFewShotWithRandomSearch` tries sets of demos: repairs as they are stored,
and repairs that the model wrote and the servers confirmed. The rows are split by project into three parts:
demos come from one, candidates are compared on the second, and both scores are measured on the third, which
no choice has seen. Requests go through the same client as in synthesis: cached, limited and within the
budget.

Tested by `tests/code_location/test_graph_optimizer.py`.
"""

import contextlib
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from repair.database import Location
from repair.dataset.splits import TRAIN
from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import ConfigurationError, InputError, TeacherError
from repair.language_servers.scheduler import Servers
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import render_response
from repair.schema.rows import RepairExampleRow
from repair.synthesis.lm.client import LmClient, QuestionFailedError
from repair.synthesis.lm.limits import BudgetExhaustedError, Usage
from repair.synthesis.lm.program import FewShotExample, TeacherProgram
from repair.synthesis.lm.settings import LanguageModel
from repair.text.files import files_of
from repair.text.stable_hash import rank
from repair.verification.verifier import verify

_PARTS = 3

# Instructions that are compared in a round, the best so far among them, and rounds.
_INSTRUCTIONS, _ROUNDS = 4, 2


@dataclass(frozen=True, slots=True)
class Optimized:
    """Result of an optimizer run: the better program, and both scores."""

    program: TeacherProgram
    """The compiled program if it scores higher, else the given one; it holds both scores."""
    score_before: float
    score_after: float
    """Of the compiled program, whether it is higher or not."""
    rows: tuple[int, int, int]
    """Rows to learn from, to compare on and to score on."""
    usage: Usage

    def figures(self) -> dict[str, Any]:
        """The scores and what they were made with and cost, as JSON."""
        return {
            "score_before": self.score_before,
            "score_after": self.score_after,
            "demos": len(self.program.demos),
            "instructions": self.program.instructions,
            "rows_learned_compared_scored": list(self.rows),
            **asdict(self.usage),
        }


def optimize(
    program: TeacherProgram,
    rows: Iterable[RepairExampleRow],
    servers: Servers,
    model: LanguageModel,
    cache: Location,
    *,
    instructions: bool = False,
    seed: int = 0,
    most_demos: int = 3,
    programs: int = 6,
) -> Optimized:
    """Compile `program` with a DSPy optimizer, on the training rows of `REPAIR_EXAMPLES`.

    `instructions`: let the model propose better ones first. `most_demos` bounds the demos of each kind,
    `programs` the sets that are drawn at random beside three fixed ones (none, stored ones, the model's own).

    Raises:
        ConfigurationError: there are fewer than three training projects, or the budget ended too early.
        TeacherError: every question would fail alike, or the model proposed nothing that can be parsed.
    """
    parts = _split_by_project([row for row in rows if row["split"] == TRAIN], seed)
    with contextlib.ExitStack() as stack:
        client = LmClient(model, cache)
        stack.callback(client.close)
        compilation = _Compilation(program, parts, servers, model, client)
        stack.callback(compilation.repair.close)
        try:
            return compilation.run(instructions, seed, most_demos, programs)
        except BudgetExhaustedError as error:
            raise _budget_ended(error) from error
        except Exception as error:
            if client.fatal is not None:  # DSPy stops with an error of its own
                raise client.fatal from error
            raise


def _split_by_project(rows: Sequence[RepairExampleRow], seed: int) -> list[list[RepairExampleRow]]:
    """Three parts that share no project, as even as the projects allow."""
    by_project: dict[str, list[RepairExampleRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["example_id"]):
        by_project[row["project_id"]].append(row)
    if len(by_project) < _PARTS:
        raise ConfigurationError(
            f"the rows are of {len(by_project)} training projects: an optimizer needs at least {_PARTS}, one"
            " to learn from, one to compare on and one to be scored on"
        )
    parts: list[list[RepairExampleRow]] = [[] for _ in range(_PARTS)]
    for project in sorted(by_project, key=lambda project: rank(seed, project)):
        min(parts, key=len).extend(by_project[project])
    return parts


class _Compilation:
    """State of one optimizer run."""

    def __init__(
        self,
        program: TeacherProgram,
        parts: Sequence[Sequence[RepairExampleRow]],
        servers: Servers,
        model: LanguageModel,
        client: LmClient,
    ) -> None:
        from repair.synthesis.lm.dspy_program import RepairProgram

        self.program, self.parts, self.model = program, parts, model
        self.servers, self.client = servers, client
        self.repair = RepairProgram(model, program, client)
        self.rows = {row["example_id"]: row for part in parts for row in part}
        self.of_question: dict[tuple[str, ...], RepairExampleRow] = {}

    def run(self, instructions: bool, seed: int, most_demos: int, programs: int) -> Optimized:
        import dspy

        from repair.synthesis.lm.dspy_program import OptimizerAdapter

        learned, compared, scored = ([self._example(row) for row in part] for part in self.parts)
        # DSPy's own seeds are fixed; the order of the rows follows ours.
        learned.sort(key=lambda example: rank(seed, example["example_id"]))
        threads = self.model.concurrency
        evaluate = dspy.Evaluate(devset=scored, metric=self._verified, num_threads=threads)
        adapter = OptimizerAdapter(prefill=self.model.prefill)
        # DSPy's optimizers print what they do.
        with (
            contextlib.redirect_stdout(io.StringIO()),
            dspy.context(lm=self.repair.lm, adapter=adapter, max_errors=1),
        ):
            compiled = self._module()
            before: float = evaluate(compiled).score / 100
            if instructions:
                compiled = self._instructed(compiled, compared)
            optimizer: Any = dspy.BootstrapFewShotWithRandomSearch(
                metric=self._verified,
                max_bootstrapped_demos=most_demos,
                max_labeled_demos=most_demos,
                num_candidate_programs=programs,
                num_threads=threads,
            )
            compiled = optimizer.compile(compiled, trainset=learned, valset=compared)
            after: float = evaluate(compiled).score / 100
        made = self.program
        if after > before:
            demos = tuple(self._few_shot_example(demo) for demo in compiled.predict.demos)
            made = replace(made, instructions=compiled.predict.signature.instructions, demos=demos)
        return Optimized(
            made.scored(max(before, after), before),
            before,
            after,
            (len(learned), len(compared), len(scored)),
            self.client.budget.usage,
        )

    def _instructed(self, student: Any, compared: Sequence[Any]) -> Any:
        """The program with the best instructions, its own or proposed ones (COPRO)."""
        import dspy
        from dspy.utils.exceptions import AdapterParseError

        optimizer: Any = dspy.COPRO(
            metric=self._verified, breadth=_INSTRUCTIONS, depth=_ROUNDS, init_temperature=1.0
        )
        try:
            threads = {"num_threads": self.model.concurrency}
            return optimizer.compile(student, trainset=compared, eval_kwargs=threads)
        except AdapterParseError as error:
            raise TeacherError(
                f"{self.model.model} proposed no instructions that DSPy can read: {str(error)[:500]}"
            ) from error

    def _example(self, row: RepairExampleRow) -> Any:
        import dspy

        solved = self.repair.format.solved(prompt_of(row) + row["response"])
        self.of_question[_question_key(solved)] = row
        return dspy.Example(example_id=row["example_id"], **solved).with_inputs(
            "example_id", *(name for name in solved if name != "diff")
        )

    def _module(self) -> Any:
        import dspy

        compilation = self  # by closure: DSPy copies a module's attributes

        class Repair(dspy.Module):
            """The program as in synthesis: the optimizer's demos, then examples of the same code."""

            def __init__(self) -> None:
                super().__init__()
                self.predict = compilation.repair.predict.reset_copy()

            def forward(self, example_id: str, **question: str) -> Any:
                return compilation.answer(self.predict, compilation.rows[example_id], question)

        return Repair()

    def answer(self, predict: Any, row: RepairExampleRow, question: Mapping[str, str]) -> Any:
        """The prediction for a row; its diff is None where the model wrote none."""
        import dspy
        from dspy.utils.exceptions import AdapterParseError

        demos = tuple(self._few_shot_example(demo) for demo in predict.demos)
        shown = self.repair.demos(replace(self.program, demos=demos).shots_for(row))
        try:
            return predict(demos=shown, **question)
        except (AdapterParseError, QuestionFailedError):
            return dspy.Prediction(diff=None)
        except BudgetExhaustedError as error:
            self.client.fatal = _budget_ended(error)
            raise

    def _verified(self, example: Any, prediction: Any, trace: Any = None) -> bool:
        """DSPy metric: whether the language servers confirm the diff."""
        row = self.rows[example["example_id"]]
        files, diagnostic = files_of(row), Diagnostic.from_row(row["diagnostic"])
        if prediction.diff is None:
            return False
        try:
            line_diff = self._line_diff(prediction.diff, files[diagnostic.path])
        except InputError:
            return False
        before = [Diagnostic.from_row(known) for known in row["before"]]
        return verify(files, diagnostic, line_diff, self.servers, before=before).accepted

    def _few_shot_example(self, demo: Mapping[str, Any]) -> FewShotExample:
        row = self.of_question[_question_key(demo)]
        text = files_of(row)[row["path"]]
        return FewShotExample(
            example_id=row["example_id"],
            project_id=row["project_id"],
            code=row["code"],
            prompt=prompt_of(row),
            response=render_response(self._line_diff(demo["diff"], text)),
        )

    def _line_diff(self, block: str, text: str) -> str:
        return self.repair.format.read(f"<diff>\n{block}\n</diff>", text)


def _budget_ended(error: BudgetExhaustedError) -> ConfigurationError:
    return ConfigurationError(
        f"the budget ended before the program was compiled: {error}; raise it and run again, the answers"
        " so far are cached"
    )


def _question_key(fields: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(fields[name] for name in ("code", "lsp_error", "error_line"))
