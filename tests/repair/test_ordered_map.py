import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.ordered_map import ordered_map


@given(items=st.lists(st.integers()), ahead=st.integers(1, 5), workers=st.integers(1, 3))
def test_it_is_map(items: list[int], ahead: int, workers: int) -> None:
    with ThreadPoolExecutor(workers) as threads:
        assert list(ordered_map(threads, lambda item: item * 3, items, ahead=ahead)) == [i * 3 for i in items]


def test_items_are_taken_a_bounded_number_ahead_of_the_results() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in count():
            taken.append(item)
            yield item

    with ThreadPoolExecutor(2) as threads:
        results = ordered_map(threads, lambda item: item, items(), ahead=3)
        assert taken == []
        for index, result in enumerate(islice(results, 5)):
            assert (result, len(taken)) == (index, index + 3)
        results.close()


def test_as_many_as_there_are_threads_run_at_once() -> None:
    together = threading.Barrier(2, timeout=30)
    with ThreadPoolExecutor(2) as threads:
        assert len(list(ordered_map(threads, lambda _: together.wait(), range(4), ahead=2))) == 4


def test_what_has_not_begun_is_cancelled_when_the_caller_stops() -> None:
    release, begun = threading.Event(), []

    def work(item: int) -> int:
        begun.append(item)
        if item:
            release.wait(30)
        return item

    with ThreadPoolExecutor(1) as threads:
        results = ordered_map(threads, work, range(10), ahead=5)
        assert next(results) == 0
        results.close()
        release.set()
    assert begun in ([0], [0, 1])  # the second may have begun


def test_an_error_comes_in_its_place() -> None:
    with ThreadPoolExecutor(2) as threads:
        results = ordered_map(threads, lambda item: 6 // item, [3, 0, 2], ahead=3)
        assert next(results) == 2
        with pytest.raises(ZeroDivisionError):
            next(results)
