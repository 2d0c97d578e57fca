"""Column descriptions of every stored table, in one table beside the schemas.

They are not in the schemas' metadata: a sentence that is put better would change the digest of every stage
that reaches the schema, and with it make all stored results stale. The UI shows them, and docs/columns.md.

Tested by `tests/code_location/test_catalog.py`.
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.types as kinds

COLUMNS: Mapping[str, str] = {
    # the timeline
    "project_id": "Identifier of the project; of a LeetCode problem, its slug.",
    "session_id": "Identifier of the editing session; null: not recorded.",
    "timestamp": "UTC instant of the event.",
    "sequence": "Index of the event in its project: it rises and never repeats.",
    "kind": "What happened: ot, file, snapshot, diagnostics, code_actions, fix_shown, fix_accepted, ...",
    "path": "File, relative to the project, with POSIX separators.",
    "packet": "One edit: an OTPacket in protobuf.",
    "operation": "Of a file event: create, move, remove or modify.",
    "destination": "Path after a move.",
    "content": "Bytes of the file after a create, a modify or a snapshot.",
    "version": "Version of the last OT packet that is in `content`.",
    "diagnostics": "What a language server published for the file; empty: the file is clean.",
    "payload": "Further facts of the event, as a JSON object.",
    "code_action": "Whether the editor offered a fix; null: not recorded.",
    "start": "Index of the project's first row in the day's events.",
    "stop": "Index of the row after the project's last one.",
    "codes": "Codes of the project's published diagnostics.",
    "visibility": "public, private or unknown; only public projects are learned from.",
    "language": "Language of the project, such as `python`.",
    "licence": "SPDX identifier or expression; null: not known.",
    "consent": "The owner's plain answer to training; null: not known.",
    "consents": "Consents one by one, each for a purpose; null: the plain answer counts.",
    "purpose": "What is agreed to: training, evaluation or synthesis.",
    "given": "UTC instant from which the consent counts; null: since ever.",
    "by": "Who gave it: owner, ...; `licence`: the project's licence alone.",
    "until": "UTC instant at which it ends; null: no end.",
    "revoked": "UTC instant at which it was taken back; null: it was not.",
    "purposes": "What the project may be used for; null: of no recorded project.",
    "refused": "Why the project may not be used at all; null: it may.",
    # a diagnostic
    "diagnostic_id": "Identifier of the diagnostic: 32 hexadecimal digits, the same in every run and stage.",
    "code": "Code of the diagnostic, such as `ruff[F821]` or `pyright[reportCallIssue]`.",
    "message": "Message of the diagnostic as its server wrote it.",
    "severity": "error, warning, information or hint.",
    "start_line": "First line of the range, 0-based.",
    "start_column": "Column of the start in Unicode code points, 0-based.",
    "start_character": "Column of the start in UTF-16 code units, as LSP counts, 0-based.",
    "end_line": "Last line of the range, 0-based.",
    "end_column": "Column of the end in Unicode code points, 0-based.",
    "end_character": "Column of the end in UTF-16 code units, as LSP counts, 0-based.",
    "has_code_action": "Whether the server itself has a fix for it.",
    "recorded": "The diagnostic as the editor's server published it at `moment`.",
    "diagnostic": "The diagnostic as pyright or ruff report it here; the one to repair.",
    # error states
    "moment": "UTC instant of the settled publication at which the workspace is taken.",
    "first_seen": "UTC instant of the episode's first publication.",
    "gone": "UTC instant at which the diagnostic was no longer published; null: not in this partition.",
    "publications": "How often the diagnostic was published in its episode.",
    "files": "What language servers read of the workspace: *.py, *.pyi and their configuration.",
    "text": "Text of the file; a store keeps its SHA-256 in its place.",
    "later_states": "Later settled states of the file, from which the user's own fix is taken.",
    "ghostwriter": "Whether an AI's accepted text went into this state.",
    "workspace_sha256": "Hash of `files` as replayed, before any redaction.",
    # reproduced
    "agreed": "Which of code, line, range and message agree with what was recorded.",
    "before": "Every diagnostic that an edit of `path` may change, before the repair.",
    "pyright_version": "Version of the pyright that reported `before`.",
    "ruff_version": "Version of the ruff that reported `before`.",
    "environment": "Installed packages that the servers saw: `none`, or the environment's name and id.",
    "python_version": "Python version that the workspace asks for; null: the running one.",
    "ignored_settings": "Settings of the workspace that were not followed, such as `ruff.toml: extend`.",
    "redactions": "Secrets and personal data that were replaced in the workspace.",
    # diffs
    "teacher": "Who wrote the answer: `history`, `rules`, or a language model and its program's version.",
    "answer": "The answer as it was written; empty: there is none.",
    "answer_format": "How to read the answer: a name of `repair.prompt.answer_formats`.",
    "minimized": "Whether delta debugging reduced the fix to the hunks that clear the diagnostic.",
    "candidates": "Answers that were asked for; tokens and cost are of all of them.",
    "input_tokens": "Tokens that were read for the answer; null: not known, or no model was asked.",
    "output_tokens": "Tokens that were written; null: not known, or no model was asked.",
    "cost_usd": "Price in US dollars; null: not known, or no model was asked.",
    "tolerated": "Names of the tolerances with which the answer was read.",
    "line_diff": "The repair as a numbered line diff, in the fewest signed lines.",
    "repaired": "Text of `path` after the repair; a store keeps its SHA-256.",
    "repaired_files": "The other files that the repair changes, after it.",
    "after": "As `before`, of the repaired workspace.",
    "after_pyright_version": "Version of the pyright that reported `after`.",
    "after_ruff_version": "Version of the ruff that reported `after`.",
    "files_sha256": "Hash of `files`; equal to `workspace_sha256` where nothing was redacted.",
    "prompt_version": "Version of the prompt format: sentinels, parser and golden examples.",
    "signals": "What tells right repairs from wrong ones, of an accepted diff.",
    "needless": "Changed spans of tokens that can be taken back, each alone, and the repair still verifies.",
    "code_as_text": "Whether it closes a quote or writes a comment around what reads as code.",
    "spans": "Changed spans of tokens; brackets put around something are one.",
    "missing_name": "Whether it takes for misspelt what may be missing, be star-imported, or be no name.",
    "confidence": "Probability that the repair is right, by the verifier's calibration; null: none is known.",
    "calibration_sha256": "Hash of the calibration by which `confidence` was made of `signals`.",
    "judge": "Model that judged the diff; null: no judge was asked.",
    "judge_reason": "Why the judge kept or dropped it, or why it gave no judgement.",
    "judge_cost_usd": "Price of the judgement in US dollars; null: not known, or no judge was asked.",
    # examples and mixtures
    "example_id": "Identifier of the training example: a hash of its diagnostic and its response.",
    "split": "train, validation or test; all rows of a project are on one side.",
    "response": "What the model is to answer: the diff between its sentinels.",
    "error_line": "Line of the diagnostic, 0-based.",
    "date": "Date partition whose text table has the text of `path`.",
    "text_sha256": "SHA-256 of the text of `path`.",
    "prompt": "What a model is shown; of a server's model the messages, as JSON. A store keeps its SHA-256.",
    # benchmarks and scores
    "sample_id": "Identifier of the benchmark sample.",
    "benchmark": "`workspace`, `leetcode`, `leetcode_injected` or `leetcode_injected_choose`.",
    "reference": "A response that is known to repair.",
    "target": "Text of `path` after the reference; a store keeps its SHA-256.",
    "target_files": "The other files that the reference changes, after it.",
    "tests": "Of a LeetCode problem: a call, inputs and expected values, as JSON; else null.",
    "verified_by": "How many people stand for the reference; null: nobody has looked.",
    "origin": "Where the bug is from: debugbench, mutator or teacher.",
    "subtype": "DebugBench's name of the kind of bug; null for DebugBench's own samples.",
    "half": "choose (to choose thresholds on) or report, by problem; null for DebugBench's own samples.",
    "explanation": "What the model says of the bug that it put in.",
    "reference_outcome": "What verification says of the reference: repaired, new_error or cheat.",
    "system": "Name of the model or baseline that answered.",
    "answer_index": "Index of the answer, from 0, where a model is asked for several.",
    "seconds": "Wall-clock seconds until the answer ended, beside whatever else was decoded.",
    "finish_reason": "ended, closed, cut, too_long or unanswered.",
    "outcome": "`repaired` or `verified`, or the reason why not.",
    "ast_match": "Whether the repaired file has the syntax tree of the target.",
    "ast_or_string_match": "The same, or the texts are equal where one does not parse.",
    "functional": "Whether all tests pass, with the names that LeetCode imports; null: there are none.",
    "functional_strict": "Whether all tests pass on the file as it is; null: there are none.",
    "similarity": "Share of 5-grams in common (Jaccard), of near ones.",
    "examples": "Training examples that leak the sample in this way.",
    "label": "right, wrong or cheat: what the diff is known to be.",
    "proposed": "Whether the teacher answered something.",
    "applies": "Whether a diff was read and applied.",
    "verified": "Whether the diff was verified.",
    "judged": "Whether the judge keeps it; null: not asked.",
    "answer_characters": "Length of the answer in Unicode code points.",
    "signed_lines": "Changed lines of a verified diff.",
    "edit": "The edit of a verified diff, normalised, to count different ones.",
    # releases
    "number": "Number of the release, from 1, in their order.",
    "checkpoint": "Date of the checkpoint that the release was made of.",
    "checkpoint_version": "Data version of that checkpoint.",
    "recipe": "Training recipe of the checkpoint.",
    # scaling
    "size": "Training examples that were asked for; 0: the base without training.",
    "pretrained": "Whether the model had published weights before; else it began with random ones.",
    "parameters": "Weights of the model, with those of its adapter; null: nothing was trained.",
    "tokens": "Tokens that the training read, over all epochs.",
    "n": "Samples of the benchmark, each with one greedy answer.",
    "size_before": "The next smaller size of the same model; null: there is none.",
    "gained": "Samples that pass the tests at this size and not at the one before.",
    "lost": "Samples that pass the tests at the size before and not at this one.",
    "p": "Two-sided p-value of McNemar's exact test against the size before.",
    "p_adjusted": "The same with Holm's correction, over all comparisons of the benchmark.",
    "released": "UTC instant of the release.",
    "rollback": "Whether this release went back to an earlier one.",
    "gates": "What each gate found, one a line.",
    # feedback
    "fix_id": "Identifier of the fix that was shown; of a pair, of the answer that was not preferred.",
    "model": "Version of the model that wrote the fix; of a pair, the answer that was not preferred.",
    "decided": "UTC instant of the user's decision; null: the user decided nothing.",
    "fate": "Of an accepted fix after an hour: kept, edited, reverted or file_gone.",
    "policy": "Why the project may not be used at all; null: it may.",
    "later_files": "The diagnostic's file an hour after the decision; empty: not known.",
    "pair_id": "Identifier of the pair of answers.",
    "asked": "The prompt, redacted.",
    "chosen": "The response that the user preferred.",
    "rejected": "The response that the user did not prefer.",
    "because": "What the user did with the other answer: rejected, edited or reverted.",
    "chosen_from": "fix: another fix that was accepted; user: the user's own text.",
    # rejects and texts
    "reason": "Why the row goes no further; the asset's page and `repair reasons` say what it means.",
    "detail": "What it was in this row.",
    "rows": "Input rows that this line stands for.",
    "sha256": "SHA-256 of the text's UTF-8 bytes, in hexadecimal.",
    "bytes": "Length of the text in UTF-8.",
}
"""Column, or field of a struct -> what it is, in every table."""

ELSEWHERE: Mapping[str, str] = {
    "error_states.sequence": "Index of the publication at `moment` among the events of its project.",
    "error_states.later_states.timestamp": "UTC instant of this later state.",
    "error_states.later_states.text": "Text of the file then; null: the file was gone.",
    "fix_acceptance.moment": "UTC instant at which the fix was shown.",
    "fix_acceptance.sequence": "Index of the showing among the events of its project.",
    "fix_acceptance.outcome": "What the user decided: accepted, rejected or ignored.",
    "fix_acceptance.line_diff": "The fix that was shown; null where nothing may be learned.",
    "fix_acceptance.message": "Message of the diagnostic; null where nothing may be learned.",
    "fix_acceptance.files": "The workspace in which it was shown; empty where nothing may be learned.",
    "preference_pairs.moment": "UTC instant at which the fix was shown.",
    "rejects.timestamp": "UTC instant of the event or of the diagnostic.",
    "injected_bugs.files": "The buggy version of the solution.",
    "injected_bugs.target": "The correct solution; a store keeps its SHA-256.",
    "eval_results.repaired": "Whether the servers accept the repair and it is no cheat.",
    "judge_calibration.kind": "How the wrong fix or the cheat was made.",
    "judge_calibration.answer": "What the judge did with the diff: kept, dropped or failed.",
    "model_calibration.answers": "Answers that were asked for: 8 where something speaks against the first.",
    "model_calibration.repairs": "Its distinct answers that verify, in the order of `repair fix`.",
    "model_calibration.repairs.order": "Number among the answers to the sample, from 0.",
    "model_calibration.repairs.right": "Whether all tests of the problem pass.",
    "model_calibration.repairs.confidence": "The probability that it is right; null: none is known.",
    "released_model.version": "What is served; it names the weights and their calibration.",
    "scaling_results.recipe": "Name of the model in the study: a recipe, or `tiny` in another size.",
    "scaling_results.examples": "Training examples of the size that fit the recipe's context.",
    "scaling_page.functional": "Samples of which all tests pass.",
    "scaling_page.repaired": "Samples with a verified answer: the servers accept it and it is no cheat.",
    "scaling_page.ast_match": "Samples whose repaired file has the syntax tree of the target.",
    "scaling_page.recipe": "Name of the model in the study: a recipe, or `tiny` in another size.",
    "scaling_page.examples": "Training examples of the size that fit the recipe's context.",
    "leaks.kind": "How the sample leaked: same_project, same_text, same_problem, near_file or near_task.",
    "leaks.example_id": "The training example that resembles the sample most, or the first one.",
}
"""`table.column` where a table means something else by a name."""

INHERITS: Mapping[str, str] = {
    "reproduced_diagnostics": "error_states",
    "repair_candidates": "error_states",
    "synthesized_diffs": "error_states",
    "verified_diffs": "error_states",
    "scorecard": "eval_results",
}
"""Table -> the table whose meaning of names it shares."""


def fields(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Each column, and after it the fields of its structs as `column.field`, with their types."""
    for field in schema:
        yield field.name, field.type
        inner = field.type.value_type if kinds.is_list(field.type) else field.type
        if kinds.is_struct(inner):
            yield from ((f"{field.name}.{part.name}", part.type) for part in inner)


def described(table: str, column: str) -> str | None:
    """What a column of a table is (`column.field`: a field of its struct); None: nobody says."""
    of = INHERITS.get(table, table)
    own = ELSEWHERE.get(f"{of}.{column}")
    return own or COLUMNS.get(column.rpartition(".")[2])
