"""Simulated source: people who write real Python files, keystroke by keystroke, and make mistakes.

It needs no recording. What is real in it: the correct texts (`corpus`), the languages' rules (every mistake
is a change that Python, pyright or ruff judges), the wire format. What is made up: who does what when. The
kinds of mistakes and their weights are in the `*_mistakes` modules.

Everything follows from the options: two runs give equal events. The corpus is one of them; its default is the
interpreter's standard library, the same for one patch release of Python.

All modules but `copies` are tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from hashlib import sha256

from repair.errors import ConfigurationError
from repair.recording.event import Event, Project
from repair.schema.events import Visibility
from repair.sources.simulated.corpus import Corpus, Module, standard_library
from repair.sources.simulated.typist import Typist, seeded

MOST_MODULES = 4

# Opportunities for a mistake on a day.
_MISTAKES, _MANY_MISTAKES = (9, 14), (12, 18)

# Among this many projects each kind that may not be used for training occurs once.
_CYCLE = 24
_PRIVATE, _UNKNOWN_VISIBILITY, _NO_CONSENT, _UNKNOWN_CONSENT, _NOT_PYTHON, _NO_LICENCE = 3, 8, 13, 17, 20, 22


def projects_and_events(
    *,
    seed: int = 0,
    projects: int = 24,
    days: int = 2,
    first_date: date = date(2024, 5, 6),
    modules_per_project: int = 2,
    first_project: int = 0,
    every_case: bool = True,
    corpora: Sequence[Corpus] = (),
) -> Iterator[tuple[Project, Iterator[Event]]]:
    """`projects` projects, each worked on for `days` days from `first_date` (UTC) on.

    `first_project`: the number of the first one: two calls that continue each other give what one gives.
    `every_case`: some projects may not be used, hold prose, or have a `main.py`, as in a real recording;
    without it all are good for training. `modules_per_project`: 1 to 4 files of one corpus.
    `corpora`: by default the standard library of this interpreter. A project has the licence of its corpus.
    Raises ConfigurationError.
    """
    for name, value, most in (
        ("projects", projects, None),
        ("days", days, None),
        ("first_project", first_project + 1, None),
        ("modules_per_project", modules_per_project, MOST_MODULES),
    ):
        if value < 1 or (most is not None and value > most):
            raise ConfigurationError(f"{name} is {value}, expected 1 {f'to {most}' if most else 'or more'}")
    groups = _groups(seed, corpora or [standard_library()], modules_per_project)
    for index in range(first_project, first_project + projects):
        corpus, chosen = groups[index % len(groups)]
        random = seeded(seed, "project", index)
        # Outside of the cycle nothing is special.
        project = _project(seed, index, corpus, index % _CYCLE if every_case else _CYCLE)
        useless = every_case and _useless(index)
        typist = Typist(
            project.project_id,
            chosen[: 1 if useless else None],
            random,
            first_date=first_date,
            days=days,
            mistakes_per_day=3 if useless else random.randint(*(_MISTAKES if every_case else _MANY_MISTAKES)),
            with_main=every_case and index % 3 == 0,
            with_prose=every_case and index % 12 == 7,
            late=every_case and index % 8 == 5,
        )
        yield project, typist.events()


def _groups(seed: int, corpora: Sequence[Corpus], size: int) -> list[tuple[Corpus, list[Module]]]:
    """The files of one project after the other: each file once, and all of a project from one corpus."""
    found: list[tuple[Corpus, list[Module]]] = []
    for corpus in corpora:
        order = list(corpus.modules)
        seeded(seed, "order").shuffle(order)
        # Two projects with one file are near-duplicates; only the last project of a corpus may repeat one.
        for first in range(0, len(order), size):
            group = [order[(first + number) % len(order)] for number in range(size)]
            found.append((corpus, list({module.name: module for module in group}.values())))
    if len(corpora) > 1:
        seeded(seed, "corpora").shuffle(found)
    return found


def _useless(index: int) -> bool:
    """Whether the project may not be used for training, so that little of it is enough."""
    return index % _CYCLE in (_PRIVATE, _UNKNOWN_VISIBILITY, _NO_CONSENT, _UNKNOWN_CONSENT, _NOT_PYTHON)


def _project(seed: int, index: int, corpus: Corpus, turn: int) -> Project:
    licence = corpus.licence
    label = f"{corpus.name}-" if corpus.name else ""
    visibility = {_PRIVATE: Visibility.PRIVATE, _UNKNOWN_VISIBILITY: Visibility.UNKNOWN}.get(
        turn, Visibility.PUBLIC
    )
    return Project(
        project_id=f"sim-{label}" + sha256(f"{seed} {index}".encode()).hexdigest()[:12],
        visibility=visibility.value,
        language="javascript" if turn == _NOT_PYTHON else "python",
        licence=None if turn == _NO_LICENCE else licence,
        consent={_NO_CONSENT: False, _UNKNOWN_CONSENT: None}.get(turn, True if licence else None),
    )
