"""A server of the deployment goes away in the middle of a run: the run ends well, or is repeated.

Redis is killed, PostgreSQL restarted, S3 stands still: each for some seconds, while the workers
bring bars. What is in silver then is what it would be without.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import psutil
import pytest

from pipelines.core.universes import universe
from tests.integration.airflow_home import wait_for
from tests.integration.topology import Topology, command, missing, topology
from tests.recent import INGEST, SESSIONS, format_time

pytestmark = [
    pytest.mark.integration,
    pytest.mark.torture,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]
SECONDS = 15.0  # that a server is away
WITHIN = 900.0  # seconds until the run must have ended
SAMPLE = {"source": "sample", "universe": "qqq"}
SPAN = timedelta(days=10)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with topology(tmp_path_factory.mktemp("topology")) as running:
        yield running
    signal.signal(signal.SIGTERM, handler)


def kill_redis(deployed: Topology) -> None:
    deployed.vanish("redis")
    time.sleep(SECONDS)
    deployed.native.start("redis")


def restart_postgresql(deployed: Topology) -> None:
    """Let it end all connections at once, and start it again by the words it was started with."""
    server = _listens_on(deployed.native.found["postgres", 5432])
    words, folder, user = server.cmdline(), server.cwd(), server.uids().real
    server.send_signal(signal.SIGINT)
    server.wait(60)
    time.sleep(SECONDS)
    again = psutil.Popen(words, cwd=folder, user=user, start_new_session=True)
    deployed.native.running["postgres"] = again
    deployed.native.starts["postgres"] = again.wait


def stop_the_store(deployed: Topology) -> None:
    """Let S3 answer nothing; its connections stay open."""
    server = _listens_on(deployed.native.found["s3", 7070])
    server.suspend()
    time.sleep(SECONDS)
    server.resume()


def _listens_on(port: int) -> psutil.Process:
    """Return the first process of the server that listens on a port."""
    pids = {
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid
    }
    [server] = [p for p in map(psutil.Process, pids) if p.ppid() not in pids]
    return server


FAULTS: dict[str, Callable[[Topology], None]] = {
    "Redis is killed": kill_redis,
    "PostgreSQL is restarted": restart_postgresql,
    "S3 stands still": stop_the_store,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_run_ends_well_though_a_server_went_away(deployed: Topology, name: str) -> None:
    place = list(FAULTS).index(name)
    end = SESSIONS[-1][1] - place * SPAN
    span = {"start": format_time(end - SPAN), "end": format_time(end)}
    run = deployed.trigger(INGEST, SAMPLE | span).json()
    wait_for(lambda: _is_at_work(deployed, run), 180, "a task at work", deployed.output)
    FAULTS[name](deployed)
    ended = wait_for(lambda: _ended(deployed, run), WITHIN, "the end", deployed.output)
    if ended["state"] != "success":  # then it says why, and the same run again brings the bars
        assert "Error" in deployed.log(ended), deployed.output()
        again = deployed.run(INGEST, SAMPLE | span)
        assert again["state"] == "success", deployed.log(again)
    symbols = len(universe("qqq").symbols)
    sql = f"""SELECT format('symbols {{}}, doubled {{}}', count(DISTINCT symbol),
                    count(*) - count(DISTINCT (symbol, ts)))
              FROM silver.bars WHERE closes_at BETWEEN '{span["start"]}' AND '{span["end"]}'
              AND symbol IN (SELECT unnest({list(universe("qqq").symbols)}))"""
    answer = command(deployed, "bullion", "sql", sql)
    assert f"symbols {symbols}, doubled 0" in answer.stdout, answer.stdout + answer.stderr
    verification = command(deployed, "bullion", "verify")
    assert verification.returncode == 0, verification.stdout + verification.stderr


def _is_at_work(deployed: Topology, run: dict[str, Any]) -> bool:
    return "running" in deployed.states(run).values()


def _ended(deployed: Topology, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return the run once it has ended; nothing while Airflow's API cannot say.

    Services that end are started again meanwhile, as the containers are.
    """
    deployed.native.revive()
    try:
        newest = deployed.get(f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}")
    except httpx.HTTPError:
        return None
    return newest if newest["state"] in ("success", "failed") else None
