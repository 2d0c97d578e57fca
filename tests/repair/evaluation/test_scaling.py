"""Points of the scaling study, against counts of their samples one by one."""

from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.evaluation.scaling import BENCHMARKS, SCALING_POINTS, scaling_points, share

SAMPLES = 9


def rows(recipe: str, size: int, solved: frozenset[int], benchmark: str = "leetcode") -> list[dict[str, Any]]:
    """One answer to each sample, of which those of `solved` pass the tests; the even ones verify."""
    model = {"pretrained": False, "parameters": 7, "examples": size, "tokens": 10 * size}
    return [
        {
            "benchmark": benchmark,
            "sample_id": str(number),
            "system": f"{recipe}|{size}",
            "answer_index": 0,
            "functional": number in solved,
            "repaired": number % 2 == 0,
            "ast_match": False,
            "recipe": recipe,
            "size": size,
            **model,
        }
        for number in range(SAMPLES)
    ]


def two_sided(gained: int, lost: int) -> float:
    """The probability of as uneven a split or a more uneven one, were both equally likely."""
    n = gained + lost
    ways = sum(comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= abs(gained - lost))
    return ways / 2**n


solved_samples = st.frozensets(st.integers(0, SAMPLES - 1))


@given(
    st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from([0, 300, 1000, 3000])), solved_samples)
)
def test_each_size_is_compared_with_the_one_before_of_the_same_model(
    solved: dict[tuple[str, int], frozenset[int]],
) -> None:
    stored = [row for (recipe, size), right in solved.items() for row in rows(recipe, size, right)]
    points = scaling_points(stored)
    assert [(point["recipe"], point["size"]) for point in points] == sorted(solved)
    for point in points:
        assert list(point) == SCALING_POINTS.names
        right = solved[point["recipe"], point["size"]]
        assert (point["n"], point["functional"], point["repaired"]) == (SAMPLES, len(right), 5)
        smaller = [size for recipe, size in solved if recipe == point["recipe"] and size < point["size"]]
        if not smaller:
            assert point["size_before"] is point["p"] is point["p_adjusted"] is None
            continue
        before = solved[point["recipe"], max(smaller)]
        gained, lost = len(right - before), len(before - right)
        assert (point["size_before"], point["gained"], point["lost"]) == (max(smaller), gained, lost)
        assert point["p"] == pytest.approx(two_sided(gained, lost))
        assert point["p"] <= point["p_adjusted"] <= 1


def test_holms_correction_is_over_the_comparisons_of_one_benchmark() -> None:
    none, many = frozenset[int](), frozenset(range(8))
    stored = [
        *(row for size, right in ((0, none), (300, many), (1000, many)) for row in rows("a", size, right)),
        *(row for size, right in ((0, none), (300, many)) for row in rows("a", size, right, BENCHMARKS[-1])),
    ]
    first, second, third, *others = scaling_points(stored)
    assert (first["p"], second["p"], third["p"]) == (None, 2 / 2**8, 1)
    assert (second["p_adjusted"], third["p_adjusted"]) == (2 * second["p"], 1)
    assert others[1]["p_adjusted"] == others[1]["p"] == second["p"]
    assert share(second, "functional").text() == "88.9 [56.5, 98.0]"
