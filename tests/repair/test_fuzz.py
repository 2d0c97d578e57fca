"""Fuzz: hostile texts and bytes into every parser, filter and decoder of strangers' input.

Each input has a result or an error that is documented, takes at most a second of CPU, and the process stays
about as large as it was.
"""

# ruff: noqa: E501 (a table of pieces is read by the line)

import gc
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from repair.curation import languages, near_duplicates, privacy, quality
from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import InputError
from repair.language_servers import configuration, ruff_settings, targets
from repair.line_diff import answer_block, numbered, unified, workspace
from repair.ot import packets
from repair.prompt import sentinels
from repair.prompt.answer_formats import NAMES, answer_format
from repair.sources import licences
from repair.synthesis.lm.judge import parse_judgement
from repair.text import paths, positions, python_imports
from repair.verification.cheats import cheat

INPUTS = 10_000
SECONDS = 1.0
MEGABYTES = 200

FILES = {"a.py": "import os\n\n\ndef f(x):\n    return y\n", "b.py": "\ufeffx = 1\r\ny = 2"}
DIAGNOSTIC = Diagnostic("a.py", 0, 0, 0, 0, 1, 1, "reportUndefinedVariable", '"y" is not defined', "error")

CODE = (
    *(
        "x",
        "a.b(",
        "'",
        '"',
        '"""',
        "'''",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        " ",
        "\n",
        "\t",
        "#",
        "# x\n",
        "x = 1\n",
    ),
    *(
        "def f(:\n",
        "if x:\n ",
        "\\",
        "\\\n",
        "é",
        "😀",
        "\r",
        "\u2028",
        "\0",
        "\ud800",
        "\u202e",
        "\ufeff",
        "lambda x: ",
    ),
    *(
        "f'{",
        "@",
        "import x\n",
        "from . import ",
        "else:",
        "class A:\n ",
        "- a\n",
        "a: b\n",
        "<a>",
        "```\n",
        "==",
        ",",
    ),
    *(
        "# type: ignore",
        "# noqa",
        "not ",
        "-",
        "x if x else ",
        "yield ",
        "0x",
        "1_0",
        "1e9",
        "async ",
        ":=",
        "->",
        ";",
    ),
)
SECRETS = (
    *(
        "a@b.c ",
        "eyJ",
        "-----BEGIN ",
        "/home/a/",
        "password=",
        "key = 'a",
        "1.2.3.4 ",
        "+49 ",
        "::",
        "0a:",
        "-f ",
    ),
    *(
        "~a/",
        "token: ",
        "secret = (",
        "AKIA",
        "http://a:b@",
        "phone 12 ",
        "A1b2",
        "ghp_",
        "sk-",
        "EAAA",
        "=",
        ".",
    ),
)
ANSWERS = (
    *(
        "<diff>\n",
        "</diff>\n",
        "-1 import os\n",
        "+1 import sys\n",
        "+1 x\n",
        "-2 \n",
        "<think>",
        "</think>\n",
        "```\n",
    ),
    *(
        "@@ -1,1 +1,1 @@\n",
        "--- a.py\n",
        "+++ b.py\n",
        "-",
        "+",
        "+99999999999999999999 x\n",
        "+0 x\n",
        "\n",
        " x\n",
    ),
    *(
        "<verdict>\n",
        "keep: x\n",
        "</verdict>\n",
        "\\ No newline at end of file\n",
        "*** a.py\n",
        "+1 | x\n",
        "<file>\n",
    ),
    *(
        "<error>\n",
        "</error>\n",
        "<code>\n",
        "diff --git a b\n",
        "## a.py\n",
        "```diff\n",
        "\u200b",
        "+²",
        "-1",
        "+ 5 y\n",
    ),
)
SETTINGS = (
    *(
        '{"a":',
        "[",
        "]",
        "}",
        "{",
        ",",
        "//",
        "/*",
        "*/",
        "\n",
        '"',
        "\\u0000",
        "1e999",
        "9" * 50,
        "null",
        '"include":',
    ),
    *(
        "[tool.pyright]\n",
        "[tool.ruff]\n",
        "a = ",
        "x.y.",
        "[[a]]\n",
        "'''",
        '"""',
        "2020-01-01",
        "inf",
        "\\x2f",
        "= {",
    ),
    *(
        '"executionEnvironments": [',
        '{"root": "/x"}',
        '"extend": "',
        "../",
        "[lint]\n",
        "select = [",
        "true",
        "NaN",
    ),
)
LICENCES = (
    *(
        "MIT ",
        "SPDX-License-Identifier: ",
        "(",
        ")",
        " AND ",
        " OR ",
        " WITH ",
        "Apache-2.0",
        "Copyright 2020 A\n",
        "©",
    ),
    *(
        "License",
        "\n",
        "Permission is hereby granted, free of charge, ",
        "All rights reserved.",
        "+",
        "#",
        "-----\n",
        "x@y.z",
    ),
)
PATHS = (
    "a",
    "/",
    "..",
    ".",
    "\\",
    "\0",
    "~",
    "*",
    "**",
    "x" * 300,
    "é",
    "\ud800",
    ".py",
    "con",
    ":",
    " ",
    "\n",
    "[",
    "]",
)
WIRE = (
    b"\x08",
    b"\x0a",
    b"\x12",
    b"\xff",
    b"\x01",
    b"\x80",
    b"\x00",
    b"\x0b",
    b"\x0c",
    b"\x7f",
    b"\xc3\x28",
    b"\x1a\x02",
)


class Target(NamedTuple):
    """A reader of strangers' input: what it is called with, and the errors that it promises."""

    call: Callable[[Any], object]
    pieces: Sequence[str] | Sequence[bytes]
    errors: tuple[type[Exception], ...] = ()
    longest: int = 50_000


def _packet_json(text: str) -> object:
    return packets.Packet.from_json(text)


def _cheats(text: str) -> object:
    repaired = numbered.apply(FILES["a.py"], change := numbered.diff(FILES["a.py"], text))
    return cheat(FILES["a.py"], repaired, DIAGNOSTIC, numbered.parse(change))


def _settings(text: str) -> object:
    files = {"pyrightconfig.json": text, "pyproject.toml": text, "ruff.toml": text, "sub/ruff.toml": text}
    for name, content in files.items():
        configuration.pyright_configuration({name: content})
    return ruff_settings.ruff_files(files)


TARGETS: Mapping[str, Target] = {
    "line diff": Target(numbered.parse, ANSWERS, (InputError,)),
    "extract": Target(numbered.extract, ANSWERS, (InputError,), 1_000_000),
    "length of a diff": Target(answer_block.diff_length, ANSWERS, (), 1_000_000),
    "apply": Target(lambda text: numbered.apply(FILES["a.py"], text), ANSWERS, (InputError,)),
    "diff": Target(lambda text: numbered.diff(text, text[::-1]), CODE, (InputError,)),
    "unified": Target(lambda text: unified.apply(FILES["a.py"], text), ANSWERS, (InputError,)),
    "workspace diff": Target(lambda text: workspace.parse(text, "a.py"), ANSWERS, (InputError,)),
    **{
        f"answer as {made.name}": Target(
            lambda text, made=made: made.read_in(text, FILES, "a.py"), ANSWERS, (InputError,), 40_000
        )
        for made in map(answer_format, NAMES)
    },
    "judgement": Target(parse_judgement, ANSWERS, (InputError,)),
    "prompt": Target(sentinels.parse, ANSWERS, (InputError,), 500_000),
    "quality": Target(quality.low_quality, CODE),
    "language": Target(languages.other_language, CODE, (), 100_000),
    "redaction": Target(lambda text: privacy.Redactor().redact(text), (*CODE, *SECRETS)),
    "secrets": Target(lambda text: privacy.Redactor().redact(text), SECRETS),
    "grams": Target(near_duplicates.grams_of, CODE, (), 200_000),
    "imports": Target(python_imports.imported_names, CODE, (), 500_000),
    "offsets": Target(lambda text: positions.LineOffsets(text.split("\n")[0]), CODE),
    "cheats": Target(_cheats, CODE, (InputError,), 10_000),
    "settings": Target(_settings, SETTINGS),
    "licence": Target(licences.spdx, LICENCES, (), 70_000),
    "why no licence": Target(licences.why_refused, LICENCES),
    "path": Target(paths.path_fault, PATHS),
    "pattern of paths": Target(
        lambda text: targets.checked(["a/b.py"], ["a/b.py"], {"exclude": [text]}), PATHS, (), 2_000
    ),
    "packet": Target(packets.decode_packet, WIRE, (InputError,), 500_000),
    "packet in JSON": Target(
        _packet_json, (*SETTINGS, '{"ops":[', '{"op":"skip","count":1},'), (InputError,)
    ),
}


def _input(target: Target, chance: random.Random) -> Any:
    """A mixture of pieces, a few repeated very often, or one damaged."""
    empty: Any = target.pieces[0][:0]
    shape = chance.random()
    if shape < 0.5:
        return empty.join(chance.choice(target.pieces) for _ in range(chance.randrange(60)))
    length = min(target.longest, 10 ** chance.randrange(2, 7))
    few: Any = empty.join(chance.choice(target.pieces) for _ in range(chance.randrange(1, 4)))
    repeated = few * (length // len(few) + 1)
    cut = repeated[: chance.randrange(length) + 1]
    return cut + chance.choice(target.pieces) if shape < 0.9 else chance.choice(target.pieces) + cut


def _resident(name: str) -> int:
    """Megabytes of this process: `VmRSS` now, `VmHWM` at its peak (proc(5))."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) // 1024


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_each_hostile_input_has_a_documented_result(capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(42)
    for target in TARGETS.values():  # what is made once: tables, rules, compiled patterns
        for _ in range(3):
            _outcome(target, target.pieces[0])
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak of the tests before would hide this one's
    before, start = _resident("VmRSS"), time.process_time()
    slowest, largest, refused = (0.0, "", ""), 0, 0
    found: list[str] = []
    for number in range(INPUTS):
        name, target = list(TARGETS.items())[number % len(TARGETS)]
        given = _input(target, chance)
        spent, error = _outcome(target, given)
        if spent > SECONDS:  # the machine may be busy
            spent = min(spent, _outcome(target, given)[0])
        slowest, largest = max(slowest, (spent, name, ascii(given[:40]))), max(largest, len(given))
        refused += error is not None
        if spent > SECONDS or (error is not None and not isinstance(error, target.errors)):
            found.append(f"{name}: {spent:.2f} s, {error!r:.200}, {given[:60]!a} ({len(given)})")
    grown = _resident("VmHWM") - before
    with capsys.disabled():
        sys.stdout.write(
            f"\n{INPUTS} inputs into {len(TARGETS)} readers, {refused} refused; the largest {largest} characters,"
            f" the slowest {slowest[0]:.2f} s ({slowest[1]}: {slowest[2]}), all {time.process_time() - start:.0f} s"
            f" of CPU; the process grew by {grown} MB\n"
        )
    assert not found, "\n".join(found[:10])
    assert grown < MEGABYTES


def _outcome(target: Target, given: Any) -> tuple[float, Exception | None]:
    start = time.process_time()
    error: Exception | None = None
    try:
        target.call(given)
    except Exception as raised:
        # A traceback holds this frame and so the error itself: a cycle that keeps the input until the next collection.
        error = raised.with_traceback(None)
    return time.process_time() - start, error
