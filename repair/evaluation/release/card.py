"""The card of a released benchmark: README.md with the YAML header that Hugging Face's data sets have.

Tested by `tests/repair/evaluation/release/test_release.py`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version as package_version
from typing import Any

from license_expression import get_spdx_licensing

from repair.diagnostics.codes import type_of_code
from repair.evaluation.benchmark import INJECTED, INJECTED_CHOOSE, LEETCODE, WORKSPACE
from repair.evaluation.groups import EDIT_EDGES, FILE_EDGES, buckets, category, edit_bucket, file_bucket

_NAMES = {
    WORKSPACE: "Workspace repair",
    LEETCODE: "LeetCode repair",
    INJECTED: "LeetCode repair, recent problems",
    INJECTED_CHOOSE: "LeetCode repair, recent problems to choose thresholds on",
}
_INJECTED = """\
Each sample is a solution of a LeetCode problem with one bug that was put into it, by a mutator or a language
model, of one of DebugBench's subtypes. The problems were published after the cutoff that the benchmark was
built with. The solutions and the tests come from LeetCodeDataset (newfacade/LeetCodeDataset, MIT): the
correct solution passes them, the buggy one does not, and pyright or ruff attach an error to it that the
correct solution has not. A sample's problem is `project_id`. The problems are cut into two halves: on one
thresholds are chosen, the other is reported. {half}
"""
_MADE = {
    WORKSPACE: """\
Each sample is a diagnostic that pyright or ruff reported in a recorded session of a project that no model of
this project is trained on (a recording may be of people that were simulated: then its projects are named so).
The project's files were replayed to that moment, secrets and personal data in them were replaced, and a
reference repair was found and verified. A sample's project is `project_id`.
""",
    LEETCODE: """\
Each sample is a solution of a LeetCode problem with one bug of DebugBench (thunlp/DebugBench, Apache-2.0), of
its syntax and reference bugs, to which pyright or ruff attach an error that the correct solution has not. The
tests come from LeetCodeDataset (newfacade/LeetCodeDataset, MIT): the correct solution passes them, and the
buggy one does not. A sample's problem is `project_id`.
""",
    INJECTED: _INJECTED.format(half="This is the half that is reported."),
    INJECTED_CHOOSE: _INJECTED.format(half="This is the half to choose on: a score on it is no result."),
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

_CARD = """\
---
pretty_name: {pretty_name}
language:
- code
license:
{licences}
size_categories:
- {size}
tags:
- code
- program-repair
- static-analysis
configs:
- config_name: default
  data_files:
  - split: test
    path: samples.parquet
---
# {name}, version {version}

{count} samples of Python code, each with one diagnostic of pyright or ruff, and a repair that is known.
Only scores on equal versions can be compared; `manifest.json` has the version and the SHA-256 of each file.

## How it was made

{made}
Every row is proved: pyright {pyright} and ruff {ruff} report the diagnostic in its files (all that they
report there is `before`), and after the reference they do not. `reference_outcome` is what verification says
of the reference beside this: {outcomes}. People stand for {by_people} of the references (`verified_by`: how
many). Left out: {left_out}.

| column | what |
|---|---|
| `files`, `path` | the workspace, path and text; the file that the diagnostic is in |
| `diagnostic` | what is to be repaired: 0-based; `*_column` counts code points, `*_character` UTF-16 units |
| `reference` | a repair as a numbered line diff |
| `target`, `target_files` | the text of the file after it, and of the other files that it changes |
| `tests` | of a LeetCode problem; null elsewhere |
| `licence` | SPDX expression of the row's texts |
| `pyright_version`, `ruff_version` | the servers that proved the row |

## How to score

With the core of `repair` {program}, the program that made this release, and nothing beside it:

```
repair evaluate FOLDER predictions.jsonl --out scores.jsonl
```

A line of the predictions is `{{"sample_id": "...", "answer": "..."}}`; a model that answers several times
adds `"answer_index": 0`, 1, and so on. The answer holds a numbered line diff between `<diff>` and `</diff>`,
each alone on its line (the opening one may be missing where the prompt ended with it): `-3 old text` takes
away line 3 of the file, `+3 new text` puts in what is line 3 of the repaired file, and lines below
`#other.py` are about that file. A null or empty answer abstains. A sample without a line is wrong and counted
as missing.

| metric | what it says |
|---|---|
| `repaired` | the language servers no longer report the diagnostic, report no new error; it is no cheat |
| `functional` | the sample's tests pass, with the names that LeetCode imports for everybody |
| `functional_strict` | they pass on the file as it is: what it does not import or define is not there |
| `ast_match` | the syntax tree is the target's: a lower bound, since other repairs may be right |
| `ast_or_string_match` | that, or the same text: for what does not parse |
| `token_match` | the same tokens, but for layout and comments |

The functional metrics are null where a sample has no tests. An answer that changes nothing is right by none
of them; it is counted apart (`no_change`), as are abstentions and samples without a line.

## Size

| group | samples |
|---|---|
{groups}

## Licences

{licence_lines}

The licences ask that their notices are kept: see the projects named in `project_id`.

## Limits

- Python alone, and only what pyright and ruff report; they see the row's files and no installed package.
- One reference for each sample. AST exact match is a lower bound of functional correctness.
- The code is public: models may have seen it.
- The hashes say that the files are those of this version, not who published them.
"""


def card(
    samples: Sequence[Mapping[str, Any]],
    *,
    benchmark: str,
    version: str,
    servers: Mapping[str, str],
    left_out: Mapping[str, int],
) -> str:
    """The card for rows of `RELEASE_SAMPLES`."""
    licences = Counter(sample["licence"] for sample in samples)
    outcomes = Counter(sample["reference_outcome"] for sample in samples)
    name = _NAMES[benchmark]
    return _CARD.format(
        pretty_name=json.dumps(f"{name} {version}"),
        licences="\n".join(f"- {identifier}" for identifier in _identifiers(licences)),
        size=next((size for most, size in _SIZES if len(samples) < most), "1M<n<10M"),
        name=name,
        version=version,
        program=package_version("repair"),
        count=len(samples),
        made=_MADE[benchmark],
        pyright=servers.get("pyright"),
        ruff=servers.get("ruff"),
        outcomes=_counts(outcomes),
        by_people=sum(bool(sample["verified_by"]) for sample in samples),
        left_out=_counts(left_out) or "nothing",
        groups="\n".join(_groups(samples)),
        licence_lines="\n".join(
            f"- {licence}: {count} samples" for licence, count in sorted(licences.items())
        ),
    )


def _identifiers(expressions: Iterable[str]) -> list[str]:
    """The licences in SPDX expressions, in lower case as the header has them."""
    keys = (get_spdx_licensing().license_keys(expression) for expression in expressions)
    return sorted({key.lower() for found in keys for key in found})


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count)


def _groups(samples: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    kinds = Counter(f"type {type_of_code(sample['code'])}" for sample in samples)
    kinds.update(f"category {category(sample['code'])}" for sample in samples)
    yield from (f"| {name} | {count} |" for name, count in sorted(kinds.items()))
    for what, edges, bucket_of in (
        ("reference of {} changed lines", EDIT_EDGES, edit_bucket),
        ("file of {} lines", FILE_EDGES, file_bucket),
    ):
        found = Counter(map(bucket_of, samples))
        for name in buckets(edges):
            if found[name]:
                yield f"| {what.format(name)} | {found[name]} |"
