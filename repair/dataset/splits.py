"""Train, validation and test split by project: all rows of a project are in one split, on every day."""

from repair.text.stable_hash import fraction

TRAIN, VALIDATION, TEST = "train", "validation", "test"

SPLIT_SEED = 14
"""The embedded sample has projects on all three sides under this one."""


def split_of(project_id: str, seed: int, *, validation: float = 0.05, test: float = 0.15) -> str:
    """The split of a project by a seeded hash; `validation` and `test` are shares of the projects.

    It depends on the project and the seed only, so that a project never changes its split.
    """
    drawn = fraction(seed, project_id)
    if drawn < test:
        return TEST
    return VALIDATION if drawn < test + validation else TRAIN
