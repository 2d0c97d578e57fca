"""Best-of-k repair: the likeliest answer first, then others; the first that verifies is the fix.

After a model's first answer that of the rules is tried, which costs checks and no decoding. Of a model with
a calibration the fix is the first answer that is also likely enough right (`repair.verification.confidence`),
or repairs what the project's own tests failed of, where these are run (`repair.fixing.own_tests`).

All first answers of a call are decoded together, and the others of what they did not repair. Checks of
different tasks run together (`repair.language_servers.scheduler`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from repair.diagnostics.star_imports import unresolved_star_import
from repair.errors import InputError
from repair.fixing.fix import (
    LATE,
    MERGE_CONFLICT,
    MODEL,
    NO_ANSWER,
    STAR_IMPORT,
    TESTS_FAIL,
    TOO_LONG,
    UNMEASURED,
    UNSURE,
    Answer,
    Attempt,
    Fix,
    Task,
)
from repair.fixing.own_tests import Transition
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_all
from repair.line_diff.numbered import LineDiffError
from repair.models.model import Completion, FinishReason, Model
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.prompt.sentinels import PromptError
from repair.schema.guards import guarded
from repair.synthesis.rules import RULES
from repair.synthesis.rules.model import RulesModel
from repair.text.merge_conflicts import merge_conflict
from repair.unexpected import UNEXPECTED, detail_of, is_of_the_run
from repair.verification.confidence import Calibration, Signals, signals_of
from repair.verification.needless import UnansweredError
from repair.verification.verifier import Verdict, examine

Proposal = Answer | Attempt
"""An answer, or why it is none."""


@dataclass(frozen=True, slots=True)
class FixModels:
    """A model twice: `first` gives the answer that it holds likeliest, `more` others (the next likeliest of a
    model on this machine, samples of one behind an API); None: all its answers are the same. `rules`: whether
    theirs is tried between them."""

    name: str
    first: Model
    more: Model | None
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """What identifies the weights, and the packages that run them."""
    calibration: Calibration | None = None
    rules: bool = False

    @property
    def version(self) -> str:
        """What fixes of this model are counted by: its release, else what identifies its weights."""
        return self.versions.get("release") or self.versions.get("model") or self.name


@dataclass(frozen=True, slots=True)
class _Round:
    """Who is asked after the first answers, for how many of each task."""

    model: Model
    count: Callable[[Task], int]
    author: str


class Fixer:
    """Asks `models` and verifies with `servers`."""

    def __init__(self, models: FixModels, servers: Servers) -> None:
        self.models, self._servers = models, servers
        self._rounds: list[_Round] = []
        if models.rules:
            self._rounds.append(_Round(RulesModel(servers), lambda task: 1, RULES))
        if models.more is not None:
            self._rounds.append(_Round(models.more, lambda task: task.k - 1, MODEL))

    def fix(self, tasks: Sequence[Task]) -> list[Fix]:
        """The fix of each task, each by itself."""
        fixes = dict(self.stream(tasks))
        return [fixes[index] for index in range(len(tasks))]

    def stream(
        self, tasks: Sequence[Task], *, is_late: Callable[[int], bool] = lambda index: False
    ) -> Iterator[tuple[int, Fix]]:
        """The fix of each task with its index, as soon as it is known.

        `is_late`: whether that of an index is useless by now, so that no further answer is asked for.
        """
        yield from self.after(tasks, self.verified(tasks, self.first_answers(tasks)), is_late=is_late)

    def after(
        self,
        tasks: Sequence[Task],
        firsts: Sequence[Fix],
        *,
        is_late: Callable[[int], bool] = lambda index: False,
    ) -> Iterator[tuple[int, Fix]]:
        """The fix of each task with its index, given what came of the first answers; as `stream`."""
        pending = dict(enumerate(firsts))
        for number, asked in enumerate(self._rounds):
            left: dict[int, Fix] = {}
            for index, fix in pending.items():
                asked_again = any(later.count(tasks[index]) for later in self._rounds[number:])
                if fix.found or fix.unasked or not asked_again:
                    yield index, fix.settled()
                elif is_late(index):
                    late = Attempt(LATE, "no further answer was asked for")
                    yield index, replace(fix, rejected=(*fix.rejected, late)).settled()
                else:
                    left[index] = fix
            found = self._asked(asked, [tasks[index] for index in left])
            pending = {
                index: fix.after(before) for (index, before), fix in zip(left.items(), found, strict=True)
            }
        for index, fix in pending.items():
            yield index, fix.settled()

    def first_answers(self, tasks: Sequence[Task]) -> list[list[Proposal]]:
        """The likeliest answer to each task, decoded together."""
        return self._answers(self.models.first, tasks, [1] * len(tasks))

    def _asked(self, asked: _Round, tasks: Sequence[Task]) -> list[Fix]:
        answers = self._answers(asked.model, tasks, [asked.count(task) for task in tasks])
        if asked.author == MODEL:
            return self.verified(tasks, answers, later=True)
        # what no rule knows, or none repairs, is no answer: it tells nobody anything
        return [
            replace(fix.by(asked.author), rejected=tuple(one for one in fix.rejected if one.verified))
            for fix in self.verified(tasks, answers)
        ]

    def verified(
        self, tasks: Sequence[Task], proposals: Sequence[Sequence[Proposal]], *, later: bool = False
    ) -> list[Fix]:
        """For each task the first of its proposals that verifies and is likely enough right."""
        calibration = self.models.calibration
        coroutines = [
            guarded(first_verified(task, found, calibration, later=later), partial(_unforeseen, task))
            for task, found in zip(tasks, proposals, strict=True)
        ]
        return run_all(coroutines, self._servers)

    def _answers(self, model: Model, tasks: Sequence[Task], counts: Sequence[int]) -> list[list[Proposal]]:
        proposals: list[list[Proposal]] = [[] for _ in tasks]
        by_count: dict[int, list[int]] = defaultdict(list)
        samples = [task.sample() for task in tasks]
        for index, count in enumerate(counts):
            if (unasked := self._unasked(tasks[index])) is not None:
                proposals[index] = [unasked]
            elif (fault := _unaskable(model, samples[index])) is not None:
                proposals[index] = [fault] * count
            else:
                by_count[count].append(index)
        by_count.pop(0, None)
        for count, indices in by_count.items():
            answers = _answers_or_faults(model, [samples[index] for index in indices], count)
            for index, completions in zip(indices, answers, strict=True):
                proposals[index] = [_proposal(completion, tasks[index]) for completion in completions]
        return proposals

    def _unasked(self, task: Task) -> Attempt | None:
        """Why nobody is asked about a task, of which nothing would be shown; None: somebody is."""
        if conflict := merge_conflict(task.files.get(task.path, "")):
            return Attempt(MERGE_CONFLICT, "lines {} to {}".format(*conflict))
        if task.unsure or task.tests is not None:
            return None
        if module := unresolved_star_import(task.files, task.diagnostic, task.before):
            return Attempt(STAR_IMPORT, f"from {module} import *")
        calibration, code = self.models.calibration, task.diagnostic.code
        if calibration is None or calibration.measures(code):
            return None
        return Attempt(UNMEASURED, f"of {code} nothing is shown, unless unsure fixes are wanted")


def _unaskable(model: Model, sample: Mapping[str, Any]) -> Attempt | None:
    """Why a model can't be asked about a sample; None: it can."""
    try:
        model.prompt(sample)
    except PromptError as error:
        return Attempt(error.reason, str(error))
    return None


def _answers_or_faults(
    model: Model, samples: Sequence[Mapping[str, Any]], count: int
) -> list[list[Completion] | list[Attempt]]:
    """The answers to each sample. Where the model fails unforeseen each is asked about alone, and the failure
    stands for the answers to that one."""
    try:
        return [*model.answer(samples, k=count)]
    except Exception as error:
        if is_of_the_run(error):
            raise
        if len(samples) == 1:
            return [[Attempt(UNEXPECTED, detail_of(error))] * count]
    return [alone for sample in samples for alone in _answers_or_faults(model, [sample], count)]


def _unforeseen(task: Task, detail: str) -> Fix:
    return Fix(task, rejected=(Attempt(UNEXPECTED, detail),))


def first_verified(
    task: Task,
    proposals: Sequence[Proposal],
    calibration: Calibration | None = None,
    *,
    later: bool = False,
) -> CheckCoroutine[Fix]:
    """Check coroutine: the first proposal that verifies; equal ones are checked once.

    With a `calibration` the first that verifies and has its threshold's confidence, or repairs what the
    task's tests failed of. `later`: none of them is the model's first answer to the task.
    """
    rejected: list[Attempt] = []
    known: dict[str, Attempt] = {}
    withheld: Fix | None = None
    for proposal in proposals:
        if isinstance(proposal, Attempt):
            rejected.append(proposal)
            continue
        line_diff = proposal.line_diff
        if line_diff not in known:
            found = yield from _judged(task, proposal, calibration, later=later)
            if isinstance(found, Fix):
                fix = replace(found, rejected=tuple(rejected))
                if not fix.doubts or fix.tested == Transition.FAIL_TO_PASS:
                    return replace(fix, doubts="")
                if withheld is None or (fix.confidence or 0) > (withheld.confidence or 0):
                    withheld = fix
                found = Attempt(UNSURE, fix.doubts)
            known[line_diff] = found
        rejected.append(known[line_diff])
    return Fix(task, rejected=tuple(rejected), withheld=withheld)


def _judged(
    task: Task, answer: Answer, calibration: Calibration | None, *, later: bool
) -> CheckCoroutine[Fix | Attempt]:
    """The fix that an answer is, or why it is none."""
    verdict = yield from examine(task.files, task.diagnostic, answer.line_diff, task.before)
    if not verdict.accepted:
        return Attempt(verdict.reason or UNEXPECTED, verdict.evidence)
    tested, failure = _tested(task, verdict)
    if failure:
        return Attempt(TESTS_FAIL, failure)
    fix = Fix(task, verdict.changed(task.path), verdict.line_diff, tested=tested)
    if calibration is None:
        return fix
    code = task.diagnostic.code
    if not calibration.measures(code):
        return replace(fix, doubts=f"how often repairs of {code} are right was never measured")
    try:
        signals = yield from signals_of(
            task.files,
            task.diagnostic,
            verdict,
            task.before,
            later=later,
            log_probability=answer.log_probability,
        )
    except UnansweredError as error:
        return Attempt(error.verdict.reason or UNEXPECTED, error.verdict.evidence)
    confidence = calibration.confidence(signals, code)
    sure = confidence is not None and confidence >= calibration.threshold
    doubts = "" if sure else _doubts(confidence, signals, calibration)
    return replace(fix, confidence=confidence, doubts=doubts)


def _tested(task: Task, verdict: Verdict) -> tuple[Transition | None, str]:
    """What the task's tests say for a verified answer, or how they fail; None: there are none, or they can't
    tell, for they failed before, and an error is left in a changed file."""
    if task.tests is None:
        return None, ""
    changed = verdict.changed(task.path)
    tested, failure = task.tests.of_fix(task.files, {**task.files, **changed})
    left = any(found.is_error and found.path in changed for found in verdict.after)
    told = tested.told(errors_left=left)
    return told, failure if told else ""


def _doubts(confidence: float | None, signals: Signals, calibration: Calibration) -> str:
    doubts = ", ".join(signals.doubts()) or "nothing speaks for it"
    if confidence is None:
        return doubts
    return f"confidence {confidence:.2f}, expected at least {calibration.threshold:.2f} ({doubts})"


def _proposal(completion: Completion | Attempt, task: Task) -> Proposal:
    if isinstance(completion, Attempt):
        return completion
    if completion.finish_reason == FinishReason.TOO_LONG:
        return Attempt(TOO_LONG, f"{completion.input_tokens} tokens")
    if completion.finish_reason == FinishReason.UNANSWERED:
        return Attempt(NO_ANSWER, "no rule has one, or the service gave none")
    try:
        diff = answer_format(LINE_DIFF).read_in(completion.text, task.files, task.path).line_diff
    except LineDiffError as error:
        return Attempt(error.reason, str(error))
    except InputError as error:
        return Attempt(error.reason, str(error))
    return Answer(diff, completion.log_probability)
