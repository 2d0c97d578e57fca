"""Rejection sampling as an asset: the model that ships repairs what was typed, and its rows are verified."""

import dagster as dg
import pytest

from partitions.keys import Key
from repair.errors import ConfigurationError
from repair.fixing.chosen_model import SHIPPED
from repair.models.base import packaged_file
from repair.models.made_by import read_made_by
from repair.models.shipped import is_shipped
from repair_assets.synthesized_diffs import synthesized_diffs
from repair_assets.verified_diffs import verified_diffs
from tests.graph import DAY, DIAGNOSTICS, House, record, reused, typing_errors
from tests.own_process import TrainerInThisProcess

NAMES = Key(DAY, "F821")
ROWS = 2


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Candidates of a day, and the model that ships."""
    try:
        packaged_file(read_made_by(SHIPPED)["recipe"]["base"]["path"] if is_shipped(SHIPPED) else "")
    except ConfigurationError as error:
        pytest.skip(str(error))
    house = House(tmp_path_factory.mktemp("house"))
    record(house.folder / "recording", [typing_errors("area", range(ROWS))])
    house.resources["trainer"] = TrainerInThisProcess(answers=str(house.folder / "decoded"))
    house.events()
    house.run(DIAGNOSTICS[:3], NAMES)
    return house


def synthesized(house: House, **config: str | int) -> dg.ExecuteInProcessResult:
    own = {"teacher": "model", **config}
    return house.run([synthesized_diffs], NAMES, config={"synthesized_diffs": own})


@pytest.mark.slow
def test_what_the_model_repairs_goes_on_and_the_rest_says_why(house: House) -> None:
    synthesized(house)
    manifest = house.manifest("synthesized_diffs", NAMES)
    assert (manifest.rows_in, manifest.rows_out + sum(manifest.rejects.values())) == (ROWS, ROWS)
    assert set(manifest.rejects) <= {"unsure", "unrepaired"}
    rows = house.rows("synthesized_diffs", NAMES)
    assert {row["teacher"] for row in rows} == {SHIPPED.name}
    house.run([verified_diffs], NAMES)
    verified = house.manifest("verified_diffs", NAMES)
    assert (verified.rows_in, verified.rows_out) == (len(rows), len(rows)), "it was verified before"
    assert len(rows) >= 1


def test_nothing_is_decoded_twice(house: House) -> None:
    synthesized(house)
    [log] = (house.folder / "decoded").glob("*.jsonl")
    answers = log.read_bytes()
    assert reused(synthesized(house)) == {"synthesized_diffs": True}
    assert reused(synthesized(house, candidates=2)) == {"synthesized_diffs": False}
    assert log.read_bytes().startswith(answers), "only second answers are new"
