"""SPDX tags and expressions, and the licence files of a project: only an allow-list permits."""

from pathlib import Path

import pytest

from repair.curation.licence_expressions import (
    PERMISSIVE,
    consenting_licences,
    is_expression,
    permitted_expression,
)
from repair.sources.licences import is_licence_file, project_licence, spdx
from tests.cpu_time import cpu_bound
from tests.licence_texts import MIT, debian, installed

BUSL = """Business Source License 1.1

Licensor: X
Licensed Work: Y 2.0
Additional Use Grant: None
Change Date: 2028-01-01
Change License: Apache License, Version 2.0
"""


@pytest.mark.parametrize(
    "text",
    [
        BUSL,
        "This project is NOT released under the Apache License, Version 2.0. All rights reserved.",
        "Acme Commercial Licence. All rights reserved.",
        MIT + "\nCommons Clause\n",
        "for non-commercial purposes only\n" + MIT,
        installed("Pygments") + "\nnot for commercial purposes\n",
    ],
)
def test_a_licence_that_says_no_is_none(text: str) -> None:
    assert spdx(text) is None


@pytest.mark.parametrize(
    ("expression", "permitted"),
    [
        *((identifier, identifier) for identifier in PERMISSIVE),
        ("mit", "MIT"),
        ("bsd-3-CLAUSE", "BSD-3-Clause"),
        ("(MIT)", "MIT"),
        ("MIT AND Apache-2.0", "MIT AND Apache-2.0"),
        ("MIT OR GPL-3.0-only", "MIT OR GPL-3.0-only"),
        ("MIT OR LicenseRef-Commercial", "MIT OR LicenseRef-Commercial"),
        ("mit and (isc or gpl-2.0-only)", "MIT AND (ISC OR GPL-2.0-only)"),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
        ("MIT AND GPL-3.0-only", None),
        ("MIT AND LicenseRef-Commons-Clause", None),
        ("MIT WITH Commons-Clause", None),
        ("GPL-2.0-only WITH Classpath-exception-2.0", None),
        ("MIT OR NONE", None),  # no identifier: the expression is none
        ("MIT OR UNLICENSED", None),
        *(
            (word, None)
            for word in ("NONE", "NOASSERTION", "UNLICENSED", "UNKNOWN", "Proprietary", "BSD", "")
        ),
        *(
            (f"LicenseRef-{name}", None)
            for name in ("Proprietary", "MIT", "Apache", "MIT-TC", "scancode-libzip")
        ),
        ("DocumentRef-a:LicenseRef-MIT", None),
        *((word, None) for word in ("BUSL-1.1", "CC-BY-NC-4.0", "SSPL-1.0", "Elastic-2.0", "GPL-3.0-only")),
        *(
            (word, None)
            for word in ("MPL-2.0", "LGPL-2.1-or-later", "AGPL-3.0", "CC-BY-ND-4.0", "BSD-4-Clause")
        ),
        *(
            (word, None)
            for word in ("MIT no training", "MIT License", "MIT/Apache-2.0", "MIT,", "MIT AND", "()")
        ),
        ("(" * 200 + "MIT" + ")" * 200, "MIT"),
        ("A" * 100_000, None),
        ("MIT OR " * 1000 + "MIT", None),  # longer than anybody writes
    ],
)
def test_expressions(expression: str, permitted: str | None) -> None:
    assert permitted_expression(expression) == permitted
    assert spdx(f"SPDX-License-Identifier: {expression}") == permitted


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        (
            "# SPDX-FileCopyrightText: 2020 Jane Doe <jane@example.org>\n#\n# SPDX-License-Identifier: MIT\n",
            "MIT",
        ),
        ("<!-- SPDX-License-Identifier: MIT -->", "MIT"),
        ("/* SPDX-License-Identifier: (MIT OR Apache-2.0) */", "MIT OR Apache-2.0"),
        ("spdx-license-identifier: isc", "ISC"),
        ("SPDX-License-Identifier: MIT\n\n" + MIT, "MIT"),
        ("SPDX-License-Identifier: MIT\nSPDX-License-Identifier: ISC", "MIT AND ISC"),
        ("SPDX-License-Identifier: MIT\nSPDX-License-Identifier: GPL-3.0-only", None),
        ("SPDX-License-Identifier: ISC\n\n" + MIT, None),  # they contradict
        ("SPDX-License-Identifier: GPL-3.0-only\n\n" + MIT, None),
        ("SPDX-License-Identifier: MIT\nAll rights reserved.", None),
        ("SPDX-License-Identifier: MIT\nCopyright 2024 X. All rights reserved.", None),
        ("SPDX-License-Identifier: CC0-1.0\nanything", None),
        ("SPDX-License-Identifier: MIT\n\n" + BUSL, None),
        ("The line SPDX-License-Identifier: MIT is wrong", None),
        ("SPDX-License-Identifier: MIT is wrong", None),
        ("SPDX-License-Identifier:", None),
    ],
)
def test_a_tag_stands_alone_or_agrees_with_the_text(text: str, identifier: str | None) -> None:
    assert spdx(text) == identifier


@pytest.mark.parametrize("name", ["GPL-3", "LGPL-3", "MPL-2.0"])
def test_copyleft_is_no_consent(name: str) -> None:
    assert spdx(debian(name)) is None


@pytest.mark.parametrize(
    ("files", "licence", "refused"),
    [
        ({}, None, []),
        ({"LICENSE": MIT}, "MIT", []),
        ({"LICENSE": MIT, "COPYING": MIT}, "MIT", []),
        ({"LICENSE-MIT": MIT, "LICENSE-APACHE": installed("requests")}, "Apache-2.0 AND MIT", []),
        ({"LICENSE": "Acme Commercial Licence. All rights reserved.", "LICENSE-MIT": MIT}, None, ["LICENSE"]),
        ({"LICENSE": MIT, "LICENSE.commercial": "Ask us."}, None, ["LICENSE.commercial"]),
        ({"LICENSE": MIT, "COPYRIGHT": "Copyright 2024 Jane Doe\n"}, "MIT", []),
        ({"LICENSE": MIT, "COPYRIGHT": "Copyright 2024 Jane Doe. No training."}, None, ["COPYRIGHT"]),
        ({"COPYRIGHT": "Copyright 2024 Jane Doe\n"}, None, []),
        ({"LICENSES/MIT.txt": MIT, "LICENSES/ISC.txt": installed("shellingham")}, "ISC AND MIT", []),
        ({"LICENSE": MIT, "LICENSES/LicenseRef-X.txt": "no"}, None, ["LICENSES/LicenseRef-X.txt"]),
        ({"LICENSE": MIT, "COPYING": ""}, None, ["COPYING"]),
    ],
)
def test_all_licence_files_must_permit(
    files: dict[str, str], licence: str | None, refused: list[str]
) -> None:
    found = project_licence(files)
    assert (found.licence, list(found.refused)) == (licence, refused)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SPDX-License-Identifier: BUSL-1.1", "SPDX-License-Identifier: BUSL-1.1 does not permit it"),
        ("SPDX-License-Identifier: MIT\nmore", "says more than its tag SPDX-License-Identifier: MIT"),
        (BUSL, "not the whole text of a known permissive licence"),
        (
            "SPDX-License-Identifier: \x1b[31mX",
            "SPDX-License-Identifier: \N{REPLACEMENT CHARACTER}[31mX does not permit it",
        ),
    ],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    assert project_licence({"LICENSE": text}).refused == {"LICENSE": reason}


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        *(
            (name, True)
            for name in ("LICENSE", "License.md", "LICENCE.txt", "LICENSE-MIT", "LICENSE.APACHE2")
        ),
        *(
            (name, True)
            for name in ("COPYING", "COPYING.LESSER", "UNLICENSE", "COPYRIGHT", "MIT-LICENSE.txt")
        ),
        *(
            (name, True)
            for name in ("COMMERCIAL-LICENSE", "LICENSE_ADDENDUM", "EULA.txt", "Commons-Clause.txt")
        ),
        *((name, True) for name in ("LICENSES/MIT.txt", "licenses/MIT", "LICENSE/x")),
        *(
            (name, False)
            for name in ("license.py", "src/LICENSE", "NOTICE", "README.md", "LICENSES/a/b", "setup.py")
        ),
    ],
)
def test_names_of_licence_files(path: str, is_one: bool) -> None:
    assert is_licence_file(path) is is_one


@pytest.mark.parametrize(
    "text",
    [
        "SPDX-License-Identifier: " + "A" * 4_000_000,
        "SPDX-License-Identifier: A\n" * 150_000,
        "(" * 4_000_000,
    ],
)
def test_work_is_bounded(text: str) -> None:
    with cpu_bound(2):
        assert spdx(text) is None


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("permissive", set(PERMISSIVE)),
        ("", set()),
        ("gpl-3.0-only, MIT", {"GPL-3.0-only", "MIT"}),
        ("permissive,MPL-2.0", {*PERMISSIVE, "MPL-2.0"}),
    ],
)
def test_which_licences_are_consent_is_a_list(names: str, found: set[str]) -> None:
    assert consenting_licences(names) == found


def test_a_list_names_known_licences() -> None:
    with pytest.raises(ValueError, match="copyleft"):
        consenting_licences("permissive,copyleft")


def test_another_list_permits_other_expressions() -> None:
    assert permitted_expression("GPL-3.0-only OR MIT", ["GPL-3.0-only"]) == "GPL-3.0-only OR MIT"
    assert permitted_expression("GPL-3.0-only AND MIT", ["GPL-3.0-only"]) is None
    assert not is_expression("All rights reserved")
    assert is_expression("GPL-3.0-only AND MIT")


def test_the_page_shows_the_default_list() -> None:
    page = (Path(__file__).parents[3] / "docs/consent.md").read_text()
    shown = page.partition("PERMISSIVE` -->\n")[2].partition(".\n<!-- end")[0]
    assert tuple(shown.replace("\n", " ").split(", ")) == PERMISSIVE
