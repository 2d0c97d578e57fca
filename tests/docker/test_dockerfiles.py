"""What is written under `docker/`: Dockerfiles by a linter, compose by its schema, one user, pinned bases."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.installed import ROOT

DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
USER = "10001:10001"


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Instruction and arguments, with continued lines joined."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines() if line.strip()]


def arguments(dockerfile: Path, instruction: str) -> list[str]:
    return [said for name, said in instructions(dockerfile) if name == instruction]


def compose() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


def hadolint() -> str:
    program = Path(sys.executable).with_name("hadolint")
    if not program.is_file() and not shutil.which("hadolint"):
        pytest.skip("hadolint is not installed")
    return str(program) if program.is_file() else "hadolint"


def lint(*files: Path) -> str:
    command = [hadolint(), "--no-color", "--config", str(DOCKER / "hadolint.yaml"), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_a_linter_finds_nothing_in_the_dockerfiles() -> None:
    assert len(DOCKERFILES) == 5
    assert lint(*DOCKERFILES) == ""


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "bad.Dockerfile"
    bad.write_text("FROM python\nRUN pip install flask\n")
    assert {"DL3006", "DL3013"} <= set(re.findall(r"DL\d+", lint(bad)))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_has_a_pinned_base_a_user_a_health_check_and_what_it_copies(dockerfile: Path) -> None:
    [base] = arguments(dockerfile, "FROM")
    assert re.fullmatch(r"[\w./]+:\d+\.\d+\.\d+[\w.-]*", base), base
    assert (
        arguments(dockerfile, "USER")[-1] == USER
    )  # a number: Kubernetes can't tell that a name is not root
    assert arguments(dockerfile, "HEALTHCHECK")
    for copied in arguments(dockerfile, "COPY"):
        for source in copied.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert _is_sent(source), f"{source}: .dockerignore leaves it out"


def _is_sent(source: str) -> bool:
    """Whether `.dockerignore`, which excludes all and names what is not excluded, names it."""
    first, *rest = (ROOT / ".dockerignore").read_text().splitlines()
    assert first == "*"
    places = (Path(source), *Path(source).parents)  # with a folder all that is in it
    return any(place.match(line[1:]) for place in places for line in rest if line.startswith("!"))


def test_no_secret_can_come_into_an_image() -> None:
    """The context is what `.dockerignore` names, and no build argument or variable of an image holds one."""
    for dockerfile in DOCKERFILES:
        for said in (*arguments(dockerfile, "ARG"), *arguments(dockerfile, "ENV")):
            assert not re.search(r"PASSWORD|TOKEN|SECRET|_KEY", said), said


def test_compose_is_one_by_its_schema_and_names_what_there_is() -> None:
    PyCompose = pytest.importorskip("compose_spec").PyCompose  # noqa: N806
    text = yaml.safe_dump(compose())  # with its anchors resolved
    PyCompose.from_yaml(text).validate()
    with pytest.raises(ValueError, match="portss"):
        PyCompose.from_yaml(text.replace("    ports:", "    portss:", 1))
    services, volumes = compose()["services"], compose()["volumes"]
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in services[needed] or _has_health_check(services[needed])
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in volumes
        if "build" in service:
            assert service["build"]["context"] == ".."
            assert (ROOT / service["build"]["dockerfile"]).is_file()
        for name in service.get("build", {}).get("args", {}):
            dockerfile = ROOT / service["build"]["dockerfile"]
            assert any(said.startswith(f"{name}=") for said in arguments(dockerfile, "ARG"))


def test_dagster_s_storage_names_its_driver() -> None:
    """SQLAlchemy takes psycopg 3 for an address that names none, and Dagster's NOTIFY fails with it."""
    addresses = re.findall(r"DAGSTER_POSTGRES_URL\S* (\S+)://", (DOCKER / "compose.yaml").read_text())
    assert addresses == ["postgresql+psycopg2"]


def _has_health_check(service: dict[str, Any]) -> bool:
    return arguments(ROOT / service["build"]["dockerfile"], "HEALTHCHECK") != ["NONE"]


def test_compose_publishes_one_port_on_loopback_and_holds_no_secret() -> None:
    text = (DOCKER / "compose.yaml").read_text()
    services = compose()["services"]
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        "webserver": ["127.0.0.1:3000:3000"]
    }
    assert not any("network_mode" in service or service.get("privileged") for service in services.values())
    for value in re.findall(r"(?:PASSWORD|TOKEN): (.*)$|//\w+:([^@\n]+)@", text, re.MULTILINE):
        assert re.fullmatch(r"\$\{\w+:\?set it\}", "".join(value)), value


def test_the_storage_of_the_images_takes_no_place_of_another_setting() -> None:
    files = (ROOT / "dagster.yaml", DOCKER / "storage.yaml")
    usual, storage = (yaml.safe_load(path.read_text()) for path in files)
    assert not set(usual) & set(storage)
    assert storage["storage"] == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    for name in ("dagster", "code_location"):
        [run] = [said for said in arguments(DOCKER / f"{name}.Dockerfile", "RUN") if said.startswith("cat ")]
        assert run.startswith("cat /opt/dagster/storage.yaml >> /opt/dagster/dagster.yaml ")
