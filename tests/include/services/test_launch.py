"""A process of the services sees the secrets of its own part, and no other."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import psutil
import pytest

from include.services.parts import Process
from include.services.settings import Services, services
from include.services.supervisor import Supervisor
from tests.include.services.hidden import OF_AIRFLOW, OUTER, SECRETS_OF
from tests.servers.ports import free_port

PARTS = ("mlflow", "api", "dashboard", "pages")
NAMES = ("MLFLOW", "API", "DASHBOARD", "PAGES", "AIRFLOW")


def test_no_process_that_runs_holds_the_secrets_of_another_part(
    config: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OUTER.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BULLION_HOME", str(config.home))
    for name, port in free_ports().items():
        monkeypatch.setenv(name, str(port))
    supervisor = Supervisor(services())
    supervisor.start()
    try:
        supervisor.ensure(PARTS)
        environments = {
            p.part: environ_of(supervisor, p) for p in supervisor.processes if p.part in PARTS
        }
        own = "".join(psutil.Process(supervisor.leader).environ().values())
    finally:
        supervisor.stop()
    assert {part: secrets_in(config, text) for part, text in environments.items()} == {
        part: SECRETS_OF[part] for part in PARTS
    }
    assert not secrets_in(config, own) & {*OF_AIRFLOW}


def secrets_in(config: Services, values: str) -> set[str]:
    """Return the secrets of the outer environment and of `make up` that are in a text."""
    names = {n for n, value in config.secrets.items() if value in values}
    return names | {f"hidden-{n}" for n in range(1, 8) if f"hidden-{n}" in values}


def free_ports() -> dict[str, int]:
    return {f"BULLION_{name}_PORT": free_port() for name in NAMES}


def environ_of(supervisor: Supervisor, process: Process) -> str:
    """Return the environment of a process, once its launcher has become the process itself."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        [status] = [s for s in supervisor.status() if s.name == process.name]
        match = re.search(r"pid (\d+)", status.detail)
        pids = [int(match[1])] if match else supervisor.remaining()
        for pid in pids:
            with suppress(psutil.Error):
                candidate = psutil.Process(pid)
                if candidate.cmdline()[1 : len(process.command)] == list(process.command[1:]):
                    return "\n".join(candidate.environ().values())
        time.sleep(0.05)
    raise AssertionError(f"{process.name} did not start: {supervisor.tail(process.name)}")
