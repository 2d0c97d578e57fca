"""Mistakes: one example of each kind, which a server reports; shares and sources; two seeds, two mistakes."""

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from repair.language_servers import LanguageServers, Request
from repair.sources.simulated.corpus import standard_library
from repair.sources.simulated.document import Document, Mistake
from repair.sources.simulated.edits import MistakeKind, applied, parses
from repair.sources.simulated.mistakes import FAMILIES, KINDS, next_mistake, shows, table
from repair.sources.simulated.places import PLACES, share_with_a_place
from repair.sources.simulated.source_text import SourceText
from repair.sources.simulated.studies import STUDIES
from tests.repair.sources.simulated.mistake_examples import EXAMPLES

RARE = frozenset({"print_statement", "except_comma", "increment", "question_mark", "quote_inside"}) | {
    *("none_by_default", "none_returned", "missing_call", "wrong_pair", "number_in_text", "diamond"),
}
"""Kinds whose places the first modules of the standard library hardly have."""


@pytest.fixture(scope="module")
def sources() -> list[SourceText]:
    return [SourceText(module.text) for module in standard_library().modules[:25]]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_makes_its_example(kind: MistakeKind) -> None:
    before, after = EXAMPLES[kind.name]
    source = SourceText(before)
    seeds = (Random(seed) for seed in range(4000))
    assert any(applied(source, edit) == after for random in seeds for edit in kind.edits(source, random))
    assert parses(after) is not kind.breaks_parsing


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_finds_places_and_its_edit_undone_gives_the_text(
    kind: MistakeKind, sources: list[SourceText]
) -> None:
    found = 0
    for source in sources:
        first, again = (list(islice(kind.edits(source, Random(7)), 40)) for _ in range(2))
        assert first == again
        for edit in first[:3]:
            wrong = applied(source, edit)
            assert wrong != source.text
            end = edit.start + len(edit.text)
            assert wrong[: edit.start] + source.text[edit.start : edit.end] + wrong[end:] == source.text
            found += 1
    assert kind.name in RARE or found >= 5


def test_a_server_reports_each_kind(servers: LanguageServers) -> None:
    requests = [Request({"main.py": text}) for kind in KINDS for text in EXAMPLES[kind.name]]
    results = list(servers.check_many(requests))
    assert [result.reason for result in results if result.reason] == []
    codes = [Counter((found.code, found.message) for found in result.diagnostics) for result in results]
    silent = [
        kind.name
        for kind, before, after in zip(KINDS, codes[::2], codes[1::2], strict=True)
        if not after - before
    ]
    assert silent == []


def test_the_shares_are_those_of_all_mistakes_and_each_has_a_source() -> None:
    assert sum(family.share for family in FAMILIES) == pytest.approx(100)
    assert sum(family.share_of(kind) for family in FAMILIES for kind in family.kinds) == pytest.approx(100)
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for family in FAMILIES:
        assert "our own estimate" in family.basis or any(
            study.name.split(",")[0].split(" ")[0] in family.basis for study in STUDIES
        )


def test_the_places_are_about_those_that_programs_have(sources: list[SourceText]) -> None:
    assert set(PLACES) == {kind.name for kind in KINDS}
    assert all(0 < share <= 1 for share in PLACES.values())
    frequent = [kind for kind in KINDS if PLACES[kind.name] > 0.9][:12]
    assert all(share_with_a_place(kind, sources[:8]) > 0.6 for kind in frequent)


def test_the_table_of_the_documentation_is_that_of_the_code() -> None:
    assert table() in (Path(__file__).parents[4] / "docs/mistakes.md").read_text()


def chosen(seed: int, count: int = 60) -> Iterator[tuple[Document, Mistake]]:
    random = Random(seed)
    for module in islice(standard_library().modules, count):
        document = Document("a.py", module.text)
        mistake = next_mistake(document, set(), random)
        if mistake is not None:
            yield document, mistake


def test_what_is_chosen_shows_and_follows_the_seed() -> None:
    found = list(chosen(3, 20))
    assert [mistake.edit for _, mistake in found] == [mistake.edit for _, mistake in chosen(3, 20)]
    assert [mistake.edit for _, mistake in found] != [mistake.edit for _, mistake in chosen(4, 20)]
    for document, mistake in found:
        document.make(mistake)
        assert parses(document.text) is not mistake.kind.breaks_parsing
        document.correct(mistake)
        ast.parse(document.text)


def test_a_mistake_that_does_not_show_is_not_chosen() -> None:
    document = Document("a.py", "x = 'a' \\\n    'b', -1\n")
    kinds = {kind.name: kind for kind in KINDS}
    edits = list(kinds["missing_comma"].edits(document.source, Random(0)))
    assert [shows(document, kinds["missing_comma"], edit) for edit in edits] == [False]  # 'a' 'b' - 1


def test_a_file_may_have_three_mistakes_and_no_more() -> None:
    document, random = Document("a.py", standard_library().modules[3].text), Random(1)
    for _ in range(3):
        mistake = next_mistake(document, set(), random)
        assert mistake is not None
        document.make(mistake)
    assert next_mistake(document, set(), random) is None
