"""Proofs: a verified row holds; whatever is changed in it is found and named."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from repair.cli import main
from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import InputError, StoreError
from repair.evaluation.benchmark import workspace_samples
from repair.evaluation.scoring import score_answers
from repair.language_servers import LanguageServers, ServerTimeoutError
from repair.line_diff import workspace as workspace_diff
from repair.pipeline import BY_NAME
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import PROMPT_VERSION, parse
from repair.schema.stages import REPAIR_EXAMPLES, SYNTHESIZED_DIFFS, VERIFIED_DIFFS
from repair.store.reader import PartitionStore
from repair.text.files import workspace_sha256
from repair.verification.confidence import Signals, verifiers_own
from repair.verification.proof import STEPS, Proof, prove
from repair.verification.stage import scored
from repair.verification.stored_rows import verified_rows
from tests.repair.synthesis.support import VERSIONS, FunctionServers, as_batch, candidate, found, marked

FILES = {"main.py": "a = 1\nb = error:name\nc = warning:weak\n", "helper.py": "x = error:elsewhere\n"}
TARGET = found("main.py", 1, "found name", code="marker[name]")
ANSWER = "<diff>\n-1 a = 1\n-2 b = error:name\n+1 a = 1\n+2 b = name\n#helper.py\n+1 # first\n</diff>"
SCORE = ("signals", "confidence", "calibration_sha256")
PARTITION = {"date": "2026-01-05", "diagnostic_type": "F821"}


def verified(number: int = 0) -> dict[str, Any]:
    row = candidate(FILES, TARGET, marked(FILES), number=number)
    row |= {"redactions": 0, "workspace_sha256": workspace_sha256(FILES)}
    row |= {f"{name}_version": version for name, version in VERSIONS.items()}
    answered = {**dict.fromkeys(SYNTHESIZED_DIFFS.names), **row, "teacher": "test", "answer": ANSWER}
    [batch] = BY_NAME["verified_diffs"].run(
        [as_batch([answered], SYNTHESIZED_DIFFS)], FunctionServers(marked)
    )
    [result] = batch.to_pylist()
    assert result["reason"] is None, result["detail"]
    return {name: result[name] for name in VERIFIED_DIFFS.names}


def proof_of(row: Mapping[str, Any], check: Callable[..., list[Diagnostic]] = marked) -> Proof:
    [proof] = prove([as_batch([row], VERIFIED_DIFFS)], FunctionServers(check), VERSIONS)
    return proof


def test_a_verified_row_carries_its_proof() -> None:
    row = verified()
    assert row["line_diff"] == "-2 b = error:name\n+2 b = name\n#helper.py\n+1 # first"
    assert row["repaired_files"] == [{"path": "helper.py", "text": "# first\nx = error:elsewhere\n"}]
    assert row["files_sha256"] == row["workspace_sha256"]
    assert row["prompt_version"] == PROMPT_VERSION
    assert (row["after_pyright_version"], row["after_ruff_version"]) == ("1.1.414", "0.17.6")
    proof = proof_of(row)
    assert (proof.holds, proof.unknown, proof.other_versions) == (True, (), ())
    assert str(proof) == (
        f"holds {0:032x} main.py:2 marker[name] by test;"
        " agreed: hash, before, answer, diff, repaired, after, verdict, signals"
    )


def test_a_verified_row_carries_what_makes_its_confidence() -> None:
    """The change of the other file was not needed: `ANSWER` verifies without it."""
    row = verified()
    assert row["signals"] == {"needless": 1, "code_as_text": False, "spans": 2, "missing_name": False}
    signals = Signals(**row["signals"], later=False)
    assert row["confidence"] is None, "of marker[name] nothing was measured"
    assert scored(signals, "pyright")["confidence"] == round(verifiers_own().probability(signals), 4)
    assert row["calibration_sha256"] == verifiers_own().sha256
    [outcome] = BY_NAME["repair_examples"].run([as_batch([row], VERIFIED_DIFFS)], split_seed=0)
    [example] = outcome.to_pylist()
    assert {name: example[name] for name in SCORE} == {name: row[name] for name in SCORE}


def test_a_confidence_of_another_calibration_is_not_compared() -> None:
    row = verified() | {"calibration_sha256": "0" * 64, "confidence": 0.5}
    proof = proof_of(row)
    assert proof.holds
    assert proof.other_versions == (f"calibration {verifiers_own().sha256} here, {'0' * 64} in the row",)


def test_where_the_servers_fail_on_a_part_of_the_repair_its_row_is_rejected() -> None:
    def failing(files: Mapping[str, str]) -> list[Diagnostic]:
        if files["main.py"].startswith("a = 1\nb = name") and files["helper.py"] == FILES["helper.py"]:
            raise ServerTimeoutError("it was silent")
        return marked(files)

    row = candidate(FILES, TARGET, marked(FILES))
    answered = {**dict.fromkeys(SYNTHESIZED_DIFFS.names), **row, "teacher": "test", "answer": ANSWER}
    [batch] = BY_NAME["verified_diffs"].run(
        [as_batch([answered], SYNTHESIZED_DIFFS)], FunctionServers(failing)
    )
    [result] = batch.to_pylist()
    assert (result["reason"], result["detail"]) == ("server_timeout", "it was silent")
    assert result["confidence"] is None
    assert proof_of(verified(), failing).faults == {"signals": "server_timeout: it was silent"}


def test_it_becomes_an_example_and_a_benchmark_sample_that_is_its_own_reference() -> None:
    row = verified()
    [outcome] = BY_NAME["repair_examples"].run([as_batch([row], VERIFIED_DIFFS)], split_seed=0)
    [example] = outcome.to_pylist()
    assert example["response"] == f"{row['line_diff']}\n</diff>"
    assert parse(prompt_of(example) + example["response"]).line_diff == row["line_diff"]
    example["split"] = "test"
    [benchmark] = workspace_samples([as_batch([example], REPAIR_EXAMPLES)], at_most=1)
    [sample] = benchmark.to_pylist()
    assert sample["target_files"] == row["repaired_files"]
    [scored] = score_answers([(sample, sample["reference"])], FunctionServers(marked))
    assert (scored["outcome"], scored["ast_or_string_match"]) == ("repaired", True)


def test_a_row_that_an_earlier_prompt_showed_whole_is_no_example() -> None:
    row = verified()
    row["files"][0]["text"] += "x = 1\n" * 500
    row["line_diff"] = "-400 x = 1"
    [outcome] = BY_NAME["repair_examples"].run([as_batch([row], VERIFIED_DIFFS)], split_seed=0)
    assert outcome["reason"].to_pylist() == ["outside_excerpt"]


def test_a_row_of_an_earlier_prompt_holds_wherever_its_diff_is() -> None:
    files = {**FILES, "main.py": FILES["main.py"] + "x = 1\n" * 499 + "last = 1\n"}
    diff = "-2 b = error:name\n+2 b = name\n-503 last = 1"
    repaired = workspace_diff.apply(files, diff, "main.py")
    row = verified() | {
        "files": [{"path": path, "text": text} for path, text in files.items()],
        **{"line_diff": diff, "answer": f"<diff>\n{diff}\n</diff>", "repaired": repaired["main.py"]},
        **{"repaired_files": [], "after": [known.as_row() for known in marked(repaired)]},
        **dict.fromkeys(("files_sha256", "workspace_sha256"), workspace_sha256(files)),
    }
    assert proof_of({**row, "prompt_version": "2"}).holds
    assert set(proof_of(row).faults) == {"diff"}
    assert "outside_excerpt" in proof_of(row).faults["diff"]


def test_an_answer_about_lines_that_were_not_shown_is_worth_nothing_but_in_a_release() -> None:
    long = FILES["main.py"] + "x = 1\n" * 500
    files = [{"path": "main.py", "text": long}]
    sample: dict[str, Any] = {
        **{"sample_id": "a", "benchmark": "workspace", "path": "main.py", "files": files, "tests": None},
        **{"diagnostic": TARGET.as_row(), "target_files": []},
        "before": [known.as_row() for known in marked({"main.py": long})],
        "target": long.replace("error:name", "name").removesuffix("x = 1\n"),
    }
    answer = "-2 b = error:name\n+2 b = name\n-503 x = 1\n</diff>"
    servers = FunctionServers(marked)
    [ours] = score_answers([(sample, answer)], servers)
    assert (ours["outcome"], ours["repaired"], ours["ast_or_string_match"]) == (
        "outside_excerpt",
        False,
        False,
    )
    [anybodys] = score_answers([(sample, answer)], servers, anywhere=True)
    assert (anybodys["outcome"], anybodys["ast_or_string_match"]) == ("repaired", True)


def of_file(path: str, old: str, new: str) -> Callable[[dict[str, Any]], Any]:
    def tamper(row: dict[str, Any]) -> None:
        for file in row["files"]:
            if file["path"] == path:
                file["text"] = file["text"].replace(old, new)

    return tamper


def with_hash(tamper: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """... by somebody who makes the hashes fit."""

    def both(row: dict[str, Any]) -> None:
        tamper(row)
        digest = workspace_sha256({file["path"]: file["text"] for file in row["files"]})
        row.update(files_sha256=digest, workspace_sha256=digest)

    return both


def setting(**columns: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda row: row.update(columns)


FORGED = found("main.py", 0, "found forged", code="marker[forged]").as_row()

TAMPERED: dict[str, tuple[Callable[[dict[str, Any]], Any], set[str], str]] = {
    "a text of the workspace": (
        of_file("helper.py", "x", "y"),
        {"hash", "repaired"},
        "hash: files_sha256 is",
    ),
    "... with its hash": (
        with_hash(of_file("helper.py", "x", "y")),
        {"repaired"},
        "helper.py is not what the diff gives: they differ at line 2",
    ),
    "... into what the servers see": (
        with_hash(of_file("helper.py", "x", "error:more")),
        {"before", "repaired", "after"},
        "only the servers report: helper.py:1 error marker[more] found more",
    ),
    "... on a line that the diff removes": (
        with_hash(of_file("main.py", "b = e", "b =  e")),
        {"answer", "diff"},
        "diff: it does not apply: content_mismatch: main.py: -2",
    ),
    "the hash": (setting(files_sha256="0" * 64), {"hash"}, f"files_sha256 is {'0' * 64}, and that of"),
    "the hash of the replay": (setting(workspace_sha256="1" * 64), {"hash"}, "nothing was redacted"),
    "before: one left out": (
        lambda row: row["before"].pop(),
        {"before"},
        "before: only the servers report: helper.py:1",
    ),
    "before: one made up": (
        lambda row: row["before"].append(FORGED),
        {"before"},
        "before: only the row has: main.py:1 error marker[forged]",
    ),
    "the diagnostic": (
        lambda row: row["diagnostic"].update(message="found other"),
        {"verdict"},
        "verdict: diagnostic_absent",
    ),
    "the answer": (setting(answer=ANSWER.replace("= name", "= nam")), {"answer"}, "answer: it says '-2 b"),
    "the answer, without a diff": (setting(answer="Sorry."), {"answer"}, "answer: no_diff"),
    "the diff": (
        setting(line_diff="-2 b = error:name\n+2 b = nam\n#helper.py\n+1 # first"),
        {"answer", "repaired"},
        "main.py is not what the diff gives: they differ at line 2",
    ),
    "the diff, so that it repairs nothing": (
        setting(line_diff="-2 b = error:name\n+2 b = (error:name)\n#helper.py\n+1 # first"),
        {"answer", "repaired", "after", "verdict"},
        "verdict: diagnostic_remains",
    ),
    "the diff, of a file that is not there": (
        setting(line_diff="-2 b = error:name\n+2 b = name\n#new.py\n+1 # first"),
        {"answer", "diff"},
        "diff: it does not apply: unknown_file: new.py",
    ),
    "no diff": (setting(line_diff=None), {"answer", "diff"}, "diff: it does not apply: no_change"),
    "the repaired text": (
        lambda row: row.update(repaired=row["repaired"].replace("b = name", "b = nam")),
        {"repaired"},
        "repaired: main.py is not what the diff gives: they differ at line 2",
    ),
    "the end of the repaired text": (
        lambda row: row.update(repaired=row["repaired"] + "\n"),
        {"repaired"},
        "where one of them ends",
    ),
    "another repaired file": (
        setting(repaired_files=[]),
        {"repaired"},
        "helper.py is among the repaired files of the diff alone",
    ),
    "after: an error left out": (
        setting(after=[]),
        {"after"},
        "after: only the servers report: helper.py:2 error marker[elsewhere] found elsewhere;",
    ),
    "after: a place moved": (
        lambda row: row["after"][0].update(start_column=3),
        {"after"},
        "after: only the row has",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_named(what: str) -> None:
    tamper, steps, expected = TAMPERED[what]
    row = verified()
    tamper(row)
    proof = proof_of(row)
    assert (proof.holds, set(proof.faults)) == (False, steps), str(proof)
    assert expected in str(proof)
    assert str(proof).startswith("FAILS ")
    agreed = str(proof).rpartition("agreed: ")[2].split(", ")
    assert {*agreed, *steps, *proof.unknown} - {"nothing"} == set(STEPS)


def test_a_verdict_that_other_rules_would_give_is_told() -> None:
    """The servers are content, and a later rule against cheats is not."""
    row = verified()
    line_diff = row["line_diff"].replace("+1 # first", "+1 def __getattr__(name): return name")
    row |= {"line_diff": line_diff, "answer": f"<diff>\n{line_diff}\n</diff>"}
    row["repaired_files"][0]["text"] = "def __getattr__(name): return name\nx = error:elsewhere\n"
    proof = proof_of(row)
    assert set(proof.faults) == {"verdict"}
    assert "verdict: cheat: dynamic_access: helper.py" in str(proof)


def test_a_redacted_row_is_held_to_the_hash_of_what_it_holds() -> None:
    assert proof_of(verified() | {"redactions": 1, "workspace_sha256": "1" * 64}).holds


def test_versions_that_differ_are_named_and_are_no_fault() -> None:
    row = verified() | {"pyright_version": "1.1.300", "after_ruff_version": "0.1.0", "prompt_version": "1"}
    proof = proof_of(row)
    assert proof.holds
    assert proof.other_versions == (
        "pyright 1.1.414 here, 1.1.300 in the row",
        "ruff 0.17.6 here, 0.1.0 in the row",
        f"prompt {PROMPT_VERSION} here, 1 in the row",
    )
    assert "other versions: pyright 1.1.414 here" in str(proof)


def test_servers_that_say_nothing_prove_nothing() -> None:
    def silent(_: Mapping[str, str]) -> list[Diagnostic]:
        raise ServerTimeoutError("it was silent")

    proof = proof_of(verified(), silent)
    assert proof.faults == {"before": "server_timeout: it was silent"}
    assert set(proof.unknown) == {"diff", "repaired", "after", "verdict", "signals"}

    def silent_afterwards(files: Mapping[str, str]) -> list[Diagnostic]:
        return marked(files) if files == FILES else silent(files)

    proof = proof_of(verified(), silent_afterwards)
    assert proof.faults == {"verdict": "server_timeout: it was silent"}
    assert proof.unknown == ("after", "signals")


def test_rows_keep_their_order() -> None:
    rows = [verified(number) for number in range(3)]
    rows[1]["files_sha256"] = ""
    batches = [as_batch(rows[:2], VERIFIED_DIFFS), as_batch(rows[2:], VERIFIED_DIFFS)]
    assert [proof.holds for proof in prove(batches, FunctionServers(marked), VERSIONS)] == [True, False, True]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A store with a partition of two verified rows, and one of another asset."""
    store = PartitionStore(str(tmp_path / "store"))
    for asset in ("verified_diffs", "repair_examples"):
        with store.writer(asset, PARTITION) as writer:
            writer.write("data", as_batch([verified(0), verified(1)], VERIFIED_DIFFS))
            writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=2)
    return tmp_path / "store"


def test_the_command_says_which_rows_hold(tmp_path: Path, servers: LanguageServers) -> None:
    files = {"main.py": "import turtle\n\nscreen = turtle.screen\n"}
    answer = "-3 screen = turtle.screen\n+3 screen = turtle.Screen()\n</diff>"
    before = servers.check_workspace(files)
    target = next(
        diagnostic for diagnostic in before if diagnostic.code == "pyright[reportAttributeAccessIssue]"
    )
    rows = [
        {
            **dict.fromkeys(SYNTHESIZED_DIFFS.names),
            **candidate(files, target, before, number=number),
            "redactions": 0,
            "workspace_sha256": workspace_sha256(files),
            "pyright_version": servers.versions["pyright"],
            "ruff_version": "0.0.1",
            "teacher": "test",
            "answer": answer,
        }
        for number in range(2)
    ]
    [outcome] = BY_NAME["verified_diffs"].run([as_batch(rows, SYNTHESIZED_DIFFS)], servers)
    results = outcome.to_pylist()
    assert [row["reason"] for row in results] == [None, None], results[0]["detail"]
    results[1]["after"] = [FORGED]
    table = pa.Table.from_pylist(results, VERIFIED_DIFFS)
    pq.write_table(table, tmp_path / "rows.parquet")

    result = CliRunner().invoke(main, ["prove", str(tmp_path / "rows.parquet")])
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first.startswith(
        f"holds {0:032x} main.py:3 pyright[reportAttributeAccessIssue] by test; agreed: hash,"
    )
    assert first.endswith(f"other versions: ruff {VERSIONS['ruff']} here, 0.0.1 in the row")
    assert second.startswith(f"FAILS {1:032x}") and "after: only the row has" in second
    assert "2 rows, 1 hold, 1 fail" in result.stderr
    result = CliRunner().invoke(main, ["prove", str(tmp_path / "rows.parquet"), "--row", f"{0:032x}"])
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    result = CliRunner().invoke(main, ["prove", str(tmp_path / "rows.parquet"), "--row", "none"])
    assert result.exit_code == 1 and "has the diagnostic_id none" in result.stderr


def ids(uri: object) -> list[str]:
    return [identity for batch in verified_rows(str(uri)) for identity in batch["diagnostic_id"].to_pylist()]


def test_rows_are_read_wherever_they_lie(stored: Path, tmp_path: Path) -> None:
    both = [f"{number:032x}" for number in range(2)]
    partition = stored / "verified_diffs" / "date=2026-01-05" / "diagnostic_type=F821"
    assert (
        ids(partition) == ids(f"file://{partition}/") == ids(stored) == ids(stored / "verified_diffs") == both
    )
    [file] = partition.glob("data-*.parquet")
    assert ids(file) == both
    moved = partition.rename(tmp_path / "moved")
    with pytest.raises(StoreError, match="was moved out of its store, where the texts of its rows are"):
        ids(moved)


def test_what_holds_no_verified_rows_is_refused(stored: Path, tmp_path: Path) -> None:
    other = stored / "repair_examples" / "date=2026-01-05" / "diagnostic_type=F821"
    for uri, expected in [
        (tmp_path / "nowhere", "holds no verified rows: give a Parquet file"),
        (stored / "repair_examples", "holds no verified rows"),
        (other, "is a partition of repair_examples"),
    ]:
        with pytest.raises(InputError, match=expected):
            ids(uri)
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"lacks the columns diagnostic_id, project_id.*materialize"):
        ids(tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(InputError, match="can't be read as Parquet"):
        ids(tmp_path / "text.parquet")


def test_a_damaged_partition_is_refused(stored: Path) -> None:
    partition = stored / "verified_diffs" / "date=2026-01-05" / "diagnostic_type=F821"
    [file] = partition.glob("data-*.parquet")
    pq.write_table(pa.Table.from_batches([as_batch([verified(2)], VERIFIED_DIFFS)]), file)
    with pytest.raises(StoreError, match=f"its SHA-256 is {hashlib.sha256(file.read_bytes()).hexdigest()}"):
        ids(partition)
    file.unlink()
    with pytest.raises(StoreError, match="is not there"):
        ids(partition)
    (partition / "manifest.json").write_text("{}")
    with pytest.raises(StoreError, match="is no manifest"):
        ids(partition)
