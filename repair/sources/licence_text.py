"""Whole-text licence matching: a text is a licence only if all of it is.

As SPDX's matching guidelines have it: case, white space, punctuation, quotes, bullets and Markdown don't
count, a title may stand in front, and copyright notices are free. Any other word, in front, behind or
between, makes the text unknown: a rider such as Commons Clause or "no training" is made of words.

A false "unknown" loses a project, a false match would learn from one that said no; so names and notices are
held to a narrow form.
"""

import re
from functools import cache
from pathlib import Path

LARGEST_TEXT = 64 << 10
"""Characters; the longest template has 10,000. A longer text is no licence."""

_TEMPLATES = Path(__file__).parent / "licence_templates"
_HOLE = re.compile(r"\[\[((?:(?!\[\[).)*?)\]\]", re.DOTALL)

# What may stand in a title, beside `_ANY_TITLE`.
_TITLES = {
    "0BSD": "bsd zero clause 0bsd 0",
    "Apache-2.0": "apache 2 0 version",
    "BSD-2-Clause": "bsd 2 two clause simplified freebsd",
    "BSD-3-Clause": "bsd 3 three clause new modified revised",
    "BSL-1.0": "boost software bsl 1 0 version august 17th 2003",
    "BlueOak-1.0.0": "blue oak model 1 0 version",
    "CC0-1.0": "creative commons legal code cc0 1 0 universal",
    "ISC": "isc",
    "MIT": "mit expat",
    "MIT-0": "mit 0 no attribution zero",
    "PSF-2.0": "python software foundation psf 2 0 version",
    "Unlicense": "unlicense",
    "Zlib": "zlib libpng",
}
_ANY_TITLE = frozenset(["license", "licence", "the", "open", "source", "copying"])
_TITLE_LINES, _TITLE_WORDS = 2, 10

_LEADING, _TRAILING = " \t#*>/|;%_=~`+•·–—-\f\v", " \t*_=~`#/-\f\v"
_BULLET = re.compile(r"^\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)](?:\s+|$)", re.IGNORECASE)
_ENUMERATOR = re.compile(r"\((?:[a-z]|i{1,3}|iv|\d)\)", re.IGNORECASE)
_WORDS = re.compile(r"\w+")

_NOTICE = re.compile(
    r"(?:portions\s+)?(?:copyright\b:?|\(c\)|©|SPDX-FileCopyrightText:)(?P<rest>.*)", re.IGNORECASE
)
_MARK = r"\(c\)|©|copyright\b:?"
_YEARS = r"\b(?:19|20)\d\d\b(?:\s*[-–—,/]\s*(?:(?:19|20)?\d\d|present|now|today)\b)*,?"
_PLACEHOLDER = r"[\[{<](?:yyyy|year|years|name of copyright owner|copyright holders?|fullname|owner)[\]}>]"
_DATED = re.compile(rf"(?:{_MARK}|{_YEARS}|{_PLACEHOLDER})", re.IGNORECASE)
_RESERVED = re.compile(r"[\s.,;]*\ball rights reserved\b[\s.]*$", re.IGNORECASE)
_ADDRESS = re.compile(r"[<(\[]?(?:https?://[^\s<>()\[\]]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)[>)\]]?")
_NOTICE_CHARACTERS, _HOLDER_WORDS, _LOWER_CASE_WORDS = 200, 16, 3
_SMALL_WORD = re.compile(
    r"a|al|and|at|authors|by|contributors|de|den|der|developers|et|for|from|in|inc|individual|la|le|ltd"
    r"|maintainers|of|others?|project|see|team|the|van|von"
)
# A holder's name has none of these; a rider that hides in a notice has.
_RIDER = re.compile(
    r"licen|commerc|permi|grant|restrict|prohib|forbid|redistribut|proprietary|confidential|condition|exclu"
    r"|clause|non-|[禁限仅不非]"
    r"|\b(?:only|us(?:e|ed|age)|using|train(?:ing|ed)?|learning|not|no|non|never|without|except|unless|must)\b"
    r"|\b(?:shall|may not|cannot|evaluation|internal|academic|educational|personal|purposes?|terms|rights?)\b"
    r"|\b(?:patents?|subject|llms?|models?|datasets?|scraping|mining|agree\w*|allow\w*|reserved?)\b"
    r"|\b(?:void|deny|denied|solely|contact|request\w*|consent|authori[sz]\w*|gratis|fees?|paid|[al]?gpl\S*)\b"
    r"|\b(?:nc|banned|opt|refus\w*|revok\w*|waiv\w*|resale|crawl\w*|scrap\w*|robots?|bots?|neural)\b",
    re.IGNORECASE,
)


def known_licence(text: str) -> str | None:
    """The SPDX identifier of the licence that the whole of `text` is, or None."""
    if len(text) > LARGEST_TEXT:
        return None
    lines = _significant_lines(text)
    for title_lines in range(_TITLE_LINES + 1):
        title = [word for line in lines[:title_lines] for word in _words(line)]
        if len(title) > _TITLE_WORDS:
            break
        body = _normalised(lines[title_lines:])
        for identifier, template in _templates().items():
            allowed = _ANY_TITLE.union(_TITLES[identifier].split())
            match = template.fullmatch(body) if allowed.issuperset(title) else None
            if match and not any(_RIDER.search(name) for name in match.groups()):
                return identifier
    return None


def is_notice(line: str) -> bool:
    """Whether a line is a copyright notice, and nothing but one: `Copyright 2024 A. Name <a@b.example>`."""
    line = line.strip()
    if len(line) > _NOTICE_CHARACTERS:
        return False
    line = _RESERVED.sub("", line)
    if not line:
        return True
    notice = _NOTICE.fullmatch(line)
    if notice is None:
        return False
    rest = notice["rest"]
    if line.startswith(("copyright", "COPYRIGHT")) and not _DATED.search(rest):
        return False
    return _is_name(_ADDRESS.sub(" ", _DATED.sub(" ", rest)))


def strip_markup(line: str) -> str:
    """A line without what a comment, a list or Markdown puts around it."""
    line = line.strip().removeprefix("<!--").removesuffix("-->")
    return _BULLET.sub("", line.lstrip(_LEADING).rstrip(_TRAILING))


def _is_name(text: str) -> bool:
    text = text.strip(" .,;:-–—/*\"'()[]<>")
    if re.search(r"[!?;:=]|[a-z]{3}\.\s+[A-Z][a-z]+\s+[a-z]", text):
        return False
    words = text.split()
    small = [word for word in words if word[:1].islower() and not _SMALL_WORD.fullmatch(word.strip(".,"))]
    few = len(words) <= _HOLDER_WORDS and len(small) <= _LOWER_CASE_WORDS
    return few and not _RIDER.search(text)


def _significant_lines(text: str) -> list[str]:
    lines = (strip_markup(line) for line in text.removeprefix("\ufeff").splitlines())
    return [line for line in lines if _words(line) and not is_notice(line)]


def _normalised(lines: list[str]) -> str:
    return "".join(f"{word} " for line in lines for word in _words(line))


def _words(line: str) -> list[str]:
    plain = _ENUMERATOR.sub(" ", line).replace("_", " ").lower().replace("https:", "http:")
    return _WORDS.findall(plain)


@cache
def _templates() -> dict[str, re.Pattern[str]]:
    return {
        path.stem: _pattern(path.read_text(encoding="utf-8")) for path in sorted(_TEMPLATES.glob("*.txt"))
    }


def _pattern(template: str) -> re.Pattern[str]:
    """A regular expression for normalised texts, from a template with its `[[...]]`."""
    parts = _HOLE.split(template)
    pattern = ""
    for number, part in enumerate(parts):
        if number % 2 == 0:
            pattern += "".join(f"{word} " for word in _normal_words(part))
        elif part == "name":
            pattern += r"((?:(?!(?:nor|may|not|be) )\w+ ){1,10}?)"
        else:
            choices = ("".join(f"{word} " for word in _normal_words(choice)) for choice in part.split("|"))
            pattern += f"(?:{'|'.join(choices)})"
    return re.compile(pattern)


def _normal_words(text: str) -> list[str]:
    return [word for line in _significant_lines(text) for word in _words(line)]
