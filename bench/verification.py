"""The confusion matrix of the cheat set, and the checks of the language servers that verification takes.

    python bench/verification.py            # what is said of each kind of cheat, and of innocent look-alikes
    python bench/verification.py STORE      # checks for each stored diff

One check a diff is the least. A diff that the servers are content with is checked once more without the
comments that it adds or takes away, so that no comment hides the diagnostic; and one that is accepted and
changes several places, without each of them, for its confidence. STORE is a store with `synthesized_diffs`,
such as the demo's.
"""

import sys
import time
from collections import Counter
from pathlib import Path

from repair.evaluation.teachers import CountedServers
from repair.language_servers import LanguageServers
from repair.schema.outcomes import REASON
from repair.store.reader import PartitionStore
from repair.verification.confidence import verifiers_own
from repair.verification.stage import verify_rows

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.repair.verification.cheats.cheat_trial import confusion, tried

ASSET = "synthesized_diffs"
PRECISIONS = (0.7, 0.8, 0.9)


def confuse() -> None:
    """Verifies the cheat set."""
    with LanguageServers(workers=2) as servers:
        results = tried(servers)
    print(confusion(results))
    wrong = [one for one in results if one.found != one.case.expected]
    print(f"{len(results)} cases, {len(wrong)} of them judged otherwise than expected")
    for one in wrong:
        print(f"  {one}")


def measure(base: str) -> None:
    """Verifies every stored diff once more."""
    store = PartitionStore(base)
    rows, reasons = 0, Counter[str]()
    confidences: list[float] = []
    with LanguageServers(workers=2) as servers:
        counted = CountedServers(servers)
        start = time.perf_counter()
        for partition in store.partitions(ASSET):
            for outcome in verify_rows(store.read(ASSET, partition), counted):
                rows += outcome.num_rows
                reasons.update(reason or "accepted" for reason in outcome[REASON].to_pylist())
                confidences += outcome["confidence"].drop_null().to_pylist()
        seconds = time.perf_counter() - start
    if not rows:
        print(f"{base} has no rows of {ASSET}")
        return
    each = counted.checks / max(1, reasons["accepted"])
    print(
        f"{rows} diffs, {counted.checks} checks: {counted.checks / rows:.2f} a diff,"
        f" {each:.2f} for each accepted one; {seconds:.1f} s"
    )
    print(", ".join(f"{reason} {count}" for reason, count in reasons.most_common()))
    for precision in PRECISIONS:
        least = verifiers_own().threshold_for(precision)
        kept = sum(confidence >= least for confidence in confidences)
        print(
            f"precision {precision} asked for: confidence {least} at least, of {kept} of {len(confidences)}"
        )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measure(sys.argv[1])
    else:
        confuse()
