"""Servers and the lake that the integration tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from pipelines.core.settings import Settings
from tests.integration.airflow_home import ROOT, Airflow, wait_for
from tests.servers.ports import free_port, stop

# The longest come first, so that none of the workers is left alone with a long one at the end. A
# worker takes its next file when two tests are left of the one before: those of the first are
# long, and `test_thread` is the short one that waits for them, for the same Airflow.
LONGEST_FIRST = (
    "test_end_to_end", "test_topology", "test_faults", "test_two_targets", "test_services",
    "test_intraday", "test_news", "test_thread", "test_postgres_lake", "test_ui", "test_s3_lake",
    "test_backup", "test_release", "test_alerts", "test_api_docs",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files in their order; one that has no place yet comes first."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, -1))


@pytest.fixture(scope="session")
def shared_lake(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The lake of all integration tests; the first run of a DAG creates it."""
    folder = tmp_path_factory.mktemp("lake")
    return Settings(lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files")


@pytest.fixture(scope="session")
def lake_environment(shared_lake: Settings) -> dict[str, str]:
    return {
        "BULLION_LAKE_CATALOG": shared_lake.lake_catalog,
        "BULLION_LAKE_DATA": shared_lake.lake_data,
    }


@pytest.fixture(scope="session")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, lake_environment: dict[str, str]
) -> Iterator[Airflow]:
    # SIGTERM counts as Ctrl-C, so that it leaves no scheduler behind.
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Sources that are down: nobody listens at port 1.
    feeds = tmp_path_factory.mktemp("feeds")
    (feeds / "sp500.csv").write_text("name,url,language\nNobody,http://127.0.0.1:1/feed,en\n")
    no_source = {"BULLION_YAHOO_URL": "http://127.0.0.1:1", "BULLION_FEEDS": str(feeds)}
    with Airflow(tmp_path_factory.mktemp("airflow"), lake_environment | no_source) as running:
        yield running
    signal.signal(signal.SIGTERM, handler)
    assert running.running_pids() == []


@pytest.fixture
def api(tmp_path: Path, lake_environment: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of the API as `python -m serving` runs it."""
    port = free_port()
    environment = os.environ | lake_environment | {"BULLION_API_PORT": str(port)}
    log = tmp_path / "api.out"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving"],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(httpx.TransportError):
            return client.get("/openapi.json").is_success
        return False

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_for(answers, 60, "the API", log.read_text)
            yield client
    finally:
        stop(process)
