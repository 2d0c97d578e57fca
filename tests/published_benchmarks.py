"""Small benchmark files in the form of their authors': DebugBench's instances and one problem's tests."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

from repair.evaluation.leetcode.loader import REFERENCE_BUGS, SYNTAX_BUGS, Checks

ADD = Checks(
    prelude="""\
from typing import *
from collections import *

class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right
""",
    code="def check(candidate):\n    assert candidate(items = [1, 2], more = 3) == 6\n",
    entry_point="Solution().add",
)


def write_published(folder: Path, instances: list[dict[str, str]], recent: Mapping[str, str] = {}) -> None:
    """Both benchmarks below `folder`: `instances` as undefined objects, and the problem `add`.

    `recent`: slug -> a correct solution of a problem with the same tests that was published in June 2024.
    """
    (folder / "debugbench" / "benchmark").mkdir(parents=True)
    (folder / "leetcodedataset").mkdir()
    for bug in (*SYNTAX_BUGS, *REFERENCE_BUGS):
        rows = instances if bug == "undefined objects" else []
        (folder / "debugbench" / "benchmark" / f"python3_{bug}.json").write_text(json.dumps(rows))
    row = {"task_id": "add", "prompt": ADD.prelude, "test": ADD.code, "entry_point": ADD.entry_point}
    for version in ("v0.2.0-train", "v0.3.0-test"):
        with gzip.open(folder / "leetcodedataset" / f"LeetCodeDataset-{version}.jsonl.gz", "wt") as file:
            file.write(json.dumps(row) + "\n")
            for slug, completion in recent.items() if version == "v0.3.0-test" else ():
                dated = {"completion": completion, "meta": {"estimated_date": "2024-06-02"}}
                file.write(json.dumps({**row, "task_id": slug, **dated}) + "\n")
