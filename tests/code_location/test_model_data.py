"""The plan of the training data and its packages; the whole of it is `make model-data`."""

import pytest

from code_location.model_data import EXAMPLES_PER_PROJECT, PACKAGES, PROJECTS_PER_DAY, plan, without_problems
from repair.curation.licence_expressions import permitted_expression
from repair.sources.simulated.corpus import installed_licence
from training_assets.training_mixture import WINDOW


@pytest.mark.parametrize("examples", [1, 960, 961, 10_000, 25_000])
def test_the_days_have_projects_enough_and_fit_into_a_mixture(examples: int) -> None:
    days = plan(examples)
    per_day = EXAMPLES_PER_PROJECT * PROJECTS_PER_DAY
    assert (len(days) - 1) * per_day < examples <= len(days) * per_day
    assert days == plan(1) + days[1:] and (days[-1] - days[0]).days == len(days) - 1 < WINDOW


@pytest.mark.parametrize("examples", [0, -1, 10**6])
def test_what_no_mixture_could_hold_is_refused(examples: int) -> None:
    with pytest.raises(SystemExit, match="examples are wanted; 1 to"):
        plan(examples)


def test_without_leetcode_problems_it_says_first_what_to_set() -> None:
    assert "set REPAIR_BENCHMARK_DATA to the folder" in without_problems("")
    assert without_problems("/data") == ""


@pytest.mark.parametrize("package", PACKAGES)
def test_the_licence_files_of_each_package_permit(package: str) -> None:
    licence = installed_licence(package)
    assert licence is not None and permitted_expression(licence) == licence
