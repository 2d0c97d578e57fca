"""Language detection: which other language than Python a file is written in, by the lines that only it has.

Broken Python is data and no other language is: a text that parses as Python is one (unless it is JSON as
well), and of one that does not parse, most lines have to be another language's and hardly any Python's. What
stands in strings does not count. All patterns are anchored and without nested repetition: linear time.
"""

# ruff: noqa: E501 (a pattern is read as a list of words)
import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from repair.text.quoted import without_strings

_SHARE = 0.35
"""Least share of the lines that only the other language has."""

_PYTHON_SHARE = 0.2
"""Most lines of Python, as a share of all."""

_LFS = "version https://git-lfs.github.com/spec/"
_SHEBANG = re.compile(r"#!\s?\S{0,80}[/ ](bash|sh|zsh|dash|ksh|fish|node|perl|ruby|php)\b")
_SHEBANG_NAMES = {"node": "JavaScript or TypeScript", "perl": "Perl", "ruby": "Ruby", "php": "PHP"}
_TRIPLE = re.compile(r'"""|' + "'''")
_HASH_OF_C = re.compile(
    r"#(?:include\s*[<\"]|define\s+[A-Z_]\w*|ifn?def\s+\w+$|if\s|endif\b|pragma\s|import\s*[<\"])"
)
_TOP_LEVEL = re.compile(r"(?:def|class|import|from)\s")
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_JSON_WORDS = re.compile(r"[\[:,]\s{0,8}(?:null|true|false)\b")
_INTERACTIVE = re.compile(r"(?:>>> ?|In \[\d+\]: ?|\.\.\. )")

_TAGS = (
    "html|head|body|div|span|p|a|ul|ol|li|table|tbody|thead|tr|td|th|script|style|meta|link|h[1-6]|form|input|img|br"
    "|section|nav|header|footer|button|title|label|svg|template|main|article|option|select|textarea|pre|code|iframe"
)
_TYPES = r"(?:int|void|char|float|double|bool|auto|long|short|size_t|FILE|std::\w+|u?int\d+_t|vector|string)"

_LANGUAGES = {
    "HTML": rf"<(?:!DOCTYPE\b|!--|/?(?:{_TAGS})\b)",
    "XML": r"<(?:\?xml\b|/?[A-Za-z_][\w:.-]*(?:\s[^<>]*)?/?>)",
    "C or C++": (
        r"#(?:include\s*[<\"]|define\s+[A-Z_]\w*|ifn?def\s|endif\b|pragma\s)|using namespace\s|typedef\s"
        r"|template\s*<|std::|namespace\s+\w+\s*\{"
        rf"|(?:static |const |unsigned |inline |extern |constexpr )*{_TYPES}(?:<[^<>]*>)?[\s*&]++\w+\s*(?:[;=\[,]|\()"
        r"|(?:public|private|protected):$|(?:class|struct)\s+\w[^()]*\{$|\};?$|(?:for|if|while)\s*\(.*\)\s*\{?$"
        r"|(?:printf|scanf|cout|cin|free|malloc)\b.*;$|struct\s+\w+\s*\{|return\s?[^:]*;$|\w+(?:->|::)\w.*;$"
    ),
    "Java or C#": (
        r"(?:import|package|using|namespace)\s+(?:static\s+)?[\w.*]+\s*[;{]$|@(?:Override|Test|Autowired)$"
        r"|(?:public|private|protected|internal)\s+[\w<>\[\], ]+|(?:System\.out|Console)\.\w+|(?:final|abstract)\s+\w+"
        r"|(?:String|int|boolean|double|var|List<\w+>|Map<\w+, ?\w+>)(?:\[\])?\s+\w+\s*=.*;$|return\s?[^:]*;$"
    ),
    "JavaScript or TypeScript": (
        r"(?:export\s+)?(?:const|let|var)\s+[\w${\[]|(?:export\s+)?(?:default\s+)?(?:async\s+)?function\b.*[({]"
        r"|import\s.*\bfrom\s+(?:\"\"|'')|import\s+(?:\"\"|'');?$|(?:module\.)?exports\b|console\.\w+\(|export\s+[\w{*]"
        r"|(?:declare |export )*(?:interface|type|enum)\s+\w.*[{=]|(?:document|window)\.\w|\}?\s*else\s*\{|.*=>\s*[{(]?$"
        r"|.*[^=!]==='?|return\s?[^:]*;$|\}\)?[;,]?$|\w[\w.]*\(.*\);$|(?:if|for|while|switch)\s*\(.*\)\s*\{$"
    ),
    "shell": (
        r"(?:fi|done|esac|then|do)$|(?:if|elif|while|until)\s+(?:\[|!|test\s|\w+\s.*;\s*(?:then|do)$)|export\s+\w+(?:=|$)"
        r"|(?:echo|sudo|apt|apt-get|cd|source|mkdir|rm|cp|mv|chmod|chown|curl|wget|git|pip3?|npm|docker|kubectl|make"
        r"|python3?|exit|tar|grep|sed|awk|cat|ls|kill|local|readonly|conda|yarn|poetry|set)(?:\s+[-\w./\"'$~]|$)"
        r"|\w+\(\)\s*\{|\w+=\$|\"?\$\{?\w|for\s+\w+\s+in\s.*(?:;\s*do)?$|\w+=\S*$|\.\s+\S|case\s.*\sin$"
    ),
    "PHP": (
        r"<\?(?:php\b|=)|\?>|\$\w+(?:\[[^\]]*\])*\s*(?:[.+]?=|->|\+\+)|echo\s.*;$|(?:public |private |protected |static )*function\s"
        r"|\$this->|use\s+[\w\\]+;$|namespace\s+[\w\\]+;$|return\s?[^:]*;$|\}$"
    ),
    "Go": (
        r"package\s+\w+$|func\s|[\w, ]+:=|import\s+\($|import\s+\"\"$|type\s+\w+\s+(?:struct|interface)\b|fmt\.\w+\("
        r"|var\s+\w+\s|defer\s|go\s+func|\}$|if\s.*\{$|for\s.*\{$|return\b.*$"
    ),
    "Rust": (
        r"(?:pub(?:\(\w+\))?\s+)?(?:async\s+|unsafe\s+)?(?:fn|struct|enum|impl|mod|trait)\b.*|(?:pub\s+)?use\s++(?:[\w:{}*, ]+|(?<=\s[ ]));$"
        r"|let\s+(?:mut\s+)?\w+|\w+!\(|#!?\[\w|match\s.*\{$|\}$|(?:if|for|while|loop)\b.*\{$|(?=.*=>).*,$"
    ),
    "Ruby": (
        r"end$|def\s+[\w.?!=]+(?:\([^()]*\))?$|require(?:_relative)?\s|puts\s|attr_\w+\s|.*\bdo(?:\s*\|[^|]*\|)?$"
        r"|module\s+[A-Z]\w*$|class\s+\w+(?:\s*<\s*[\w:]+)?$|elsif\b|unless\b|@\w+\s*=|\w+\.each\b|(?:if|while)\s[^:]*$"
    ),
    "SQL": (
        r"(?i:SELECT\b|INSERT\s+INTO\b|UPDATE\s+\w+|DELETE\s+FROM\b|CREATE\s+\w+|ALTER\s+TABLE\b|DROP\s+\w+|FROM\s+[\w.\"`]+\b(?!\s+import\b)"
        r"|WHERE\b|GROUP\s+BY\b|ORDER\s+BY\b|HAVING\b|LIMIT\s+\d|(?:LEFT|RIGHT|INNER|OUTER|FULL|CROSS)?\s*JOIN\s|VALUES\b"
        r"|BEGIN;|COMMIT;|SET\s+\w+\s*=|PRIMARY\s+KEY\b|AND\s+\w|ON\s+\w)|--\s"
        r"|[\w\"`]+\s+(?i:INT|INTEGER|BIGINT|SERIAL|VARCHAR|TEXT|BOOLEAN|TIMESTAMP|DATE|NUMERIC|DECIMAL)\b.*,?$"
    ),
    "CSS": (
        r"(?:[.#*@:\[]|[a-z])[^=();]*\{$|@(?:media|import|font-face|keyframes)\b|--?[\w-]+\s*:\s.*;$"
        r"|[a-z][a-z-]*\s*:[^;{}]+;$|\}$"
    ),
    "traceback or log": (
        r"Traceback \(most recent call last\):|File \"\", line \d|\[?\d{4}[-/]\d\d[-/]\d\d[T ,]\d\d:\d\d|\[?\d\d:\d\d:\d\d"
        r"|\[?(?:INFO|DEBUG|WARN|WARNING|ERROR|CRITICAL|FATAL|TRACE)\]?[ :]|at [\w.$<>]+\(.*\)$|\^+$|~*\^+~*$"
        r"|[\w.]+(?:Error|Exception|Warning)(?::|$)|During handling of the above"
    ),
    "YAML": r"---$|(?:- )?[\w./\"'-]+:(?:\s+[^({].*|\s*[|>]-?)?$|- \S",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _LANGUAGES.items()}
# Lines that at least one has to be like: the rest of a language's lines are other languages' too.
_DECISIVE = {
    "HTML": re.compile(rf"<(?:!DOCTYPE|/?(?:{_TAGS})\b)", re.IGNORECASE),
    "XML": re.compile(r"<\?xml\b|<\w[\w:.-]*(?:\s|>)(?<!<html>)"),
    "C or C++": re.compile(
        rf"#(?:include|define|ifn?def)\b|using namespace\s|(?:public|private|protected):$|(?:static |const )*{_TYPES}[\s*&]+\w+\(.*[){{]$|std::"
    ),
    "Java or C#": re.compile(
        r"(?:public|private|protected)\s+\w+|import\s+[\w.*]+;$|using\s+[\w.]+;$|(?:System\.out|Console)\."
    ),
    "JavaScript or TypeScript": re.compile(
        r"(?:export\s+)?(?:const|let|var)\s+[\w${\[]|(?:export\s+)?(?:default\s+)?(?:async\s+)?function\b.*[({]|console\.\w+\("
        r"|import\s.*\bfrom\s+(?:\"\"|'')|(?:export\s+)?(?:interface|type|enum)\s+\w.*[{=]|module\.exports|document\."
    ),
    "shell": re.compile(
        r"(?:fi|done|esac)$|(?:echo|sudo|apt-get|source|mkdir|chmod|curl|wget|export|cd|docker|npm|set -|git|pip3?)\s+\S|\w+\(\)\s*\{|\$\{?\w"
    ),
    "PHP": re.compile(r"<\?php\b"),
    "Go": re.compile(r"package\s+\w+$|func\s+[\w(]|import\s+\"\"$"),
    "Rust": re.compile(
        r"(?:pub\s+)?fn\s+\w+|use\s++(?:[\w:{}*, ]+|(?<=\s[ ]));$|let\s+(?:mut\s+)?\w.*;$|(?:pub\s+)?(?:struct|enum|impl|mod)\s"
    ),
    "Ruby": re.compile(r"end$"),
    "SQL": re.compile(
        r"(?i:SELECT\b|INSERT\s+INTO\b|UPDATE\s+\w+\s+SET\b|DELETE\s+FROM\b|CREATE\s+\w+|ALTER\s+TABLE\b|DROP\s+\w+)"
    ),
    "CSS": re.compile(r"[^=();]*\{$|@(?:media|import|font-face|keyframes)\b"),
    "traceback or log": re.compile(
        r"Traceback \(most recent call last\):|\[?\d{4}[-/]\d\d[-/]\d\d[T ,]\d\d:\d\d|\[?\d\d:\d\d:\d\d|\[?(?:INFO|DEBUG|WARNING|ERROR)\b"
    ),
    "YAML": re.compile(r"---$|(?:- )?[\w./-]+:(?:\s|$)"),
}
_LEAST_SHARE = {"YAML": 0.85, "traceback or log": 0.3, "CSS": 0.7, "shell": 0.5, "Ruby": 0.5, "XML": 0.6}
_PYTHON = re.compile(
    r"(?:async\s+)?def\s+\w+\s*\(.*|class\s+\w+\s*+(?:\([^()]*\)\s*+)?:|(?:from\s+[\w.]+\s+)?import\s++(?:(?!static\b)[\w.*(]|(?<=\s[ ]))[^;'\"{}]*$"
    r"|(?:if|elif|while|for|with|except|async\s+for|async\s+with)\b.*:$|(?:else|try|finally|except)\s*:$"
    r"|self\.\w|@[\w.]+(?:\(.*\))?$|(?:return|yield|raise|assert|del|global|nonlocal|await|pass|break|continue)\b[^;{]*$"
    r"|print\s*\(.*\)$|print\s+\S|[A-Za-z_][\w.]*(?:\[[^\]]*\])?\s+(?:[-+*/%|&^]|//|\*\*)?=\s[^;]*[^;{]$|[%!]\w|lambda\b|not\s"
    r"|[A-Za-z_][\w.]*\([^;{}]*\)$"
)


def other_language(text: str) -> str | None:
    """The language of a text that does not parse as Python; None: it is Python, broken or not, or too little
    to say."""
    if text.startswith(_LFS):
        return "Git LFS pointer"
    rows = [row for row in text.splitlines() if row.strip()]
    lines = _code_lines(text)
    if not lines or any(map(_INTERACTIVE.match, lines)):  # a session, or doctests
        return None
    if _is_patch(rows):
        return "patch"
    if rows[0].startswith("Traceback (most recent call last)") and not any(map(_TOP_LEVEL.match, rows)):
        return "traceback or log"
    python = [_PYTHON.match(line) is not None for line in lines]
    if _is_markdown(lines, python):
        return "Markdown"
    best = max(filter(None, (_share(name, lines, python, rows) for name in _LANGUAGES)), default=None)
    if best is not None:
        return best[1]
    shebang = _SHEBANG.match(text)
    if shebang and sum(python) <= _PYTHON_SHARE * len(lines):
        return _SHEBANG_NAMES.get(shebang[1], "shell")
    return None


def is_json(text: str) -> bool:
    """Whether a text is JSON that Python would read as something else: with `null`, `true` or `false`, or a
    notebook."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return False
    words = _JSON_WORDS.search(stripped)
    if words is None and '"nbformat"' not in stripped:
        return False
    try:
        found: Any = json.loads(stripped)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict | list)


def _share(
    name: str, lines: Sequence[str], python: Sequence[bool], rows: Sequence[str]
) -> tuple[float, str] | None:
    """The share of lines that are this language's, if that is what the text is written in."""
    if not any(map(_DECISIVE[name].match, lines)) or (name == "YAML" and not _is_yaml(rows)):
        return None
    found = [_PATTERNS[name].match(line) is not None for line in lines]
    total, count = len(lines), sum(found)
    only = sum(one and not other for one, other in zip(found, python, strict=True))
    rest = sum(other and not one for one, other in zip(found, python, strict=True))
    if only < min(2, total) or count < _LEAST_SHARE.get(name, _SHARE) * total:
        return None
    if only < _SHARE * total or rest > _PYTHON_SHARE * total:
        return None
    return count / total, name


def _is_patch(rows: Sequence[str]) -> bool:
    head = sum(map(bool, map(_HUNK.match, rows)))
    inside = sum(row.startswith(("+", "-", " ", "@@ ", "\\", "diff --git ", "index ")) for row in rows)
    return head > 0 and inside >= 0.9 * len(rows) and rows[0].startswith(("diff ", "--- ", "@@ ", "From "))


def _is_markdown(lines: Sequence[str], python: Sequence[bool]) -> bool:
    """Fenced code in text; a file that is nothing but fenced code is pasted Python."""
    outside: list[bool] = []
    fences = 0
    for line, code in zip(lines, python, strict=True):
        if line.startswith(("```", "~~~")):
            fences += 1
        elif fences % 2 == 0:
            outside.append(code)
    return fences >= 2 and len(outside) >= 2 and sum(outside) <= _PYTHON_SHARE * len(outside)


def _is_yaml(rows: Sequence[str]) -> bool:
    """Nested mappings or lists, where Python would have commas or annotations."""
    kept = [row for row in rows if not row.lstrip().startswith("#")]
    if any(map(_TOP_LEVEL.match, kept)):
        return False  # annotations within classes
    if len(kept) < 3 or kept[0][0].isspace() or any(row.rstrip().endswith((",", "=")) for row in kept):
        return False
    nested = any(
        row.rstrip().endswith(":") and len(below) - len(below.lstrip()) > len(row) - len(row.lstrip())
        for row, below in pairwise(kept)
    )
    return kept[0].rstrip() == "---" or nested or any(row.lstrip().startswith("- ") for row in kept)


def _code_lines(text: str) -> Sequence[str]:
    """The lines without blank ones, comments of Python and the contents of strings."""
    lines: list[str] = []
    inside: str | None = None
    for line in text.splitlines():
        kept: list[str] = []
        rest = line
        while rest:
            if inside is not None:
                _, found, rest = rest.partition(inside)
                if found:
                    inside = None
                continue
            match = _TRIPLE.search(rest)
            if match is None:
                kept.append(rest)
                break
            kept.append(rest[: match.start()] + '""')
            inside, rest = match[0], rest[match.end() :]
        code = without_strings("".join(kept), triple=False).strip()
        if code and (not code.startswith("#") or _HASH_OF_C.match(code)):
            lines.append(code)
    return lines
