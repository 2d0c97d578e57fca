"""Checks of the language servers that verification takes: `python bench/verification.py STORE`.

One check a diff is the least. A diff that the servers are content with is checked once more without the
comments that it adds or takes away, so that no comment hides the diagnostic. STORE is a store with
`synthesized_diffs`, such as the demo's; without one nothing is measured.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from repair.language_servers import LanguageServers, Request, Result
from repair.schema.outcomes import REASON
from repair.store.reader import PartitionStore
from repair.verification.verifier import verify_rows

ASSET = "synthesized_diffs"


class CountedServers:
    """Servers that count the checks that they are asked for."""

    def __init__(self, servers: LanguageServers) -> None:
        self._servers = servers
        self.checks = 0

    @property
    def versions(self) -> Mapping[str, str]:
        return self._servers.versions

    @property
    def environment(self) -> str:
        return self._servers.environment

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        def counted() -> Iterator[Request]:
            for request in requests:
                self.checks += 1
                yield request

        return self._servers.check_many(counted())


def measure(base: str) -> None:
    """Verifies every stored diff once more."""
    store = PartitionStore(base)
    rows, reasons = 0, Counter[str]()
    with LanguageServers(workers=2) as servers:
        counted = CountedServers(servers)
        start = time.perf_counter()
        for partition in store.partitions(ASSET):
            for outcome in verify_rows(store.read(ASSET, partition), counted):
                rows += outcome.num_rows
                reasons.update(reason or "accepted" for reason in outcome[REASON].to_pylist())
        seconds = time.perf_counter() - start
    if not rows:
        print(f"{base} has no rows of {ASSET}")
        return
    print(f"{rows} diffs, {counted.checks} checks: {counted.checks / rows:.2f} a diff; {seconds:.1f} s")
    print(", ".join(f"{reason} {count}" for reason, count in reasons.most_common()))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measure(sys.argv[1])
    else:
        print("no store is given: python bench/verification.py .demo/store")
