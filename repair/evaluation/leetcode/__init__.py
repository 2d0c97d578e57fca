"""LeetCode repair: single bugs of DebugBench, judged by the tests of LeetCodeDataset."""

from repair.evaluation.leetcode.functional import functional, functional_strict
from repair.evaluation.leetcode.loader import BugInstance, Checks, PublishedBenchmark, fingerprint, read
from repair.evaluation.leetcode.samples import leetcode_samples

__all__ = [
    "BugInstance",
    "Checks",
    "PublishedBenchmark",
    "fingerprint",
    "functional",
    "functional_strict",
    "leetcode_samples",
    "read",
]
