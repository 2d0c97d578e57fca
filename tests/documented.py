"""The commands in the documentation: fenced blocks of README.md and docs/, as argument lists.

A block is a shell's where its language says so, or where it names none and one of its lines begins with a
program of the list below. In a transcript only the lines after `$ ` are commands.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHELLS = frozenset({"sh", "bash", "shell", "console"})
PROGRAMS = frozenset(
    {"repair", "make", "python", "pip", "dagster", "composer", "docker", "kubectl", "gcloud", "git"}
)
SEPARATORS = frozenset({"&&", "||", "|", ";", "&"})
REDIRECTIONS = frozenset({">", ">>", "<", "2>", "&>"})
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
INLINE = re.compile(r"`(repair|make|python -m) ([\w.-]+)[^`\n]*`")


@dataclass(frozen=True, slots=True)
class Block:
    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    where: str
    variables: tuple[str, ...]
    """Names that are set for it."""
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: {shlex.join(self.words)}"


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    opened: tuple[int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text().split("\n"), 1):
        if not line.lstrip().startswith("```"):
            lines.append(line)
        elif opened is None:
            opened, lines = (number, line.strip().removeprefix("```")), []
        else:
            yield Block(page.relative_to(ROOT).as_posix(), *opened, "\n".join(lines))
            opened = None
    assert opened is None, f"{page}: the block of line {opened} has no end"


def commands(block: Block) -> list[Command]:
    """The commands of a block; none: it is no shell's."""
    lines = block.text.replace("\\\n", " ").split("\n")
    if any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    elif block.language not in SHELLS and (block.language or not any(map(_begins_with_a_program, lines))):
        return []
    return [
        Command(f"{block.page}:{block.line}", *_parted(words))
        for line in lines
        for words in _simple_commands(line)
        if words
    ]


def _begins_with_a_program(line: str) -> bool:
    try:
        _, words = _parted(next(_simple_commands(line), []))
    except ValueError:  # an open quote: prose or another language
        return False
    return bool(words) and Path(words[0]).name in PROGRAMS


def _simple_commands(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    target = False
    for token in lexer:
        if target:
            target = False
        elif token in SEPARATORS:
            yield words
            words = []
        elif token in REDIRECTIONS:
            target = True
        else:
            words.append(token)
    yield words


def _parted(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the variables that stand before a command, and the command."""
    count = next((index for index, word in enumerate(words) if not ASSIGNMENT.match(word)), len(words))
    return tuple(word.partition("=")[0] for word in words[:count]), tuple(words[count:])
