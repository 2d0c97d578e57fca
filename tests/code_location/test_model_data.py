"""The plan of the training data and its packages; the whole of it is `make model-data`."""

import pytest

from code_location.model_data import EXAMPLES_PER_DAY, EXAMPLES_PER_PROJECT, PACKAGES, plan
from repair.sources.licences import permitted_expression
from repair.sources.simulated.corpus import installed_licence
from training_assets.training_mixture import WINDOW


@pytest.mark.parametrize("examples", [1, 1_500, 10_000, 25_000])
def test_the_days_share_the_projects_and_each_project_is_made_once(examples: int) -> None:
    days = plan(examples)
    assert sum(projects for _, _, projects in days) * EXAMPLES_PER_PROJECT >= examples
    assert all(projects * EXAMPLES_PER_PROJECT <= 1.1 * EXAMPLES_PER_DAY for _, _, projects in days)
    assert len({day for day, _, _ in days}) == len(days) <= WINDOW
    at = 0
    for _, first_project, projects in days:
        assert first_project == at
        at += projects


@pytest.mark.parametrize("package", PACKAGES)
def test_the_licence_files_of_each_package_permit(package: str) -> None:
    licence = installed_licence(package)
    assert licence is not None and permitted_expression(licence) == licence
