"""Training mixture: one test per reject reason, and independence of the input's order."""

import hashlib
import random
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.dataset.mixture import MIXTURE, mixture, share_cap
from repair.evaluation.benchmark import BENCHMARK_SAMPLES
from repair.schema.outcomes import outcome_schema
from repair.schema.stages import REPAIR_EXAMPLES, extended

DATED_EXAMPLES = extended(REPAIR_EXAMPLES, pa.field("date", pa.string()))


def program(seed: int, lines: int = 30) -> str:
    chosen = random.Random(seed)
    return "".join(f"{chosen.choice('abc')}{chosen.random()} = {chosen.random()}\n" for _ in range(lines))


def example(
    key: str, *, seed: int | None = None, text: str = "", line: int = 3, **more: Any
) -> dict[str, Any]:
    text = text or program(hash_of(key) if seed is None else seed)
    return {
        **dict.fromkeys(DATED_EXAMPLES.names),
        "example_id": key,
        "project_id": f"project-{key}",
        "split": "train",
        "code": "ruff[F821]",
        "path": "main.py",
        "date": "2026-01-05",
        "response": f"response of {key}",
        "files": [{"path": "other.py", "text": "x = 1\n"}, {"path": "main.py", "text": text}],
        "diagnostic": {"code": "ruff[F821]", "message": "Undefined name", "start_line": line},
        "line_diff": f"-{line + 1} x\n+{line + 1} y",
        **more,
    }


def hash_of(key: str) -> int:
    return int.from_bytes(key.encode(), "big")


def sample(key: str, text: str, project_id: str) -> dict[str, Any]:
    row = dict.fromkeys(BENCHMARK_SAMPLES.names) | {"sample_id": key, "project_id": project_id}
    return row | {"path": "main.py", "files": [{"path": "main.py", "text": text}]}


def outcomes(
    examples: list[dict[str, Any]],
    benchmarks: list[dict[str, Any]] | None = None,
    at_once: int = 7,
    **chosen: Any,
) -> dict[str, dict[str, Any]]:
    days = pa.Table.from_pylist(examples, schema=DATED_EXAMPLES).to_batches(max_chunksize=at_once)
    frozen = pa.Table.from_pylist(benchmarks or [], schema=BENCHMARK_SAMPLES).to_batches()
    batches = list(mixture(days, frozen, **chosen))
    assert all(batch.schema == outcome_schema(MIXTURE) for batch in batches)
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert Counter(row["example_id"] for row in rows) == Counter(row["example_id"] for row in examples)
    return {row["example_id"]: row for row in rows}


def reasons(found: dict[str, dict[str, Any]]) -> dict[str, str | None]:
    return {key: row["reason"] for key, row in found.items()}


def test_train_and_validation_go_on_as_they_are() -> None:
    found = outcomes([example("a"), example("b", split="validation", text="x = 1\ny\n", line=1)])
    assert reasons(found) == {"a": None, "b": None}
    assert [found["b"][name] for name in MIXTURE.names] == [
        "b", "project-b", "ruff[F821]", "validation", "main.py", "Undefined name", 1, "response of b",
        "2026-01-05", hashlib.sha256(b"x = 1\ny\n").hexdigest(), None, None, None,
    ]  # fmt: skip


def test_held_out() -> None:
    assert reasons(outcomes([example("a", split="test")])) == {"a": "held_out"}


def test_low_confidence() -> None:
    signals = {"needless": 1, "code_as_text": False, "spans": 2, "missing_name": False}
    rows = [
        example("a", confidence=0.9, signals=signals, calibration_sha256="0"),
        example("b", confidence=0.6547),
        example("c", confidence=0.6546),
        example("d", confidence=None),
        example("e", split="test", confidence=0.1),
    ]
    found = outcomes(rows, least_confidence=0.6547)
    low = "low_confidence"
    assert reasons(found) == {"a": None, "b": None, "c": low, "d": low, "e": "held_out"}
    assert found["c"]["detail"] == "0.6546, and at least 0.6547 is asked for"
    assert found["d"]["detail"] == "none is known, and at least 0.6547 is asked for"
    assert {name: found["a"][name] for name in ("confidence", "signals", "calibration_sha256")} == {
        "confidence": 0.9,
        "signals": signals,
        "calibration_sha256": "0",
    }
    assert set(reasons(outcomes(rows)).values()) == {None, "held_out"}


def test_a_day_of_an_earlier_version_has_no_confidence() -> None:
    names = ("signals", "confidence", "calibration_sha256")
    older = pa.Table.from_pylist([example("a")], schema=DATED_EXAMPLES).drop_columns(list(names))
    [row] = [row for batch in mixture(older.to_batches()) for row in batch.to_pylist()]
    assert (row["reason"], row["confidence"]) == (None, None)


def test_contaminated_by_the_project() -> None:
    found = outcomes([example("a")], [sample("s", program(99), "project-a")])
    assert found["a"]["reason"] == "contaminated"
    assert "project project-a" in found["a"]["detail"]


def test_contaminated_by_nearly_the_same_file() -> None:
    text = program(1, lines=60)
    changed = text.replace("\n", "\nprint('changed')\n", 2)
    found = outcomes([example("a", text=changed), example("b")], [sample("s", text, "elsewhere")])
    assert reasons(found) == {"a": "contaminated", "b": None}
    assert found["a"]["detail"] == "the file nearly equals that of sample s"


def test_near_duplicate_across_days() -> None:
    # The same error in the same lines, met in two projects on two days; the rest of the file differs.
    there, here = (program(5, lines=14) + program(seed, lines=40) for seed in (6, 7))
    found = outcomes([example("a", text=there), example("b", text=here), example("c")], at_once=1)
    assert found["c"]["reason"] is None
    assert sorted((reasons(found)["a"] or "", reasons(found)["b"] or "")) == ["", "near_duplicate"]


def test_another_repair_of_another_place_of_one_file_is_no_duplicate() -> None:
    text = program(8, lines=80)
    found = outcomes([example("a", text=text, line=5), example("b", text=text, line=60)])
    assert reasons(found) == {"a": None, "b": None}


def test_cap_code() -> None:
    codes = ["ruff[F821]"] * 10 + ["pyright"] * 2
    found = outcomes([example(f"{n}", code=code) for n, code in enumerate(codes)], cap_per_code=4)
    kept = Counter(row["code"] for row in found.values() if row["reason"] is None)
    assert kept == {"ruff[F821]": 4, "pyright": 2}
    assert Counter(reasons(found).values())["cap_code"] == 6


@pytest.fixture
def many() -> list[dict[str, Any]]:
    # Each program comes three times, so that something is dropped.
    return [example(f"{n}", seed=n // 3) for n in range(60)]


def test_neither_the_order_nor_the_batches_matter(many: list[dict[str, Any]]) -> None:
    shuffled = random.Random(3).sample(many, len(many))
    expected = reasons(outcomes(many, cap_per_code=15))
    assert reasons(outcomes(shuffled, cap_per_code=15)) == expected
    assert reasons(outcomes(many, at_once=60, cap_per_code=15)) == expected
    assert Counter(expected.values())[None] == 15


def test_the_kept_rows_stand_in_a_seeded_order(many: list[dict[str, Any]]) -> None:
    def kept(seed: int) -> list[str]:
        return [key for key, row in outcomes(many, seed=seed).items() if row["reason"] is None]

    assert kept(1) == kept(1)
    assert kept(1) != kept(2)


def test_nothing_in_is_nothing_out() -> None:
    assert outcomes([]) == {}


def undefined(server: str) -> dict[str, Any]:
    code, message = {
        "ruff": ("ruff[F821]", "Undefined name `total`"),
        "pyright": ("pyright[reportUndefinedVariable]", '"total" is not defined'),
    }[server]
    place = {"start_line": 3, "end_line": 3, "start_column": 4, "end_column": 9}
    return {"code": code, "diagnostic": {"path": "main.py", "code": code, "message": message, **place}}


def test_same_finding() -> None:
    text = program(1)
    rows = [example(name, text=text, project_id="p", **undefined(name)) for name in ("ruff", "pyright")]
    found = reasons(outcomes(rows))
    assert sorted(str(reason) for reason in found.values()) == ["None", "same_finding"]
    # The same words about another text are another example.
    rows[1] = example("pyright", text=program(2), project_id="p", **undefined("pyright"))
    assert set(reasons(outcomes(rows)).values()) == {None}


def test_cap_repair() -> None:
    rows = [
        example(f"r{n}", text=program(n), line=n, code=f"pyright[{n}]", response="the same") for n in range(4)
    ]
    assert set(reasons(outcomes(rows, cap_per_repair=2)).values()) == {None}  # of other texts
    text = program(3, lines=90)
    rows = [
        example(
            f"r{n}",
            text=text,
            line=20 * n,
            project_id="p",
            response="the same",
            diagnostic={"code": "pyright", "message": f"Message {n}", "start_line": 20 * n},
        )
        for n in range(4)
    ]
    assert Counter(reasons(outcomes(rows, cap_per_repair=2)).values()) == {None: 2, "cap_repair": 2}
    assert Counter(reasons(outcomes(rows)).values()) == {None: 4}


def test_share_kind() -> None:
    rows = [example(f"u{n}", **undefined(("ruff", "pyright")[n % 2])) for n in range(12)]
    others = ["F811", "F822", "reportCallIssue", "reportIndexIssue"]
    rows += [example(code, code=f"pyright[{code}]") for code in others]
    assert Counter(reasons(outcomes(rows, share_per_kind=0.5)).values()) == {None: 8, "share_kind": 8}
    assert Counter(reasons(outcomes(rows)).values()) == {None: 16}


def test_each_message_of_a_syntax_error_is_a_kind() -> None:
    def row(key: str, message: str) -> dict[str, Any]:
        return example(
            key, code="pyright", diagnostic={"code": "pyright", "message": message, "start_line": 3}
        )

    rows = [row(f"{n}", f'"{bracket}" was not closed') for n, bracket in enumerate("([{(")]
    rows += [row("e", "Expected expression"), row("c", 'Expected ":"')]
    assert Counter(reasons(outcomes(rows, share_per_kind=0.4)).values()) == {None: 3, "share_kind": 3}


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.floats(0.01, 1))
def test_a_share_is_bounded_and_the_cap_is_the_largest(counts: list[int], share: float) -> None:
    def largest(cap: int) -> float:
        kept = [min(count, cap) for count in counts]
        return max(kept) / sum(kept)

    cap, bound = share_cap(counts, share), max(share, 1 / len(counts)) + 1e-9
    assert largest(cap) <= bound
    assert all(largest(larger) > bound for larger in range(cap + 1, max(counts) + 1))
