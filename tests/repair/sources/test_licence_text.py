"""Whole-text matching: real licence files are recognised; a rider anywhere makes them unknown."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.sources import licence_text
from repair.sources.licence_text import LARGEST_TEXT, is_notice, known_licence
from tests.cpu_time import cpu_bound
from tests.licence_texts import MIT, debian, installed

BODY = MIT[MIT.index("Permission is") :]
ZERO_BSD = """BSD Zero Clause License

Copyright (C) 2024 by Jane Doe <jane@example.org>

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby
granted.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE
INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE
FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS
OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING
OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
"""


@pytest.mark.parametrize(
    ("distribution", "identifier"),
    [
        ("pytest", "MIT"),  # a title with brackets, "and others"
        ("pydantic", "MIT"),  # "2017 to present"
        ("attrs", "MIT"),
        ("click", "BSD-3-Clause"),
        ("fsspec", "BSD-3-Clause"),  # "All rights reserved." on a line of its own
        ("httpx", "BSD-3-Clause"),  # a Markdown link for a holder
        ("Pygments", "BSD-2-Clause"),
        ("requests", "Apache-2.0"),  # without the appendix
        ("dagster", "Apache-2.0"),
        ("shellingham", "ISC"),
        ("ruff", None),  # the licences of others behind its own
        ("hypothesis", None),
    ],
)
def test_licence_files_of_installed_packages(distribution: str, identifier: str | None) -> None:
    assert known_licence(installed(distribution)) == identifier


@pytest.mark.parametrize("name", ["Apache-2.0", "CC0-1.0", "BSD"])
def test_texts_of_debian(name: str) -> None:
    assert known_licence(debian(name)) == {"BSD": "BSD-3-Clause"}.get(name, name)


@pytest.mark.parametrize("name", ["GPL-2", "GPL-3", "LGPL-2.1", "MPL-2.0", "Artistic", "GFDL-1.3"])
def test_no_other_text_of_debian_is_permissive(name: str) -> None:
    assert known_licence(debian(name)) is None


def test_isc_without_the_notice_clause_is_0bsd() -> None:
    assert known_licence(ZERO_BSD) == "0BSD"


RIDERS = [
    '"Commons Clause" License Condition v1.0',
    "for non-commercial purposes only",
    "You may not train machine learning models on it.",
    "<!-- NO AI TRAINING -->",
    "禁止训练",
    "All uses need the permission of the owner.",
    "Copyright (c) 2024 Jane Doe. Non-commercial use only.",
    "Copyright (c) 2024 For Research Use Only",
    "© 2024 Jane Doe, commons clause",
    "All rights reserved. No training.",
]
PLACES = {
    "in front": "{rider}\n\n" + MIT,
    "behind": MIT + "\n{rider}\n",
    "on the last line": MIT.rstrip() + " {rider}",
    "within": MIT.replace("The above", "{rider}\n\nThe above"),
    "in a sentence": MIT.replace("any person", "any person {rider}"),
    "in the notice": MIT.replace("Holger Krekel", "Holger Krekel {rider}"),
}


@pytest.mark.parametrize(("rider", "place"), product(RIDERS, PLACES))
def test_a_rider_makes_a_text_unknown(rider: str, place: str) -> None:
    text = PLACES[place].format(rider=rider)
    assert rider in text
    assert known_licence(text) is None


@given(st.integers(0, len(BODY.split())), st.text("abcdefghijklmnopqrstuvwxyzäж禁", min_size=1, max_size=12))
def test_one_word_more_makes_a_text_unknown(position: int, word: str) -> None:
    words = BODY.split()
    assert known_licence(" ".join([*words[:position], word, *words[position:]])) is None


@given(st.integers(0, len(BODY.split()) - 1))
def test_one_word_less_makes_a_text_unknown(position: int) -> None:
    words = BODY.split()
    assert known_licence(" ".join([*words[:position], *words[position + 1 :]])) is None


@pytest.mark.parametrize(
    "text",
    [
        MIT.replace("\n", "\r\n"),
        "\ufeff" + MIT,
        MIT.upper(),
        MIT.lower(),
        MIT.replace('"', "``"),
        "".join(f"# {line}\n" for line in MIT.splitlines()),
        "".join(f" * {line}\n" for line in MIT.splitlines()),
        "".join(f"> {line}\n" for line in MIT.splitlines()),
        "## **MIT License**\n\n" + BODY,
        "The MIT License (MIT)\n=====================\n\n" + BODY,
        " ".join(BODY.split()),
        BODY,
        "Copyright <year> <copyright holders>\n\n" + BODY,
        "Copyright (c) 2010-2024 Jane J. Doe <j@x.org>\n© 2011, Ünï Nämé and others. All rights reserved.\n"
        + BODY,
    ],
)
def test_what_does_not_count(text: str) -> None:
    assert known_licence(text) == "MIT"


@pytest.mark.parametrize(
    "text",
    [
        "BSD License\n\n" + BODY,  # the title of another
        "Not the MIT License\n\n" + BODY,
        MIT.replace("without restriction", "with restriction"),
        MIT + MIT,
        MIT[:-60],
        MIT.replace("<", "&lt;").replace('"', "&quot;"),
        BODY + "Except as contained in this notice, the name of X shall not be used.",  # X11
        "MIT",
        "See the MIT license somewhere else",
        "All rights reserved.",
        "",
    ],
)
def test_what_only_looks_like_a_licence(text: str) -> None:
    assert known_licence(text) is None


def test_a_name_within_a_text_holds_no_rider() -> None:
    text = installed("click")
    assert "COPYRIGHT HOLDERS AND CONTRIBUTORS" in text
    for name, identifier in [
        ("ACME CORP. AND CONTRIBUTORS", "BSD-3-Clause"),
        ("ACME FOR RESEARCH USE ONLY", None),
    ]:
        assert known_licence(text.replace("THE COPYRIGHT HOLDERS AND CONTRIBUTORS", name)) == identifier


@pytest.mark.parametrize(
    ("line", "notice"),
    [
        ("Copyright (c) 2001-2024, The Foo Team and contributors. All rights reserved.", True),
        ("Copyright The Linux Foundation", True),
        ("SPDX-FileCopyrightText: 2020 Jane Doe <jane@example.org>", True),
        ("All rights reserved.", True),
        ("COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM", False),
        ("copyright license to reproduce", False),
        ("Copyright (c) 2024 Acme. Ask before you read this.", False),
        ("Copyright 2024 Acme; do not copy", False),
        ("2024 Jane Doe", False),
        ("Copyright 2024 Acme (GPLv3)", False),
        ("Copyright 2024 Acme, contact us", False),
        ("Copyright 2024 Acme hobby projects solely", False),
        ("Copyright 2024 Acme this is meant for people alone", False),
    ],
)
def test_copyright_notices(line: str, notice: bool) -> None:
    assert is_notice(line) is notice


@pytest.mark.parametrize(
    "text",
    [
        "a " * 2_000_000,
        MIT * 4000,
        "\n" * 4_000_000,
        "Copyright 2020" + " " * (LARGEST_TEXT - 20) + "x",
        "Copyright (c) " * 4600,
        "2020-" * 13_000,
        "https://" + "a" * 65_000,
        "*_" * 30_000,
        "neither the name of " * 3200,
    ],
)
def test_work_is_bounded(text: str) -> None:
    with cpu_bound(2):
        assert known_licence(text) is None


def test_every_template_has_its_title() -> None:
    folder = Path(licence_text.__file__).parent / "licence_templates"
    assert {path.stem for path in folder.glob("*.txt")} == set(licence_text._TITLES)
