"""Simulated typist: writes the files of one project, makes mistakes and corrects them.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import hashlib
import heapq
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from repair.line_diff.numbered import diff
from repair.ot.packets import Author, apply, minimal_ops
from repair.recording.event import Event
from repair.schema.events import EventKind, FileOperation
from repair.sources.simulated.corpus import Module
from repair.sources.simulated.document import Document, Mistake
from repair.sources.simulated.keystrokes import typed
from repair.sources.simulated.main_module import main_module
from repair.sources.simulated.mistakes import next_mistake
from repair.sources.simulated.recorder import SimulatedRecorder

LOOK_SECONDS = 6
"""The shortest pause after a change: the state counts as settled."""

_AT_ONCE = (85, 11, 4)
"""How often a person makes one, two or three mistakes before looking, in per cent: our own estimate."""

_PROSE = """Notes on the project.

I want to try the modules one after the other, beginning with the smallest of them.
Then I'll write down what I did not understand, and ask about it on Tuesday.
It isn't clear to me why the second one needs a lock at all.
"""


def seeded(*parts: object) -> Random:
    """Random generator seeded by `parts`, the same in every process."""
    digest = hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).digest()
    return Random(int.from_bytes(digest, "big"))  # noqa: S311  # keeps no secret


class Typist:
    """Writes the files of one project over some days. `events` can be called once."""

    def __init__(
        self,
        project_id: str,
        modules: Sequence[Module],
        random: Random,
        *,
        first_date: date,
        days: int,
        mistakes_per_day: int,
        with_main: bool = False,
        with_prose: bool = False,
        late: bool = False,
    ) -> None:
        """`late`: the sessions of all days but the last begin before midnight UTC and end after it."""
        self._project_id = project_id
        self._random = random
        self._first_date, self._days, self._late = first_date, days, late
        self._mistakes_per_day = mistakes_per_day
        self._with_prose = with_prose
        made = [*modules, main_module(modules, random)] if with_main else modules
        self._with_main = with_main
        self.documents = [Document(f"{module.name}.py", module.text) for module in made]
        self._recorder = SimulatedRecorder(project_id, datetime.combine(first_date, time(), UTC), random)
        self._due: list[tuple[datetime, int, Document, Mistake]] = []
        self._made = 0

    def events(self) -> Iterator[Event]:
        """All events, in time order."""
        for day in range(self._days):
            last = day == self._days - 1
            self._begin_session(day, last=last)
            if day == 0:
                yield from self._create_files()
            elif not self._with_main and self._random.random() < 0.3:
                yield from self._rename(self._random.choice(self.documents))
            yield from self._work(last=last)

    def _begin_session(self, day: int, *, last: bool) -> None:
        midnight = datetime.combine(self._first_date + timedelta(days=day), time(), UTC)
        minutes = self._random.randint(8 * 60, 15 * 60)
        if self._late and not last:
            minutes = 23 * 60 + self._random.randint(35, 50)
        start = midnight + timedelta(minutes=minutes, milliseconds=self._random.randrange(60_000))
        self._recorder.now = max(self._recorder.now + timedelta(hours=1), start)
        self._recorder.session = hashlib.sha256(f"{self._project_id} {day}".encode()).hexdigest()[:16]

    def _create_files(self) -> Iterator[Event]:
        for number, document in enumerate(self.documents):
            if not (self._with_main and number == len(self.documents) - 1):
                document.leave_out(self._random, most=2)
            if number % 2:
                yield self._recorder.file(FileOperation.CREATE, document.path, document.text)
            else:
                # An empty file, and the text by a paste.
                yield self._recorder.file(FileOperation.CREATE, document.path, "")
                self._recorder.pause(2, 5)
                yield self._paste(document, "")
            self._recorder.pause(LOOK_SECONDS, 30)
        if self._with_prose:
            yield self._recorder.file(FileOperation.CREATE, "notes.py", _PROSE)
            self._recorder.pause(LOOK_SECONDS, 30)

    def _work(self, *, last: bool) -> Iterator[Event]:
        """A day's session."""
        used: dict[str, set[str]] = {document.path: set() for document in self.documents}
        for _ in range(self._mistakes_per_day):
            yield from self._correct_due(self._recorder.now)
            yield from self._other_event()
            document = self._random.choice(self.documents)
            if document.unwritten and self._random.random() < 0.3:
                yield from self._write_block(document, used[document.path])
                continue
            yield from self._make_mistakes(document, used[document.path], last=last)
        if last:
            for document in self.documents:
                while document.unwritten:
                    yield from self._write_block(document, used[document.path])
        yield from self._correct_due(self._recorder.now + timedelta(hours=4))

    def _make_mistakes(self, document: Document, used: set[str], *, last: bool) -> Iterator[Event]:
        """Make a mistake, or a few before the person looks at what the servers say."""
        made: list[Mistake] = []
        for _ in range(self._random.choices((1, 2, 3), _AT_ONCE)[0]):
            mistake = next_mistake(document, used, self._random)
            if mistake is not None:
                before = document.text
                document.make(mistake)
                made.append(mistake)
                yield from self._type(document, before)
        for mistake in made:
            yield from self._after_mistake(document, mistake, last=last)

    def _write_block(self, document: Document, used: set[str]) -> Iterator[Event]:
        """Write a block that was left out: typed (often with a mistake), pasted, or by an AI."""
        number, before = document.unwritten[0], document.text
        document.write(number)
        start, end = document.blocks[number]
        if end - start <= 900 and self._random.random() < 0.6:
            mistake = next_mistake(document, used, self._random, block=number)
            if mistake is not None:
                document.make(mistake)
            yield from self._type(document, before)
            if mistake is not None:
                yield from self._after_mistake(document, mistake, last=not self._later_days())
        else:
            author = Author.GHOSTWRITER if self._random.random() < 0.5 else Author.USER
            yield self._paste(document, before, author)
            self._recorder.pause(LOOK_SECONDS, 60)

    def _after_mistake(self, document: Document, mistake: Mistake, *, last: bool) -> Iterator[Event]:
        """Pause, and schedule the correction of the mistake."""
        self._made += 1
        yield from self._offers(document, mistake)
        if mistake not in document.mistakes:
            return
        chance = self._random.random()
        if chance < 0.62:
            self._recorder.pause(LOOK_SECONDS, 45)
            yield from self._correct(document, mistake)
        elif chance < 0.97:
            seconds = (
                self._random.randint(100, 1_200) if chance < 0.82 else self._random.randint(3_600, 10_800)
            )
            due = self._recorder.now + timedelta(seconds=seconds)
            if chance >= 0.91 and not last:
                due = datetime.combine(self._recorder.now.date() + timedelta(days=1), time(), UTC)
            heapq.heappush(self._due, (due, self._made, document, mistake))
            self._recorder.pause(LOOK_SECONDS, 60)
        else:
            self._recorder.pause(LOOK_SECONDS, 60)  # stays for good

    def _offers(self, document: Document, mistake: Mistake) -> Iterator[Event]:
        """Sometimes the editor offers actions or an AI's fix."""
        chance = self._random.random()
        if chance < 0.75:
            return
        self._recorder.pause(LOOK_SECONDS, 15)
        payload = {"line": document.source.line_of(mistake.edit.start), "title": "Ignore this diagnostic"}
        yield self._recorder.event(EventKind.CODE_ACTIONS, document.path, {"actions": [payload]})
        if chance < 0.88:
            return
        before = document.text
        document.correct(mistake)
        right = diff(before, document.text)
        document.make(mistake)
        accepted = chance >= 0.95
        # one that is rejected only takes the line away
        fix = {"fix_id": f"{self._made}", "line_diff": right if accepted else _removals(right) or right}
        self._recorder.pause(1, 4)
        yield self._recorder.event(EventKind.FIX_SHOWN, document.path, fix)
        self._recorder.pause(1, 8)
        decision = {"fix_id": fix["fix_id"]}
        if not accepted:
            yield self._recorder.event(EventKind.FIX_REJECTED, document.path, decision)
            return
        yield self._recorder.event(EventKind.FIX_ACCEPTED, document.path, decision)
        document.correct(mistake)
        yield self._paste(document, before, Author.GHOSTWRITER)
        self._recorder.pause(LOOK_SECONDS, 30)

    def _correct_due(self, until: datetime) -> Iterator[Event]:
        while self._due and self._due[0][0] <= until:
            due, _, document, mistake = heapq.heappop(self._due)
            self._recorder.now = max(self._recorder.now, due)
            yield from self._correct(document, mistake)

    def _correct(self, document: Document, mistake: Mistake) -> Iterator[Event]:
        before = document.text
        document.correct(mistake)
        if self._random.random() < 0.03:
            # By another program, such as a checkout of the last commit.
            yield self._recorder.file(FileOperation.MODIFY, document.path, document.text)
            self._recorder.pause(LOOK_SECONDS, 60)
        else:
            yield from self._type(document, before)
            self._recorder.pause(LOOK_SECONDS, 90)

    def _type(self, document: Document, before: str) -> Iterator[Event]:
        text = before
        for gap, ops in typed(before, document.text, self._random):
            self._recorder.now += timedelta(milliseconds=gap)
            text = apply(text, ops)
            yield self._recorder.packet(document, text, ops)

    def _paste(self, document: Document, before: str, author: Author = Author.USER) -> Event:
        after = document.text
        return self._recorder.packet(document, after, minimal_ops(before, after), author)

    def _other_event(self) -> Iterator[Event]:
        """An event that is no edit: an execution, a shell command, an install, an editor action."""
        chance, path = self._random.random(), self._random.choice(self.documents).path
        if chance < 0.10:
            status = int(any(document.mistakes for document in self.documents))
            yield self._recorder.event(
                EventKind.EXECUTION, None, {"command": f"python {path}", "exit_code": status}
            )
        elif chance < 0.15:
            yield self._recorder.event(EventKind.SHELL_COMMAND, None, {"command": "ls -l", "exit_code": 0})
        elif chance < 0.18:
            yield self._recorder.event(
                EventKind.PACKAGE_INSTALL, None, {"manager": "pip", "packages": ["requests"]}
            )
        elif chance < 0.30:
            action = self._random.choice(["open", "find", "go_to_definition", "save"])
            yield self._recorder.event(EventKind.EDITOR_ACTION, path, {"action": action})
        else:
            return
        self._recorder.pause(2, 30)

    def _rename(self, document: Document) -> Iterator[Event]:
        path = document.path
        document.path = path.removesuffix(".py") + "_2.py"
        yield self._recorder.event(
            EventKind.FILE, path, operation=FileOperation.MOVE, destination=document.path
        )
        self._recorder.pause(LOOK_SECONDS, 60)

    def _later_days(self) -> bool:
        return self._recorder.now.date() < self._first_date + timedelta(days=self._days - 1)


def _removals(line_diff: str) -> str:
    """The removed lines of a diff alone."""
    return "\n".join(line for line in line_diff.split("\n") if line.startswith("-"))
