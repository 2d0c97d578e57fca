"""Contamination report: overlap of benchmark samples with the texts that a checkpoint was trained on.

A mixture is decontaminated by MinHash when it is made (`repair.dataset.mixture`). This looks again, at what
was in fact trained on, for the benchmark that is scored, which may be of a later release; and by exact
Jaccard similarity from an inverted index of 5-grams, since the same hashes would miss the same pairs again.

Not seen: what the base model was trained on before, and rewritten copies with other names.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from repair.curation.diagnostic_text import task_text
from repair.curation.near_duplicates import JACCARD, grams_of
from repair.evaluation.benchmark import OF_PROBLEMS
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import LineDiffError
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.text.files import text_of
from repair.text.lines import lines_of

KINDS = {
    "same_project": "an example is of the sample's project",
    "same_text": "an example's file, broken or repaired, equals the sample's, but for spaces at line ends",
    "same_problem": "an example's file is of the sample's LeetCode problem, by a name or an address in it",
    "near_file": f"an example's file has at least {JACCARD:.0%} of the 5-grams of words in common (Jaccard)",
    "near_task": "the same, of the diagnostic, its message and the 8 lines on both sides of it",
}
"""How a sample may be contaminated, the plainest first: kind -> what it means."""

LEAKS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("benchmark", pa.string()),
        ("kind", pa.string()),  # one of `KINDS`
        ("example_id", pa.string()),  # of the training example that resembles it most, or the first one
        ("examples", pa.int64()),  # training examples that leak the sample in this way
        ("similarity", pa.float64()),  # Jaccard, of the near ones
    ]
)

_NAME = re.compile(r"\b(?:def|class)[ \t]+(\w+)")
_ADDRESS = re.compile(r"leetcode(?:-cn)?\.(?:com|cn)/problems/([a-z0-9-]+)", re.IGNORECASE)
_KEBAB = re.compile(r"(?<![\w-])[a-z0-9]+(?:-[a-z0-9]+)+(?![\w-])", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBERED = re.compile(r"(?<![\w-])\d+[a-z]+(?![\w-])", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")
_BEFORE_A_TITLE = frozenset({"leet", "code", "leetcode", "problem", "question", "title", "no"})
_DIFFICULTIES = frozenset({"easy", "medium", "hard"})
_LONGEST_TITLE = 120


def leaks(
    samples: Iterable[Mapping[str, Any]], training: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of `LEAKS`: one for each sample and kind, in the order of the samples and of `KINDS`.

    `samples` are rows of `BENCHMARK_SAMPLES`, with texts; `training` rows of `repair.dataset.mixture.MIXTURE`
    with the column `text` (`training_rows`). The result does not depend on the order of `training`. Memory
    holds the samples' 5-grams and a hash of each training text.
    """
    known = list(samples)
    index = _SampleIndex(known)
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for row in training:
        for number, kind, similarity in index.matches(row):
            leak = found.setdefault(
                (number, kind),
                {
                    "sample_id": known[number]["sample_id"],
                    "benchmark": known[number]["benchmark"],
                    "kind": kind,
                    "example_id": row["example_id"],
                    "examples": 0,
                    "similarity": similarity,
                },
            )
            leak["examples"] += 1
            if (-(similarity or 0.0), row["example_id"]) < (-(leak["similarity"] or 0.0), leak["example_id"]):
                leak |= {"example_id": row["example_id"], "similarity": similarity}
    order = list(KINDS)
    return [found[key] for key in sorted(found, key=lambda key: (key[0], order.index(key[1])))]


def training_rows(store: PartitionStore, manifest: Manifest) -> Iterator[dict[str, Any]]:
    """The rows of a stored `training_mixture`, each with the `text` of its file."""
    for batch in store.read(manifest.asset, manifest.partition, manifest=manifest, batch_rows=1024):
        rows = batch.to_pylist()
        texts: dict[tuple[str, str], str] = {}
        for date in sorted({row["date"] for row in rows}):
            hashes = sorted({row["text_sha256"] for row in rows if row["date"] == date})
            joined = store.texts({"date": date}).get(pa.array(hashes, pa.string())).to_pylist()
            texts.update(((date, sha256), text) for sha256, text in zip(hashes, joined, strict=True))
        for row in rows:
            yield {**row, "text": texts[row["date"], row["text_sha256"]]}


class _SampleIndex:
    """Finds the samples that a training example resembles."""

    def __init__(self, samples: list[Mapping[str, Any]]) -> None:
        self._projects: dict[str, list[int]] = {}
        self._problems: dict[str, list[int]] = {}
        self._texts: dict[str, set[int]] = {}
        self._files, self._tasks = _GramIndex(), _GramIndex()
        self._matches_of_file: dict[tuple[str, str], list[tuple[int, str, float | None]]] = {}
        for number, sample in enumerate(samples):
            self._projects.setdefault(sample["project_id"], []).append(number)
            if sample["benchmark"] in OF_PROBLEMS:
                self._problems.setdefault(sample["project_id"].lower(), []).append(number)
            for text in (text_of(sample), sample["target"] or ""):
                if text.strip():
                    self._texts.setdefault(_sha256(text), set()).add(number)
                    self._files.add(number, text)
            self._tasks.add(number, task_text(sample))

    def matches(self, row: Mapping[str, Any]) -> Iterator[tuple[int, str, float | None]]:
        """(sample, kind, similarity) of a row of the mixture with its text, each sample once for a kind."""
        for number in self._projects.get(row["project_id"], ()):
            yield number, "same_project", None
        sha256 = (row["path"], _sha256(row["text"]))
        if sha256 not in self._matches_of_file:  # a file has many diagnostics
            self._matches_of_file[sha256] = list(self._of_text(row["path"], row["text"]))
        matches = list(self._matches_of_file[sha256])
        if repaired := _repaired(row):
            matches += self._of_text(row["path"], repaired, row["response"])
        best: dict[tuple[int, str], float | None] = {}
        for number, kind, similarity in matches:
            best[number, kind] = max(best.get((number, kind)) or 0.0, similarity or 0.0) or None
        yield from ((number, kind, similarity) for (number, kind), similarity in best.items())
        for number, similarity in self._tasks.near(_task(row)):
            yield number, "near_task", similarity

    def _of_text(
        self, path: str, text: str, new: str | None = None
    ) -> Iterator[tuple[int, str, float | None]]:
        """`new`: the only part of the text in which names were not looked for yet; None: all of it."""
        for number in self._texts.get(_sha256(text), ()):
            yield number, "same_text", None
        if self._problems:
            for problem in problem_names(path, text if new is None else _added(new)) & self._problems.keys():
                yield from ((number, "same_problem", None) for number in self._problems[problem])
        for number, similarity in self._files.near(text):
            yield number, "near_file", similarity


class _GramIndex:
    """Inverted index of 5-grams: the exact Jaccard similarity of a text to all indexed ones."""

    def __init__(self) -> None:
        self._owners: list[int] = []
        self._sizes: list[int] = []
        self._by_gram: dict[str, list[int]] = {}

    def add(self, owner: int, text: str) -> None:
        grams = set(grams_of(text))
        entry = len(self._owners)
        self._owners.append(owner)
        self._sizes.append(len(grams))
        for gram in grams:
            self._by_gram.setdefault(gram, []).append(entry)

    def near(self, text: str) -> Iterator[tuple[int, float]]:
        """(owner, highest similarity) of those that are at least `JACCARD` similar."""
        grams = set(grams_of(text))
        shared: Counter[int] = Counter()
        for gram in grams & self._by_gram.keys():
            shared.update(self._by_gram[gram])
        best: dict[int, float] = {}
        for entry, common in shared.items():
            similarity = common / (self._sizes[entry] + len(grams) - common)
            if similarity >= JACCARD:
                owner = self._owners[entry]
                best[owner] = max(similarity, best.get(owner, 0.0))
        yield from best.items()


def problem_names(path: str, text: str) -> set[str]:
    """Slugs of LeetCode problems that a file may be of: `two-sum` for `1_two_sum.py`, `# 1. Two Sum`, ...

    By its path, an address of the site, a hyphenated word, the name of a function or class, or a line that is
    a title and nothing else. A slug of a single word counts only in an address, in a path that names
    LeetCode, or with a number (`3sum`).
    """
    numbered = {word.lower() for word in _NUMBERED.findall(text)}
    addresses = {slug.lower().strip("-") for slug in _ADDRESS.findall(text)}
    named = {_slug(name) for name in _NAME.findall(text)}
    words = {word.lower() for word in _KEBAB.findall(text)}
    titles = {title for line in lines_of(text) if len(line) <= _LONGEST_TITLE for title in _titles(line)}
    parts = {title for part in re.split(r"[/\\]", path) for title in _titles(part.removesuffix(".py"))}
    several = {name for name in named | words | titles | parts if "-" in name}
    return addresses | numbered | several | (parts if "leetcode" in path.lower() else set())


def _titles(line: str) -> Iterator[str]:
    """The slugs that a line is, as a whole: with a number before it (`1. Two Sum (Easy)`), and without."""
    words = _slug(_IN_BRACKETS.sub("", line)).split("-")
    while words and words[0] in _BEFORE_A_TITLE:
        words.pop(0)
    if words and words[-1] in _DIFFICULTIES:
        words.pop()
    yield "-".join(words)
    if words and words[0].isdecimal():
        yield "-".join(words[1:])


def _slug(name: str) -> str:
    """`twoSum`, `two_sum` and `Two Sum` as `two-sum`; apostrophes are left out, as LeetCode does."""
    spaced = _CAMEL.sub("-", re.sub("['’]", "", name))
    return re.sub(r"[\W_]+", "-", spaced).strip("-").lower()


def _added(response: str) -> str:
    """The lines that a response adds, without their numbers."""
    return "\n".join(line.partition(" ")[2] for line in response.split("\n") if line.startswith("+"))


def _sha256(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in lines_of(text)).strip("\n")
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def _repaired(row: Mapping[str, Any]) -> str | None:
    """The file after the example's repair; None where the repair needs other files too."""
    files = {row["path"]: row["text"]}
    try:
        diff = answer_format(LINE_DIFF).read_in(row["response"], files, row["path"]).line_diff
        return workspace_diff.apply(files, diff, row["path"])[row["path"]]
    except LineDiffError:
        return None


def _task(row: Mapping[str, Any]) -> str:
    diagnostic = {"code": row["code"], "message": row["message"], "start_line": row["error_line"]}
    files = [{"path": row["path"], "text": row["text"]}]
    return task_text({"path": row["path"], "files": files, "diagnostic": diagnostic})
