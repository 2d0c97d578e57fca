"""E-mail addresses, also written with `[at]`, and telephone numbers.

Whether a number is one a telephone may have is said by phonenumbers (Google's libphonenumber).

Tested by `tests/repair/curation/test_privacy.py`.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from repair.curation.detectors.findings import MARK, Finding, Source
from repair.curation.detectors.placeholders import HOSTS_OF_NOBODY, MAILBOXES_OF_NOBODY
from repair.extras import extra
from repair.text.python_syntax import tree_of

with extra("pipeline"):
    import phonenumbers

_PLACEHOLDER_MAILBOX = re.compile(r"user\d+")
_BEFORE_AT = re.compile(r"[\w.%+-]{1,64}\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_FILE_ENDINGS = frozenset(
    """
    png jpg jpeg gif svg webp ico bmp css js mjs ts jsx tsx json html htm xml yaml yml toml ini cfg txt pdf
    gz tgz tar whl egg dll exe bin csv tsv ttf woff map lock log tex bib wav mp3 mp4 pyc pyi ipynb jar war
    class proto sql bak tmp utf
    """.split()  # noqa: SIM905
)
_VERSION_OR_SCALE = re.compile(r"v?\d+(?:\.\d+)+\.?|v\d+\.|\d+x\.")
_COMMON_ENDINGS = frozenset({"com", "org", "edu", "gov"})
_SPELLED = re.compile(
    r"(?<![\w.+-])(?P<name>[A-Za-z0-9][\w.+-]{0,63}+)"
    r"(?:[ ]?[\[({<][ ]?(?i:at|@)[ ]?[\])}>][ ]?|[ ](?P<plain>(?i:at))[ ])"
    r"(?P<host>[A-Za-z0-9-]{1,63}(?:(?:[ ]?[\[({<][ ]?(?i:dot|\.)[ ]?[\])}>][ ]?|[ ](?i:dot)[ ]"
    r"|\.)[A-Za-z0-9-]{1,63}){1,4})(?![\w-])"
)
_BRACKETED_AT = re.compile(r"[\[({<] ?(?:at|@) ?[\])}>]")
_DOT = re.compile(r"[ \[({<]{1,3}(?i:dot|\.)[ \])}>]{1,3}")
_ENDINGS = frozenset(
    """
    com org net edu gov io dev de fr uk co nl ch at eu it es us ca au jp cn ru br in info ai app me se no fi
    dk be pl cz
    """.split()  # noqa: SIM905
)

_PLUS = re.compile(
    r"(?<![\w+.\-/*^=])(?:\+|00(?=[1-9]\d{0,2}[ ./()-]))[1-9]\d{0,3}(?:[ ./-]{0,2}\(\d{1,5}\)"
    r"|\)?[ ./-]?\d{1,14}+){1,7}(?![\w-]|\.\d)"
)
# Parts that every match has, and that are fast to find: most texts have none.
_DIALLED = re.compile(r"\+[1-9]|00[1-9]\d{0,2}[ ./()-]")
_AMERICAN_PARTS = (re.compile(r"\(\d{3}\)[ ]?\d"), re.compile(r"-\d{3}-\d{4}"), re.compile(r"\.\d{3}\.\d{4}"))
_AMERICAN = re.compile(
    r"(?<![\w+.\-/])(?:1[ .-])?(?:\(\d{3}\)[ ]?\d{3}[ .-]\d{4}"
    r"|(?P<sign>[.-])?\d{3}(?P<join>[-.])\d{3}(?P=join)\d{4})(?![\w-]|\.\d)"
)
_PHONE_WORD = re.compile(r"(?:phone|tel|telephone|mobile|cell|fax|whatsapp|telefon|handy|hotline)(?![a-z])")
_NATIONAL = re.compile(
    r"[A-Za-z_ \t]{0,12}[\"']?[\]]?[ \t.]{0,2}[:=(,]{0,2}[ \t]{0,2}[\"']?[ ]?"
    r"(?P<number>\(?\d{1,5}\)?(?:[ ./-]{0,2}\(?\d{1,5}\)?){1,6})(?![\w-]|\.\d)"
)
_SHORTER = re.compile(r"(.*\d\)?)[ ./-]+[(\d)]+\Z")
_NO_PHONE = re.compile(
    r"(?i)isbn|issn|(?<![a-z])ean|upc|(?<![a-z])sku|serial|doi|orcid|isni|part[ _]?n|version|coord"
    r"|offset|score|delta|diff|balance|amount|timezone|utc"
)
_DATE = re.compile(r"(?:19|20)\d\d[-./]\d\d?[-./]\d\d?|\d\d?[-./]\d\d?[-./](?:19|20)\d\d")


def find_emails(source: Source) -> Iterator[Finding]:
    """E-mail addresses (kind `email`) of somebody; in code only where it does not parse and is no product."""
    text = source.text
    position = text.find("@")
    while position >= 0:
        yield from _at(source, position)
        position = text.find("@", position + 1)
    lowered = source.lowered
    if " dot " in lowered or _BRACKETED_AT.search(lowered):
        for match in _SPELLED.finditer(text):
            host = _DOT.sub(".", match["host"])
            spelled = " dot " in match["host"].lower() or not match["plain"]
            ending = host.rpartition(".")[2].lower()
            if (
                spelled
                and ending in _ENDINGS
                and source.is_inside(*match.span())
                and not _is_nobodys(match["name"], host)
            ):
                yield Finding(*match.span(), "email", f"{match['name']}@{host}".lower())


def _at(source: Source, position: int) -> Iterator[Finding]:
    text = source.text
    host = _HOST.match(text, position + 1)
    if host is None:
        return
    before = _BEFORE_AT.search(text[max(0, position - 64) : position])
    if before is None:
        return
    name = before[0].lstrip("._%+-")
    if MARK in name or not name or (not name[-1].isalnum() and name[-1] != "_") or not name[0].isascii():
        return
    start = position - len(name)
    ending = host[0].rpartition(".")[2].lower()
    if ending in _FILE_ENDINGS or _is_nobodys(name, host[0]):
        return
    # A version after a path of a URL, a picture for screens of double density.
    if (_VERSION_OR_SCALE.match(host[0]) and not host[0][0].isalpha()) or re.match(r"v\d", host[0]):
        return
    if not source.is_inside(start, host.end()) and not _is_address_in_broken_code(
        source, name, ending, host.end()
    ):
        return
    yield Finding(start, host.end(), "email", text[start : host.end()].lower())


def _is_nobodys(name: str, host: str) -> bool:
    lowered = name.lower()
    return (
        lowered in MAILBOXES_OF_NOBODY
        or _PLACEHOLDER_MAILBOX.fullmatch(lowered) is not None
        or host.lower().endswith(HOSTS_OF_NOBODY)
    )


def _is_address_in_broken_code(source: Source, name: str, ending: str, end: int) -> bool:
    if ending not in _COMMON_ENDINGS or len(name) < 3 or source.text[end : end + 1] in ("(", "[", "."):
        return False
    return tree_of(source.text) is None


def find_phones(source: Source) -> Iterator[Finding]:
    """Telephone numbers (kind `digits`) in strings and comments."""
    text = source.text
    done = 0
    for hit in _DIALLED.finditer(text):
        if hit.start() >= done and (match := _PLUS.match(text, hit.start())) is not None:
            done = match.end()
            yield from _international(source, match.start(), match[0])
    if any(pattern.search(text) for pattern in _AMERICAN_PARTS):
        for match in _AMERICAN.finditer(text):
            if match["join"] == "." and not "2" <= match[0][0] <= "9":
                continue
            yield from _checked(source, match.start(), match.end())
    for word in _PHONE_WORD.finditer(source.lowered):
        match = _NATIONAL.match(text, word.end())
        if match is None or text[word.start() - 1 : word.start()].isalpha():
            continue
        number = match["number"].rstrip(" ./-(")
        digits = sum(map(str.isdigit, number))
        grouped = 7 <= digits <= 15 and digits < len(number) and not _DATE.search(number)
        end = match.start("number") + len(number)
        quoted = text[match.start("number") - 1] in "'\"" and text[end : end + 1] in ("'", '"')
        plain = 9 <= digits <= 15 and digits == len(number) and (number[0] == "0" or quoted)
        if grouped or (plain and "id" not in match[0] and not "1234567890".startswith(number)):
            yield from _checked(source, match.start("number"), match.start("number") + len(number))


def _checked(source: Source, start: int, end: int) -> Iterator[Finding]:
    digits = re.sub(r"\D", "", source.text[start:end])
    if digits.startswith("00000") or len(set(digits)) <= 2 or not source.is_inside(start, end):
        return
    if (
        _DATE.search(source.text[start:end])
        or _NO_PHONE.search(source.line_before(start, 60))
        or any(mark in source.text[start:end] for mark in ("..", "--"))
    ):
        return
    yield Finding(start, end, "digits", digits)


def _international(source: Source, start: int, number: str) -> Iterator[Finding]:
    """The longest part of `number` that a telephone may have, cut between its groups."""
    while True:
        groups = re.findall(r"\d+", number)
        # `+44 (0)20` names the digit that is dialled within the country.
        digits = "".join(re.findall(r"\d+", number.replace("(0)", "")))
        digits = digits.removeprefix("00")
        dotted = "." in number and not _is_dotted(groups)
        if len(digits) < 8 or dotted:
            return
        is_long = len(groups) > 1 or len(digits) >= 10
        if is_long and not digits.endswith("00000") and _is_possible(digits):
            yield from _checked(source, start, start + len(number))
            return
        shorter = _SHORTER.match(number)
        if shorter is None:
            return
        number = shorter[1]


def _is_dotted(groups: list[str]) -> bool:
    """Whether full stops part a telephone number into groups, and not a decimal number."""
    return (
        len(groups) > 3
        or (len(groups) == 3 and min(map(len, groups)) > 1)
        or (groups[0] == "1" and len(groups[-1]) == 10)
    )


def _is_possible(digits: str) -> bool:
    """Whether a country has numbers of that length."""
    return any(len(digits) - size in _lengths(int(digits[:size])) for size in (1, 2, 3))


@cache
def _lengths(country_code: int) -> frozenset[int]:
    """How long the numbers of a country are, without its code."""
    known: Any = phonenumbers.PhoneMetadata
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(country_code, ())
    found = [
        known.metadata_for_nongeo_region(country_code)
        if region == "001"
        else known.metadata_for_region(region)
        for region in regions
    ]
    return frozenset(
        length for metadata in found if metadata for length in metadata.general_desc.possible_length
    )
