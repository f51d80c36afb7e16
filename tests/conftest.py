"""What every test gets: a lake of its own, and no way to the outside."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from pipelines.core.settings import Settings, settings
from pipelines.lake import Lake
from tests import empty_lake
from tests.build_once import share_folders
from tests.commands import Bullion, run_here
from tests.job_server import Jobs
from tests.side_by_side import share_the_cores
from tests.temporary_root import choose_root
from tests.without_plots import leave_out_pictures

share_the_cores()
choose_root()

hypothesis_settings.register_profile(
    "bullion", deadline=None, derandomize=bool(os.environ.get("CI")), database=None
)
hypothesis_settings.load_profile("bullion")


class OutsideReached(RuntimeError):
    """A test tried to leave the machine."""


def _refuse_outside(name: str) -> None:
    original = getattr(socket.socket, name)

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _loopback(address[0]):
            raise OutsideReached(f"no test may connect to {address[0]}: serve it on 127.0.0.1")
        return original(self, address)

    setattr(socket.socket, name, guarded)


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


for _name in ("connect", "connect_ex"):
    _refuse_outside(_name)


@pytest.fixture(scope="session", autouse=True)
def shared_folders(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What takes seconds to build is built once for all workers: see tests/build_once.py."""
    share_folders(pytestconfig, tmp_path_factory)


@pytest.fixture(autouse=True)
def lake_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that name a lake of this test alone, in tmp_path; nothing is made yet."""
    for name in list(os.environ):
        if name.startswith(("BULLION_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{tmp_path / 'lake' / 'catalog.sqlite'}")
    monkeypatch.setenv("BULLION_LAKE_DATA", str(tmp_path / "lake" / "files"))
    monkeypatch.setenv("BULLION_LAKE_LOCK_TIMEOUT", "60")
    return settings()


@pytest.fixture
def lake(lake_settings: Settings) -> Iterator[Lake]:
    """A fresh lake, on SQLite and in a folder."""
    with empty_lake.create_lake(lake_settings) as new_lake:
        yield new_lake


@pytest.fixture(scope="module")
def without_pictures() -> Iterator[None]:
    """The trainings of this module draw nothing: see tests/without_plots.py."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_pictures(patch)
        yield


@pytest.fixture(scope="session")
def jobs() -> Iterator[Jobs]:
    """Processes of their own, started warm: see tests/job_server.py."""
    with Jobs() as running:
        yield running


@pytest.fixture
def bullion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bullion:
    """Runs a command: its exit code, what it printed, what it complained of."""
    return run_here(monkeypatch, capsys)
