"""Secrets by name: the string that is given to a name like `api_key` or `password` in the same statement.

The relation is found among tokens, not in the tree: a name (an identifier, or a string such as `"API_KEY"`),
then the next string literals of the statement. In strings, comments and text that is no program, it is
`NAME=value`, `name: value`, `--name value` and `"name": "value"`.

| names | a value is a secret if |
|---|---|
| of passwords, strings given directly | it has letters, and digits or signs, and is no placeholder |
| of keys and tokens | it looks random, or is a password of letters, digits and signs |

Tested by `tests/repair/curation/test_privacy.py`.
"""

import re
from collections.abc import Iterator

from repair.curation.detectors.findings import MARK, Finding, Source
from repair.curation.detectors.literals import Literal
from repair.curation.detectors.placeholders import is_placeholder
from repair.curation.detectors.randomness import looks_random

# The parts of a name that make it one of a secret. Searched in lower case.
_ROOTS = re.compile(
    r"secret|token|pass(?:w|phrase|code|(?![a-z]))|pwd|pw(?<![a-z]..)(?![a-z])|key(?![a-z])|credential|creds(?![a-z])"
    r"|fernet|salt|pepper|auth(?:oriz|(?![a-z]))|session(?:_?id|(?==))|webhook|cookie|hmac"
    r"|sig(?<![a-z]...)(?![a-z])|seed(?![a-z])|mnemonic|dsn(?![a-z])"
)
_HELD = tuple(
    """
    secret token pass pwd pw key cred fernet salt pepper auth session webhook cookie hmac sig seed
    mnemonic dsn
    """.split()  # noqa: SIM905
)
_PAIRS = ("auth", "credentials", "creds")
_NAME = re.compile(r"[\w-]*+")
_NAME_BEFORE = re.compile(r"(?<![\w-])[\w-]*+\Z")
_PASSWORD = re.compile(r"passw|passphrase|passcode|pwd|(?<![a-z])pass(?![a-z])|(?<![a-z])pw(?![a-z])")
_STRONG = re.compile(
    r"secret|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key"
)
# A name whose last words say that it is about a secret, and holds none.
_ABOUT = re.compile(
    r"(?:file|filename|path|paths|dir|url|uri|name|names|field|fields|type|types|policy|model|header"
    r"|prefix|suffix|format|regex|pattern|"
    r"length|len|size|count|limit|max|min|expiry|expires|expire|ttl|timeout|env|var|label|title|error"
    r"|errors|message|msg|help|hint|endpoint|class|"
    r"index|column|template|placeholder|description|text|widget|form|view|page|route|kind|version"
    r"|algorithm|alg|hash|hashes|digest|strength|"
    r"validator|validators|manager|provider|backend|hasher|hashers|encoder|reset|prompt|id|ids|input"
    r"|selector|xpath|css|attr|attribute|mode|status|"
    r"scheme|location|in|locator|rule|rules|option|options|flag|parameter|param|params|argument|arg"
    r"|vocab|tokenizer|pad|eos|bos|unk|mask|cls|sep)\d*\Z"
)
_NO_SECRET = re.compile(
    r"sha-?_?\d|md5|hash(?!i)|digest|checksum|tokeniz|keyword|keyboard|key_?error|foreign|primary"
    r"|(?<![a-z])(?:sort|dict|cache|json|row|col|partition|map|lookup|public|s3|"
    r"object|storage|index|group|config|sha\w*|md5)[_-]?key|pubkey|hotkey|passing|compass|bypass|passenger"
)
_DIRECT = re.compile(
    r"['\"]?\s*+(?:\]\s*+|\)\s*+)?(?::(?:\s*+[\w.\[\]| ,]{1,80}?|(?=[^\S ]*+[ ])))?\s*+(?::=|==|!=|=>|=|:"
    r"|\bis\b|\bin\b)\s*+(?:\\\s*+)?[(\[{\s]*+(?:(?:[A-Z]\w{0,40}|str|bytes"
    r"|bytearray)\(\s*+)?(?:[rbuf]{1,2}(?=\Z))?"
)
_COMPARED = re.compile(r"['\"][ ]?(?:==|!=)[ ]?(?:\w{1,40}\.){0,3}\Z")
_OTHER_NAME = re.compile(r"(?<![=!<>])=(?!=)|:")
_SYNTAX = re.compile(r"[()\[\]{};\n]")
_CONTINUED = re.compile(r"(?:[=:(\[{\\]|\bor|\belse)\s*\Z")
_DEFAULT = re.compile(r"['\"]\s*,\s*(?:default\s*=\s*)?")
_READER = re.compile(
    r"(?:get|getenv|pop|setdefault|env|environ|config|default|read|str|secret|setenv|putenv|set"
    r"|option|header|var)\w*\s*\(\s*\Z"
)
_WITHIN = re.compile(
    r"\\?['\"]?[ \t]*(?P<sign>=|:=|:|=>|[ ](?=[^\s]))[ \t]*(?:\\?['\"])?(?P<value>[^\s'\"\\;,&"
    r"|<>(){}\[\]`]{5,512})"
)
_VALUE = re.compile(r"[!-~]{4,512}")
_SIGNS = re.compile(r"[!@#$%^&*?~+]")
# Regular expressions, escapes, wildcards.
_PATTERN = re.compile(r"\\|\(\?|\.\*|\]\+|\]\*|\[\^|\[[aA0]-|\*\Z|\{\d|\A0x[01]\.")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*(?:\(\)?)?")
_MOST_GAP = 300
_MOST_VALUE = 600
_MOST_LITERALS = 6


def find_named(source: Source) -> Iterator[Finding]:
    """Values (kind `value`) that a name makes secret."""
    lowered = source.lowered
    if not any(root in lowered for root in _HELD):
        return
    done = -1
    for root in _ROOTS.finditer(lowered):
        if root.start() < done:
            continue
        before = _NAME_BEFORE.search(lowered, max(0, root.start() - 60), root.start())
        after = _NAME.match(lowered, root.end(), root.end() + 60)
        start = before.start() if before else root.start()
        end = done = after.end() if after else root.end()
        name = lowered[start:end].strip("-_ ")
        if len(name) > 80 or _NO_SECRET.search(name):
            continue
        yield from _given(source, start, end, name)


def _given(source: Source, start: int, end: int, name: str) -> Iterator[Finding]:
    if not source.python:
        yield from _in_text(source, end, len(source.text), name)
        return
    literal = source.literals.around(start, end)
    if literal is None:
        yield from _in_code(source, start, end, name)
    elif (
        literal.prefix != "#"
        and (literal.body_end == end or source.text[end : literal.body_end] in ("]", ":", "="))
        and (
            literal.body_start == start
            or source.text[literal.body_start : start] in ("-", "--", "[", "$", ":")
        )
    ):
        yield from _in_code(source, start, literal.end, name, key=literal)
    else:
        yield from _in_text(source, end, literal.body_end, name)


def _in_code(
    source: Source, start: int, end: int, name: str, key: Literal | None = None
) -> Iterator[Finding]:
    """The strings after a name (or the string `key` that is one), and one that it is compared with before."""
    text = source.text
    if key is None and (compared := _COMPARED.search(text, max(0, start - 140), start)) is not None:
        before = source.literals.around(compared.start(), compared.start() + 1)
        yield from _of_literal(text, before, name, direct=True)
    direct = in_brackets = is_assigned = is_pair = False
    for order, (literal, gap) in enumerate(_rest_of_statement(source, end)):
        if order == 0:
            direct = _DIRECT.fullmatch(gap if key is None else f"'{gap}") is not None or _is_default(
                text, key, gap
            )
            is_pair = key is not None and not direct
            is_assigned = direct and gap.strip() == "="
            in_brackets = direct and gap.rstrip("rbuf \n\r\t").endswith(("(", "[", "{"))
        elif gap.strip() == ",":
            # Of `("a", "b")` each is given to the name; of `auth=(user, password)` the second is one.
            name = "password" if name.endswith(_PAIRS) else name
            direct = in_brackets or is_assigned
        elif gap.strip() == ":" and in_brackets:
            direct = True  # passwords = {user: password}
        elif gap.strip() == "=" and direct:
            pass  # name: "type" = value
        elif _OTHER_NAME.search(gap):
            return
        else:
            direct = False
        yield from _of_literal(text, literal, name, direct=direct)
        if is_pair:
            return  # of `setattr(x, "api_key", "value")`, or a list of names


def _rest_of_statement(source: Source, end: int) -> Iterator[tuple[Literal, str]]:
    """The strings from `end` to the end of the statement, each with the code before it."""
    depth, previous = 0, end
    for literal in source.literals.after(end, _MOST_LITERALS):
        gap = source.text[previous : literal.start]
        previous = literal.end
        if len(gap) > _MOST_GAP:
            return
        for match in _SYNTAX.finditer(gap):
            depth += (match[0] in "([{") - (match[0] in ")]}")
            if match[0] == ";" or (
                match[0] == "\n" and depth <= 0 and not _CONTINUED.search(gap[: match.start()])
            ):
                return
        if literal.prefix != "#":
            yield literal, gap


def _is_default(text: str, key: Literal | None, gap: str) -> bool:
    """Whether a string comes after `key` as its value: `getenv("KEY", "value")`, `"--key", "value"`."""
    if key is None or _DEFAULT.fullmatch(f"'{gap}") is None:
        return False
    return text[key.body_start] == "-" or _READER.search(text, max(0, key.start - 60), key.start) is not None


def _of_literal(text: str, literal: Literal | None, name: str, *, direct: bool) -> Iterator[Finding]:
    if literal is None or literal.body_end - literal.body_start > _MOST_VALUE:
        return
    body = text[literal.body_start : literal.body_end]
    value = body.strip()
    start = literal.body_start + body.find(value)
    is_template = "{" in value and "f" in literal.prefix
    if _VALUE.fullmatch(value) and not is_template and _is_secret(value, name, direct):
        yield Finding(start, start + len(value), "value")


def _in_text(source: Source, end: int, most: int, name: str) -> Iterator[Finding]:
    """`NAME=value` and the like in a string, a comment or a text that is no program."""
    match = _WITHIN.match(source.text, end, min(most, end + 600))
    if match is None:
        return
    value = match["value"].rstrip(".,:!?" if match["sign"] == ":" else ".,")
    if match["sign"] == " " and not _is_option(source.text, end, name):
        return
    start = match.start("value")
    quoted = source.text[start - 1] in "'\""
    if not quoted and _IDENTIFIER.fullmatch(value) and not looks_random(value):
        line = source.text.rfind("\n", max(0, end - 120), end) + 1
        before = source.text[line:end].strip(" '\"#")
        # A call in a docstring has a name there; an assignment of a shell, YAML and a command do not.
        if "(" in before or "." in value or not any(map(str.isdigit, value)):
            return
    is_path = value.startswith(("/", "./", "~", "http")) or "://" in value
    if is_path and (value.count("/") > 3 or not looks_random(value, 32)):
        return
    if _is_secret(value, name, True):
        yield Finding(start, start + len(value), "value")


def _is_option(text: str, end: int, name: str) -> bool:
    """Whether the name before `end` is an option of a command, `--password`."""
    return text.startswith("--", end - len(name) - 2)


def _is_secret(value: str, name: str, direct: bool) -> bool:
    if value.isalpha() and len(value) < 16:
        return False  # most values: no password, and too short for a key
    if MARK in value or is_placeholder(value) or _PATTERN.search(value):
        return False
    about = _ABOUT.search(name.replace("-", "_").rpartition("_")[2]) is not None
    if looks_random(value, 16 if direct and not about else 20):
        return not about or not _is_about_other(name)
    if about or not direct or not _is_password(value):
        return False
    if _PASSWORD.search(name):
        return True
    # Of a key or token only what has all three: words with a digit are names of something.
    classes = (any(map(str.isdigit, value)), any(map(str.isalpha, value)), _SIGNS.search(value) is not None)
    return _STRONG.search(name) is not None and all(classes) and len(value) >= 8


def _is_about_other(name: str) -> bool:
    return name.endswith(("id", "ids", "version"))


def _is_password(value: str) -> bool:
    if (
        not 5 <= len(value) <= 128
        or "/" in value
        or value.endswith((":", "(", ")"))
        or value.startswith((".", "-", "(", "["))
    ):
        return False
    if value.isdigit():
        return 6 <= len(value) <= 16
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    return letters and (digits or _SIGNS.search(value.rstrip("!?*+")) is not None) and not _is_written(value)


def _is_written(value: str) -> bool:
    """Whether words make it up, with a number behind: `password_1`, `new-password2`."""
    core = value.rstrip("0123456789_-")
    return (
        is_placeholder(core)
        or re.fullmatch(r"[a-z]+(?:\.[a-z_]+)+\d*|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|utf-?\d+|sha\d+|md5", value)
        is not None
    )
