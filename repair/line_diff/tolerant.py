r"""Tolerant reading of numbered diffs: writes in the canonical form what a model wrote in another one, where
the file proves that it is the same diff.

| name | what is read | what proves it |
|---|---|---|
| `blank_lines`, `bare_number` | blank lines; `+3` for `+3 ` | the form alone (`repair.line_diff.tidy`) |
| `separator` | `- 3 text`, `-3: text`, `-3:text`, `-3\ttext`, `-3\| text` | every `-` text is the file's line, one of them not blank, and all lines have one form |
| `invisible` | a `-` text that lacks invisible characters of the file's line or trailing blanks, or has others | the number, and all visible characters |

What is put in (`+`) is taken to the character: nothing in the file could prove another reading. Everything
else goes to the strict parser, which says what is wrong. `repair.line_diff.answer_block` has the tolerances
that find the block.
"""  # noqa: E501

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repair.line_diff.numbered import lines_of_diff
from repair.line_diff.tidy import HEADER, tidied
from repair.text.lines import lines_of, split_mark

_STRICT = re.compile(r"([+-])([1-9][0-9]{0,8}) (.*)", re.DOTALL)
_FORMS = [
    re.compile(rf"([+-]){gap}([1-9][0-9]{{0,8}})(?:{separator}(.*)|{separator.rstrip(' ')}())", re.DOTALL)
    for gap in ("", " ")
    for separator in (" ", ": ", ":", r"\t", r"\| ", r"\|")
    if (gap, separator) != ("", " ")
]

_Signed = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class ReadDiff:
    """A diff in the canonical form, and the names of the tolerances that it took."""

    line_diff: str
    tolerated: tuple[str, ...] = ()


def canonical(line_diff: str, files: Mapping[str, str], path: str) -> ReadDiff:
    """`line_diff` (`repair.line_diff.workspace`) in the canonical form; `path` is the diagnostic's file.

    As it is where it can't be proved to be the diff of `files` in another form; it is not checked.
    """
    lines = lines_of_diff(line_diff)
    tidy, tolerated = tidied(lines)
    texts = _Texts(files, path)
    read = _read(tidy)
    for form in _FORMS if read is None else ():
        tidy, tolerated = tidied([_rewritten(line, form) for line in lines])
        read = _read(tidy)
        if read is not None and texts.prove(read):
            tolerated = ["separator", *tolerated]
            break
        read = None
    if read is None:
        return ReadDiff(line_diff)
    written: list[str] = []
    invisible = False
    for name, signed in _by_file(read, path):
        if isinstance(signed, str):
            written.append(signed)
            continue
        sign, number, text = signed
        own = texts.line(name, number) if sign == "-" else None
        if own is not None and own != text and visible(own) == visible(text):
            text, invisible = own, True
        written.append(f"{sign}{number} {text}")
    if invisible:
        tolerated = [*tolerated, "invisible"]
    return ReadDiff("\n".join(written), tuple(tolerated)) if tolerated else ReadDiff(line_diff)


def visible(text: str) -> str:
    """A line as a reader sees it: without format characters (Unicode's Cf) and trailing blanks, and with a
    plain space for every other one."""
    if text.isascii():
        return text.rstrip()
    kinds = ((character, unicodedata.category(character)) for character in text)
    return "".join(" " if kind in ("Zs", "Zl", "Zp") else c for c, kind in kinds if kind != "Cf").rstrip()


class _Texts:
    """The lines of the files, split once."""

    def __init__(self, files: Mapping[str, str], path: str) -> None:
        self._files, self._path = files, path
        self._lines: dict[str, list[str]] = {}

    def line(self, name: str, number: int) -> str | None:
        """Line `number` of a file; of the first one without the file's byte order mark."""
        if name not in self._lines:
            self._lines[name] = lines_of(split_mark(self._files.get(name, ""))[1])
        lines = self._lines[name]
        return lines[number - 1] if number <= len(lines) else None

    def prove(self, read: Sequence["_Signed | str"]) -> bool:
        """Whether every `-` text is the file's, and one of them has a character that is no blank."""
        removed = [
            (name, signed)
            for name, signed in _by_file(read, self._path)
            if not isinstance(signed, str) and signed[0] == "-"
        ]
        return any(signed[2].strip() for _, signed in removed) and all(
            self.line(name, signed[1]) == signed[2] for name, signed in removed
        )


def _rewritten(line: str, form: re.Pattern[str]) -> str:
    """A line of this form in the canonical one; one of another form gets an invalid one."""
    if not line.strip() or line.startswith(HEADER):
        return line
    match = form.fullmatch(line)
    return f"{match[1]}{match[2]} {match[3] or ''}" if match else "?"


def _read(lines: Sequence[str]) -> list[_Signed | str] | None:
    """The signed lines, and headers as they are between them; None if a line is of another form."""
    read: list[_Signed | str] = []
    for line in lines:
        if line.startswith(HEADER):
            read.append(line)
            continue
        match = _STRICT.fullmatch(line)
        if match is None or "\r" in line:
            return None
        read.append((match[1], int(match[2]), match[3]))
    return read


def _by_file(read: Sequence[_Signed | str], path: str) -> list[tuple[str, _Signed | str]]:
    name = path
    result: list[tuple[str, _Signed | str]] = []
    for signed in read:
        if isinstance(signed, str):
            name = signed.removeprefix(HEADER)
        result.append((name, signed))
    return result
