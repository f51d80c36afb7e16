"""The settings of the services, their one environment, and how first data is brought."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest

from include.services import first_data
from include.services import supervisor as supervising
from include.services.first_data import FirstData, _sessions_ago
from include.services.parts import PARTS, Process, environment, environment_of, processes
from include.services.settings import Services, services
from include.services.stack import Stack
from include.services.supervisor import ServiceError, Supervisor
from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import FORECASTS
from tests.servers.ports import free_port


@pytest.fixture
def chosen(tmp_path: Path) -> Services:
    return Services(home=tmp_path / "home")


def test_two_services_cannot_have_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_MLFLOW_PORT", "8080")
    with pytest.raises(InvalidRequest, match="BULLION_MLFLOW_PORT and BULLION_AIRFLOW_PORT"):
        services()


def test_a_port_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_PAGES_PORT", "70000")
    with pytest.raises(InvalidRequest, match="BULLION_PAGES_PORT='70000'"):
        services()


def test_secrets_are_made_once_and_for_their_owner_alone(chosen: Services) -> None:
    first = chosen.secrets
    assert Services(home=chosen.home).secrets == first
    assert len(set(first.values())) == len(first) == 5
    assert (chosen.home / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_came_later_is_added_and_the_others_stay(chosen: Services) -> None:
    chosen.home.mkdir()
    (chosen.home / "secrets.json").write_text('{"admin": "kept"}')
    assert chosen.secrets["admin"] == "kept"
    assert chosen.secrets["jwt_secret"]


def test_what_is_set_for_another_airflow_is_not_seen(chosen: Services) -> None:
    outer = {"AIRFLOW_HOME": "/elsewhere", "AIRFLOW__CORE__EXECUTOR": "X", "NO_PROXY": "corp"}
    outer |= {"MLFLOW_TRACKING_URI": "http://elsewhere"}
    seen = environment_of("airflow", chosen, outer)
    assert seen["AIRFLOW_HOME"] == str(chosen.home / "airflow")
    assert seen["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert seen["MLFLOW_TRACKING_URI"] == chosen.url("mlflow")
    assert seen["NO_PROXY"] == "corp,127.0.0.1,localhost"


def test_a_lake_that_was_named_is_used(chosen: Services) -> None:
    named = {"BULLION_LAKE_CATALOG": "postgres:dbname=x"}
    assert environment(chosen, named)["BULLION_LAKE_CATALOG"] == "postgres:dbname=x"
    assert environment(chosen, {})["BULLION_LAKE_CATALOG"].startswith(f"sqlite:{chosen.home}")


def test_no_key_is_in_a_command_or_in_the_supervisors_file(chosen: Services) -> None:
    keys = {v for k, v in chosen.secrets.items() if k != "supervisor"}
    told = Supervisor(chosen)._configuration() + repr(processes(chosen))
    assert not any(key in told for key in keys)


pause = time.sleep  # which the tests of first data replace
STORE = {"AWS_ACCESS_KEY_ID": "hidden-1", "AWS_SECRET_ACCESS_KEY": "hidden-2"}
OUTER = STORE | {
    "BULLION_LAKE_CATALOG": "postgres:host=db user=lake password=hidden-3",
    "BULLION_SMTP": "smtps://me:hidden-4@mail.example.org",
    "BULLION_API_KEYS": "hidden-5",
    "FINNHUB_API_KEY": "hidden-6",
}
SEEN = {
    "airflow": {"hidden-1", "hidden-2", "hidden-3", "hidden-4", "hidden-6"},
    "api": {"hidden-1", "hidden-2", "hidden-3", "hidden-5"},
    "mlflow": set[str](),
    "pages": set[str](),
}
OF_AIRFLOW = ("api_secret", "jwt_secret", "fernet_key")


def secrets_in(chosen: Services, values: str) -> set[str]:
    """The secrets of the outer environment, and those of `make up`, that stand in a text."""
    named = {n for n, value in chosen.secrets.items() if value in values}
    return named | {f"hidden-{n}" for n in range(1, 7) if f"hidden-{n}" in values}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_given_its_own_secrets_only(chosen: Services, part: str) -> None:
    values = "\n".join(environment_of(part, chosen, OUTER).values())
    assert secrets_in(chosen, values) == SEEN[part] | (
        {*OF_AIRFLOW} if part == "airflow" else set()
    )


def test_no_process_that_runs_holds_the_secrets_of_another_part(
    chosen: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OUTER.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BULLION_HOME", str(chosen.home))
    for name, port in free_ports().items():
        monkeypatch.setenv(name, str(port))
    supervisor = Supervisor(services())
    supervisor.start()
    try:
        supervisor.ensure(("mlflow", "api", "pages"))
        held = {one.part: environ_of(supervisor, one) for one in supervisor.processes[:3]}
        own = "".join(psutil.Process(supervisor.leader).environ().values())
    finally:
        supervisor.stop()
    assert {part: secrets_in(chosen, text) for part, text in held.items()} == {
        part: SEEN[part] for part in ("mlflow", "api", "pages")
    }
    assert not secrets_in(chosen, own) & {*OF_AIRFLOW}


def free_ports() -> dict[str, int]:
    return {f"BULLION_{name}_PORT": free_port() for name in ("MLFLOW", "API", "PAGES", "AIRFLOW")}


def environ_of(supervisor: Supervisor, process: Process) -> str:
    """The environment that a process sees, once it is no longer what launches it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        [standing] = [one for one in supervisor.status() if one.name == process.name]
        found = re.search(r"pid (\d+)", standing.detail)
        pids = [int(found[1])] if found else supervisor.left()
        for pid in pids:
            with suppress(psutil.Error):
                one = psutil.Process(pid)
                if one.cmdline()[1 : len(process.command)] == list(process.command[1:]):
                    return "\n".join(one.environ().values())
        pause(0.05)
    raise AssertionError(f"{process.name} did not start: {supervisor.tail(process.name)}")


def test_a_percent_sign_in_the_path_is_told_as_supervisord_takes_it(tmp_path: Path) -> None:
    from configparser import ConfigParser

    told = Supervisor(Services(home=tmp_path / "100%s"))._configuration()
    parser = ConfigParser()
    parser.read_string(told)
    assert parser["program:api"]["stdout_logfile"].endswith("100%s/logs/api.log")


def test_a_deep_folder_has_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = Services(home=tmp_path / ("x" * 90))
    socket = Supervisor(deep)._socket
    assert len(str(socket)) < 100
    assert socket.parent.stat().st_mode & 0o077 == 0
    socket.parent.rmdir()


def test_what_a_session_left_is_found_and_a_number_used_again_is_not() -> None:
    leaves = "import subprocess as s; print(s.Popen(['sleep', '60']).pid)"
    with subprocess.Popen(
        [sys.executable, "-c", leaves], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        born = psutil.Process(leader.pid).create_time()
        assert leader.stdout
        left = int(leader.stdout.readline())
    try:
        assert list(supervising._session_processes(leader.pid, born)) == [left]
        me = psutil.Process()
        earlier = me.create_time() - 100
        assert list(supervising._session_processes(me.pid, earlier)) == []
    finally:
        os.kill(left, 9)


def test_a_full_disk_is_told_before_anything_starts(
    chosen: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))
    with pytest.raises(ServiceError, match=r"1\.0 GiB are free") as caught:
        Stack(chosen).up(detach=True)
    assert "BULLION_HOME=" in caught.value.hint


def test_an_unknown_source_is_refused_before_anything_starts(
    chosen: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_SOURCE", "yahooo")
    with pytest.raises(InvalidRequest, match="yahooo"):
        Stack(chosen).up(detach=True)
    assert not (chosen.home / "airflow").exists()


def test_a_source_that_comes_later_gets_its_own_data(
    chosen: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_SOURCE", "sample_noise")
    # by DAG and name; each forecast had its first data of another source
    runs: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"first_before": {"conf": {"source": "sample"}}}
    )
    asked: list[tuple[str, str, dict[str, str]]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("dagRuns"):
            body = json.loads(request.content)
            dag = request.url.path.split("/")[4]
            asked.append((dag, body["dag_run_id"], body["conf"]))
            runs[dag][body["dag_run_id"]] = body
        *_, dag, last = request.url.path.removesuffix("/dagRuns").split("/")
        if dag == "dagRuns":  # one by its name
            held = runs[request.url.path.split("/")[4]].get(last)
            told_one = {"dag_run_id": last, "state": "success", **(held or {})}
            return httpx.Response(200 if held else 404, json=told_one)
        dag = last
        told = [{"dag_run_id": n, "state": "success", **r} for n, r in runs[dag].items()]
        return httpx.Response(200, json={"dag_runs": told, "access_token": "t"})

    def client(**_: object) -> httpx.Client:
        return connected(base_url="http://airflow", transport=httpx.MockTransport(answer))

    connected = httpx.Client
    monkeypatch.setattr("include.services.first_data.httpx.Client", client)
    said: list[str] = []
    first_data.bring(chosen, said.append)
    for declared in FORECASTS:
        mine = [(dag, conf) for dag, _, conf in asked if dag.endswith(declared.name)]
        assert [dag.partition("_")[0] for dag, _ in mine] == ["ingest", "train", "score", "train"]
        assert {conf["source"] for _, conf in mine} == {"sample_noise"}
        assert mine[1][1]["end"] == mine[2][1]["start"]
    before = len(asked)
    first_data.bring(chosen, said.append)
    assert len(asked) == before, "a second start finds all of it done"


def test_two_starts_at_once_are_one(chosen: Services) -> None:
    with (
        Stack(chosen)._alone(),
        pytest.raises(ServiceError, match="another `make up` is at work"),
    ):
        Stack(chosen).up(detach=True)


def test_five_sessions_back_is_the_close_of_a_session() -> None:
    at = _sessions_ago(5, FORECASTS[0])
    assert at < _sessions_ago(0, FORECASTS[0])
    assert at.hour in (17, 18, 20, 21)  # a half-day's or a day's close, in summer and winter


class Told:
    """An Airflow that answers with the states it is given, one after the other."""

    def __init__(self, chosen: Services, *states: str) -> None:
        self.states, self.cleared, self.said = list(states), 0, list[str]()
        self.first = FirstData(chosen, self.said.append, FORECASTS[0])
        self.first.client = httpx.Client(
            base_url="http://airflow", transport=httpx.MockTransport(self.answer)
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        body: Any = {"task_instances": []}
        if request.url.path.endswith("/clear"):
            self.cleared += 1
        elif request.url.path.endswith("/dagRuns"):
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            body = {"dag_runs": [{"dag_run_id": "r", "state": state}]}
        return httpx.Response(200, content=json.dumps(body))

    def wait(self) -> None:
        self.first._end_of("training", "train", lambda: self.first._runs("train"))()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.services.first_data.time.sleep", lambda _: None)


def test_a_stage_that_is_done_is_passed_over_in_silence(chosen: Services) -> None:
    told = Told(chosen, "success")
    told.wait()
    assert (told.said, told.cleared) == ([], 0)


def test_a_run_that_failed_earlier_is_tried_again(chosen: Services) -> None:
    told = Told(chosen, "failed", "failed", "failed", "running", "success")
    told.wait()
    assert told.cleared == 1


def test_a_run_that_fails_is_told_with_its_address(chosen: Services) -> None:
    with pytest.raises(ServiceError, match="train failed") as caught:
        Told(chosen, "running", "running", "failed").wait()
    assert f"{chosen.url('airflow')}/dags/train/runs/r" in caught.value.hint
