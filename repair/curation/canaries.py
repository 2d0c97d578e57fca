"""Canary secrets: planted into copies of real files to measure the redaction's recall where it runs.

The forms that redaction knows are tested one by one, each in a text of its own
(`tests/repair/curation/planted_secrets.py`). This asks something else: whether the redaction that is
installed here finds a secret of each kind in files of this day, at a line drawn by chance. None was ever
valid.
"""

import random
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from repair.curation.privacy import redact
from repair.text.lines import lines_of

_B62 = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class CanaryRecall:
    """How many planted secrets were replaced."""

    planted: int
    missed: Counter[str]
    """By kind."""

    @property
    def replaced(self) -> int:
        return self.planted - self.missed.total()


def canary_recall(texts: Iterable[str], seed: int = 17) -> CanaryRecall:
    """Plants one secret of each kind in each of these Python texts, each at a line of its own."""
    chance = random.Random(seed)  # noqa: S311 (no key is made of it)
    planted, missed = 0, Counter[str]()
    for text in texts:
        lines = lines_of(text)
        canaries = list(_canaries(chance))
        for _, line, _ in canaries:
            lines.insert(chance.randint(0, len(lines)), line)
        redacted, _ = redact("\n".join(lines))
        planted += len(canaries)
        missed.update(kind for kind, _, secret in canaries if secret in redacted)
    return CanaryRecall(planted, missed)


def _canaries(chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """(kind, line of Python, secret)"""

    def draw(alphabet: str, length: int) -> str:
        return "".join(chance.choices(alphabet, k=length))

    digits = string.digits
    forms = {
        "AWS access key": (f"AKIA{draw('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}", 'key_id = "§"'),
        "GitHub token": (f"ghp_{draw(_B62, 36)}", 'client = connect("§")'),
        "named key": (draw(_B62, 40), 'API_KEY = "§"'),
        "named password": (
            f"{draw(string.ascii_lowercase, 6)}{draw(digits, 4)}!{draw(_UPPER, 3)}",
            'password = "§"',
        ),
        "password in a URL": (draw(_B62, 20), 'url = "postgresql://app:§@db.internal:5432/app"'),
        "e-mail address": (
            f"{draw(string.ascii_lowercase, 8)}@{draw(string.ascii_lowercase, 7)}.com",
            "# by §",
        ),
        "home folder": (draw(string.ascii_lowercase, 9), 'path = "/home/§/project/data.csv"'),
        "public address": (f"93.184.{chance.randint(1, 254)}.{chance.randint(1, 254)}", 'host = "§"'),
    }
    for kind, (secret, form) in forms.items():
        yield kind, form.replace("§", secret), secret
