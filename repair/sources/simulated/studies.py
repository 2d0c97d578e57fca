"""Published studies that counted the mistakes of people who write Python, and their figures.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Study:
    """A published count of mistakes or of the messages that they cause."""

    name: str
    """Authors and year."""
    title: str
    counted: str
    """Whose mistakes, and how many."""


PRITCHARD = Study(
    "Pritchard 2015",
    "Frequency Distribution of Error Messages (PLATEAU)",
    "messages to learners of Python on Computer Science Circles; 517,000 of those that its table lists can "
    "be reported without running the program",
)
JEFFRIES = Study(
    "Jeffries, Lee and Koprinska 2022",
    "115 Ways Not to Say Hello, World!: Syntax Errors Observed in a Large-Scale Online CS0 Python Course "
    "(ITiCSE)",
    "messages to 8,680 pupils; 104,000 of the 16 most frequent can be reported without running the program",
)
SAKKAS = Study(
    "Sakkas, Endres, Guo, Weimer and Jhala 2022",
    "Seq2Parse: Neurosymbolic Parse Error Repair (OOPSLA)",
    "1,100,000 faulty programs of users of Python Tutor with the users' own fixes",
)
RAK_AMNOUYKIT = Study(
    "Rak-amnouykit, McCrevan, Milanova, Hirzel and Dolby 2020",
    "Python 3 Types in the Wild: A Tale of Two Type Systems (DLS)",
    "14,790 errors of mypy in 1,524 public repositories with annotations, as the study's repository counts "
    "them",
)
STUDIES = (PRITCHARD, JEFFRIES, SAKKAS, RAK_AMNOUYKIT)
