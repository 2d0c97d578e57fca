"""Redaction: recall by kind on planted secrets, false alarms on look-alikes, and speed on real code.

    python bench/redaction.py [--seeds 3] [--code FOLDER] [--show]

The planted secrets are drawn from descriptions of their formats (tests/repair/curation/planted_secrets.py).
The code is Python's standard library, or a folder; what is redacted there is counted by kind.
"""

import argparse
import ast
import sys
from collections import Counter, defaultdict
from pathlib import Path
from time import process_time

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "repair" / "curation"))

from planted_secrets import LOOK_ALIKES, planted  # noqa: E402

from repair.curation.privacy import Redactor, redact  # noqa: E402


def recall(seeds: int, show: bool) -> None:
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for seed in range(1, seeds + 1):
        for case in planted(seed):
            gone = case.secret not in redact(case.text)[0]
            found[case.kind].append(gone)
            if show and not gone:
                print(f"missed {case.kind}: {case.text.strip()}")
    print(f"{'kind':32} {'planted':>8} {'found':>8}")
    for kind, results in found.items():
        print(f"{kind:32} {len(results):8} {sum(results) / len(results):8.1%}")
    everything = [result for results in found.values() for result in results]
    print(f"{'all':32} {len(everything):8} {sum(everything) / len(everything):8.1%}")


def false_alarms(show: bool) -> None:
    changed = [(text, after) for text in LOOK_ALIKES if (after := redact(text)[0]) != text]
    for text, after in changed if show else ():
        print(f"changed: {text}\n      to {after}")
    share = len(changed) / len(LOOK_ALIKES)
    print(f"false alarms on look-alikes: {len(changed)} of {len(LOOK_ALIKES)} ({share:.1%})")


def speed(folder: Path) -> None:
    paths = [path for path in sorted(folder.rglob("*.py")) if "site-packages" not in path.parts]
    texts = [path.read_text(errors="replace") for path in paths]
    size = sum(map(len, texts)) / 1e6
    redact("x")  # compiles
    counts: Counter[str] = Counter()
    start = process_time()
    for text in texts:
        redactor = Redactor()
        redactor.redact(text)
        counts += redactor.counts
    seconds = process_time() - start
    print(f"{size:.1f} MB of code: {size / seconds:.1f} MB/s, {counts.total() / size:.1f} redactions a MB")
    print("  " + ", ".join(f"{kind} {count}" for kind, count in counts.most_common()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="drawings of the planted secrets")
    parser.add_argument("--code", type=Path, default=Path(ast.__file__).parent, help="folder of Python files")
    parser.add_argument("--show", action="store_true", help="print what was missed and what was changed")
    arguments = parser.parse_args()
    recall(arguments.seeds, arguments.show)
    false_alarms(arguments.show)
    speed(arguments.code)


if __name__ == "__main__":
    main()
