"""The Dockerfile: pinned bases, locked packages, nobody is root, and what it copies is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.servers.compose import ROOT, list_copies, read_compose

PINNED = re.compile(r"[\w./-]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}")


@dataclass
class Stage:
    """One FROM of the Dockerfile, and what follows it."""

    base: str
    lines: list[tuple[str, str]] = field(default_factory=list)

    def of(self, word: str) -> list[str]:
        return [rest for name, rest in self.lines if name == word]


def stages() -> dict[str, Stage]:
    stages: dict[str, Stage] = {}
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.split()
            stages[name] = stage = Stage(base)
        elif word:
            stage.lines.append((word, rest))
    return stages


def ignored() -> list[str]:
    """The lines of .dockerignore, of which the last that fits decides."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


STAGES = stages()
TARGETS = {
    service["build"]["target"]
    for service in read_compose()["services"].values()
    if "build" in service
}
each_target = pytest.mark.parametrize("name", sorted(TARGETS))


def line_of(name: str) -> Iterator[Stage]:
    """A stage and those that it stands on."""
    while name in STAGES:
        yield STAGES[name]
        name = STAGES[name].base


def test_every_base_is_pinned_by_tag_and_digest() -> None:
    for stage in STAGES.values():
        assert stage.base in STAGES or PINNED.fullmatch(stage.base), stage.base


@each_target
def test_nobody_is_root_in_the_end(name: str) -> None:
    users = [user for stage in line_of(name) for user in stage.of("USER")[::-1]]
    assert users
    assert users[0].partition(":")[0] in ("bullion", "10001")


@each_target
def test_its_health_can_be_checked(name: str) -> None:
    [check] = STAGES[name].of("HEALTHCHECK")
    assert "--interval=" in check
    assert "CMD [" in check


def test_packages_come_from_the_locks_by_hash() -> None:
    installs = [
        run for stage in STAGES.values() for run in stage.of("RUN") if re.search(r"\bpip\b", run)
    ]
    synced = [run for run in installs if "pip sync" in run]
    assert {re.findall(r"requirements\S*", run)[-1] for run in synced} == {
        "requirements.txt",
        "requirements-serving.txt",
        "requirements-kubernetes.txt",
    }
    assert all("--require-hashes" in run for run in synced)
    for run in set(installs) - set(synced):
        assert re.search(r"install .*uv==\d", run) or "--no-deps --no-build-isolation" in run, run
    pinned = re.search(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned
    assert any(f"uv=={pinned[1]} " in run for run in installs)


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    lines = ignored()
    assert lines[0] == "*", "nothing goes in but what is named"
    let_in = [line[1:] for line in lines if line.startswith("!")]
    for name in STAGES:
        for source, _ in list_copies(name):
            assert (ROOT / source).exists(), source
            assert any(f"{source}/".startswith(f"{service}/") for service in let_in), source


def test_no_secret_goes_into_an_image() -> None:
    lines = ignored()
    assert "**/.env*" in lines
    assert lines.index("**/.env*") > max(
        n for n, service in enumerate(lines) if service.startswith("!")
    )
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"(PASSWORD|SECRET|TOKEN|API_KEY)", text)
    assert "COPY . " not in text


def test_serving_carries_the_serving_lock_alone() -> None:
    copies = [
        service
        for stage in line_of("serving")
        for service in stage.of("COPY")
        if "--from" in service
    ]
    assert copies == ["--from=build-serving /opt/venv /opt/venv"]
    assert not {source for source, _ in list_copies("serving")} & {"dags", "plugins", "include"}


def test_the_image_of_the_kubernetes_executor_is_airflows_with_more_packages() -> None:
    own = STAGES["airflow-kubernetes"]
    assert own.base == "airflow"
    assert own.lines == [("COPY", "--from=build-airflow-kubernetes /opt/venv /opt/venv")]
    assert STAGES["build-airflow-kubernetes"].base == "build-airflow"
