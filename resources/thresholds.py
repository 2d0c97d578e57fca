"""Data-quality thresholds: every asset check with its severity, its limit, and what to do when it fails.

The only place for them. A check reads its limit from here, Dagster shows the text from here, and
[docs/checks.md](../docs/checks.md) is printed from here:

    python -c 'import resources.thresholds as t; print(t.checks_page(), end="")'

Tested by `tests/resources/test_checks.py` and `tests/code_location/test_definitions.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

EVERY_STAGE: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One check: where it is made, how grave a failure is, what is expected, and what to do."""

    assets: tuple[str, ...]
    """`EVERY_STAGE`: on every asset."""
    severity: Literal["blocking", "error", "warning"]
    """`blocking`: what follows in the same run does not start. `error` and `warning` hold up nothing."""
    limit: float = 0
    expected: str
    """What passes, with `{limit}` in it."""
    meaning: str
    action: str
    """What to do when it fails."""

    @property
    def blocking(self) -> bool:
        return self.severity == "blocking"

    @property
    def expectation(self) -> str:
        return self.expected.format(limit=self.limit)

    @property
    def description(self) -> str:
        """What Dagster shows beside the check."""
        return f"{self.meaning} Expected: {self.expectation}. If it fails: {self.action}"


THRESHOLDS: Mapping[str, Threshold] = {
    "rows_add_up": Threshold(
        assets=EVERY_STAGE,
        severity="blocking",
        expected="rows in = rows out + rejects",
        meaning="No row was lost or made up: each one that came in went on, or is in the table `rejects`.",
        action="it is a fault of the stage's code: nothing after it reads such a partition. Materialize it "
        "again; if the counts differ again, report the stage with the figures of the check.",
    ),
    "nothing_unexpected": Threshold(
        assets=EVERY_STAGE,
        severity="warning",
        limit=0,
        expected="{limit:.0f} rows with the reason `unexpected`",
        meaning="No row met an error that no step foresaw.",
        action="look at the rejected rows with the reason `unexpected`: their detail begins with the class "
        "of the error. Report it; the other rows are not affected.",
    ),
    "tail_is_small": Threshold(
        assets=("session_events",),
        severity="warning",
        limit=0.05,
        expected="no code in `other` has more than {limit:.0%} of the published diagnostics",
        meaning="No diagnostic code in `other` is frequent enough for a type of its own.",
        action="add the line that the check prints to `TYPES` in `repair/diagnostics/types.py` and reload "
        "the code location: from its date on the code has a partition of its own, and earlier rows "
        "stay in `other`. To move earlier rows too, set `since` to the first of their dates and "
        "backfill `error_states` and what follows for those dates, of `other` and of the new type.",
    ),
    "replay_equals_stored_copy": Threshold(
        assets=("error_states",),
        severity="error",
        limit=1.0,
        expected="{limit:.0%} of the replayed files equal the copy that was stored at the next midnight",
        meaning="The replayed edits give the files that the IDE itself had.",
        action="the metadata `mismatches` names the files. Edits are missing in the recording or were "
        "recorded in another order: ask whoever exports it, and materialize `session_events` and "
        "this partition again once it is whole. Diagnostics that rest on a gap or a wrong checksum "
        "are rejected in any case.",
    ),
    "code_action_share": Threshold(
        assets=("error_states", "repair_candidates"),
        severity="warning",
        limit=0.5,
        expected="at most {limit:.0%} of the rows have a fix of the server's own",
        meaning="The servers themselves fix only a minor share of this type.",
        action="the type may not be worth a model: look at its codes, and leave it in `other` if the "
        "servers keep fixing most of it.",
    ),
    "reproduction_rate": Threshold(
        assets=("reproduced_diagnostics",),
        severity="warning",
        limit=0.8,
        expected="at least {limit:.0%} of the replayed diagnostics are reported again",
        meaning="Pyright and ruff report again, on the replayed workspace, what was recorded.",
        action="look at the rejected rows. `not_reproduced` of one code: the recording's servers are of "
        "another version than the rows' `pyright_version`; of many codes after "
        "`reportMissingImports`: the environment lacks packages (REPAIR_ENVIRONMENT). "
        "`server_crashed` or `server_timeout`: the servers need more memory or time.",
    ),
    "near_duplicate_share": Threshold(
        assets=("repair_candidates",),
        severity="warning",
        limit=0.9,
        expected="at most {limit:.0%} of the rows are near-duplicates of an earlier one",
        meaning="The partition is not the same few diagnostics over and over.",
        action="see which projects the rejected rows are of. One project that repeats a template: lower "
        "`cap_per_project` of `error_states`; many projects: a course or a template is recorded, and "
        "there is little to learn from it.",
    ),
    "redaction_recall": Threshold(
        assets=("repair_candidates",),
        severity="error",
        limit=0.95,
        expected="at least {limit:.0%} of the secrets planted in copies of the rows' files are replaced",
        meaning="Secrets and personal data, planted for this check into some of the partition's own files, "
        "are found by the redaction as it is installed here.",
        action="send nothing of this partition to a language model: the metadata `missed` names the kinds. "
        "Compare the installed version of `kingfisher-secret-scanner` with `constraints.txt`, run "
        "`python bench/redaction.py --show`, and materialize the partition again.",
    ),
    "verified_share": Threshold(
        assets=("verified_diffs",),
        severity="warning",
        limit=0.5,
        expected="at least {limit:.0%} of the synthesized diffs verify",
        meaning="Most of what the teacher writes repairs the diagnostic.",
        action="look at the reasons of the rejected rows (docs/rejects.md). Many `no_diff`, `malformed` or "
        "`content_mismatch`: the model does not keep to the answer format. Many `diagnostic_remains` "
        "or `new_error`: give the teacher better examples (materialize `few_shot_examples` and "
        "`teacher_program` again) or another model. `judge_failed`: the judge's service.",
    ),
    "cheat_rate": Threshold(
        assets=("verified_diffs",),
        severity="warning",
        limit=0.1,
        expected="no kind of cheat is more than {limit:.0%} of the synthesized diffs",
        meaning="The teacher repairs what is wrong, and does not delete, silence or evade it.",
        action="the metadata has the rate of each kind (docs/verification.md says what they are), and the "
        "details of the rejected rows begin with it. Cheats are not learned from. If a kind grows, "
        "change the teacher's examples or its model.",
    ),
    "cost_per_verified_diff": Threshold(
        assets=("verified_diffs",),
        severity="warning",
        limit=0.05,
        expected="at most {limit} USD for a diff that verifies",
        meaning="What the teacher and the judge were paid for this partition, by the diffs that came of it.",
        action="compare the teachers (`teacher_page`), ask for fewer `candidates`, or leave types that "
        "hardly verify to `history` and `rules`. A budget for a partition is `budget_usd` of the "
        "language model.",
    ),
    "no_duplicates": Threshold(
        assets=("daily_examples", "training_mixture"),
        severity="error",
        limit=0,
        expected="{limit:.0f} rows whose example is there already",
        meaning="No example is twice in the rows.",
        action="the same diagnostic is in two partitions of the date, as a rule of a type that was promoted "
        "out of `other`: materialize both again, then this one (`repair stale` lists them).",
    ),
    "type_mix_drift": Threshold(
        assets=("daily_examples",),
        severity="warning",
        limit=0.25,
        expected="population stability index of at most {limit} against the four weeks before, or p of at "
        "least 0.001",
        meaning="The examples are spread over the diagnostic types as in the four weeks before (chi-squared "
        "test of homogeneity, and the population stability index for the size of the difference).",
        action="the metadata has the largest changes. A type that vanished: look for failed partitions of "
        "the date; one that grew: a new version of a server, a new kind of project, or another "
        "teacher. If it is to stay, nothing is to be done: after four weeks it is the rule.",
    ),
    "length_drift": Threshold(
        assets=("daily_examples",),
        severity="warning",
        limit=0.25,
        expected="population stability index of at most {limit} against the four weeks before, or p of at "
        "least 0.001",
        meaning="The repairs are as long, in characters, as in the four weeks before (tenths of the earlier "
        "ones; chi-squared test of homogeneity, and the population stability index for the size of "
        "the difference).",
        action="longer ones: the teacher rewrites more than it has to (is `minimized` set in "
        "`verified_diffs`?); shorter ones: another mix of types (see `type_mix_drift`), or a teacher "
        "that gives up early.",
    ),
    "no_split_leaks": Threshold(
        assets=("training_mixture",),
        severity="blocking",
        limit=0,
        expected="{limit:.0f} projects on two sides",
        meaning="No project is both trained on and validated on, for tests, or in a frozen benchmark.",
        action="the metadata names projects. Two values of `split_seed` were used within the window, or a "
        "benchmark was frozen anew: materialize `repair_examples` of the window with one seed, then "
        "`daily_examples`, then this.",
    ),
    "precise_threshold": Threshold(
        assets=("model_calibration",),
        severity="warning",
        limit=0.9,
        expected="the share of right repairs above the threshold has a lower 95 % bound of {limit:.0%}",
        meaning="What is shown of a checkpoint's verified answers is right often enough, on the problems "
        "that the threshold was chosen on.",
        action="the checkpoint knows too little, or there are too few problems: fixes are withheld by the "
        "best threshold that there is. Train it on more examples, or leave it unreleased.",
    ),
    "loss_falls": Threshold(
        assets=("checkpoint",),
        severity="warning",
        expected="the loss of the last batches is below that of the first",
        meaning="The training loss is lower at the end than at the start.",
        action="look at the loss curve in the metadata: a rise from the start asks for a lower learning "
        "rate, a flat one for more examples. Do not release the checkpoint.",
    ),
    "has_samples": Threshold(
        assets=("workspace_benchmark",),
        severity="warning",
        limit=1,
        expected="at least {limit:.0f} sample",
        meaning="The frozen release has a sample of this type.",
        action="materialize more dates of `repair_examples` of the type, then raise `release`.",
    ),
    "answered": Threshold(
        assets=("predictions",),
        severity="warning",
        limit=0,
        expected="{limit:.0f} questions without an answer",
        meaning="Every question to a language model got an answer.",
        action="the run's log says why. Unanswered questions count as wrong: materialize it again once the "
        "service answers; what was answered is not asked again.",
    ),
    "no_regression": Threshold(
        assets=("scorecard",),
        severity="error",
        expected="p of at least 0.05 in McNemar's exact test, one-sided; by type after Holm's correction",
        meaning="On equal releases of the benchmarks the checkpoint is no worse than the one before, beyond "
        "chance.",
        action="do not release the checkpoint. The page names the benchmark and the type, and shows samples "
        "that were lost; compare the two mixtures' type mix and lengths.",
    ),
    "no_leaks": Threshold(
        assets=("scorecard",),
        severity="warning",
        limit=0,
        expected="{limit:.0f} samples that are in the training mixture, or could not be compared",
        meaning="No sample of a benchmark is in the training mixture, or nearly so.",
        action="such samples are left out of the headline. The table `leaks` names the examples: "
        "materialize the mixture again if the benchmark was frozen after it.",
    ),
    "acceptance_holds": Threshold(
        assets=("fix_acceptance",),
        severity="error",
        limit=0.05,
        expected="the share of shown fixes that are accepted fell by at most {limit:.0%} against the 28 "
        "dates before, beyond chance (95 % interval of the difference)",
        meaning="Users accept as many of the fixes that they are shown as in the weeks before.",
        action="the metadata has the shares by model version. If they fell with a new release, go back: "
        "materialize `released_model` with the `version` of the one before (docs/release.md). If within one "
        "version: look at the rows that were rejected, by code, and whether the editor shows them as before.",
    ),
    "fixes_last": Threshold(
        assets=("fix_acceptance",),
        severity="error",
        limit=0.05,
        expected="the share of accepted fixes that are kept after an hour fell by at most {limit:.0%} "
        "against the 28 dates before, beyond chance (95 % interval of the difference)",
        meaning="What users accept stays in their files as often as in the weeks before.",
        action="fixes look right and are not: read the rows whose `fate` is `reverted` or `edited`, and "
        "compare the versions in the metadata; go back to the release before if the drop came with one.",
    ),
    "recording_fresh": Threshold(
        assets=("session_events",),
        severity="error",
        limit=96,
        expected="the latest recorded day is at most {limit:.0f} hours ago",
        meaning="Events keep being recorded.",
        action="ask those who export the recording, and look at REPAIR_RECORDINGS; `recorded_days_sensor` "
        "says what it saw last. Over a longer holiday nothing is to be done.",
    ),
    "data_fresh": Threshold(
        assets=("session_events", "daily_examples"),
        severity="error",
        limit=12,
        expected="the latest recorded date is stored {limit:.0f} hours after its end",
        meaning="What was recorded has been processed, up to the examples of the date.",
        action="look at the runs of the date that is due, and whether `recorded_days_sensor` and "
        "`automation` are on (docs/automation.md). `daily_examples` waits for a type that failed.",
    ),
    "model_fresh": Threshold(
        assets=("training_mixture", "checkpoint", "predictions", "scorecard"),
        severity="warning",
        limit=48,
        expected="the latest is at most REPAIR_CHECKPOINT_DAYS and {limit:.0f} hours older than the events",
        meaning="There is a recent mixture, checkpoint and scorecard.",
        action="look for a failed run of the asset or of one before it. Nothing of this is made before the "
        "benchmarks are frozen (docs/automation.md).",
    ),
}
"""Check -> its threshold. Whoever adds a check adds its row here."""


_HEAD = """# The checks

Asset checks on the quality of the data, made with every partition, also with one that is reused. Those whose
name ends in `_fresh` ask for the latest dates, whatever is made: the schedule `freshness` alone answers them,
and beside a partition's run Dagster shows them as skipped. This page is printed from the table in
`resources/thresholds.py`, the only place where a limit stands:

```sh
python -c 'import resources.thresholds as t; print(t.checks_page(), end="")' > docs/checks.md
```

A *blocking* check keeps what follows in the same run from starting; later runs refuse a partition whose rows
do not add up. *Errors* and *warnings* hold up nothing. All three are told ([alerts.md](alerts.md)).

Where a share of rows is compared with a limit, the check fails only if the share is beyond it by more than
chance: its whole 95 % Wilson interval has to lie on the wrong side. So one of three rows is no alarm."""


def checks_page() -> str:
    """docs/checks.md: every check, in Markdown."""
    lines = [*_HEAD.splitlines(), "", "| check | assets | severity | expected |", "|---|---|---|---|"]
    for name, threshold in THRESHOLDS.items():
        lines.append(
            f"| [{name}](#{name}) | {_assets(threshold)} | {threshold.severity} | {threshold.expectation} |"
        )
    for name, threshold in THRESHOLDS.items():
        lines += ["", f"## {name}", "", threshold.meaning, "", f"If it fails: {threshold.action}"]
    return "\n".join(lines) + "\n"


def _assets(threshold: Threshold) -> str:
    return ", ".join(f"`{name}`" for name in threshold.assets) or "every one"
