"""A real Airflow with a home of its own: scheduler, DAG processor and API server on loopback."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from tests.build_once import build_once
from tests.servers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
# Port 8793 on all addresses would be opened for the logs otherwise.
COMPONENTS = (("scheduler", "--skip-serve-logs"), ("dag-processor",), ("api-server",))
LINEAGE, LINEAGE_FILE = "include.lineage_events.LakeLineage", "lineage.ndjson"
START_WITHIN = 150.0  # seconds
STOP_WITHIN = 15.0

T = TypeVar("T")


class Airflow:
    """Starts Airflow, calls its REST API, and stops it; tasks also see `environment`."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{free_port()}"
        self._password = secrets.token_urlsafe()
        self._environment = {
            **self._build_environment(),
            "MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlflow.db'}",
            **environment,
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: list[
            subprocess.Popen[bytes]
        ] = []  # components that ended, whose children may still run
        self._client = httpx.Client(base_url=self.url, timeout=30)

    def __enter__(self) -> Airflow:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _build_environment(self) -> dict[str, str]:
        port = self.url.rpartition(":")[2]
        options = {
            "CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "2",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}",
            "API__HOST": "127.0.0.1",
            "API__PORT": port,
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "API__ENABLE_SWAGGER_UI": "False",
            "API__SECRET_KEY": secrets.token_urlsafe(),
            "API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            # Each task of a run waits for the scheduler to look again, a second by default.
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.4",
            # A DAG that is not paused would run for its newest bar at once, before any test asks.
            "SCHEDULER__USE_JOB_SCHEDULE": "False",
            # The files of the DAGs do not change meanwhile, and each parsing takes a core's second.
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "OPENLINEAGE__EXTRACTORS": LINEAGE,
            "OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(self.home / LINEAGE_FILE), "append": True}
            ),
        }
        foreign = ("AIRFLOW", "BULLION_")  # settings of the developer must not be used here
        own = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        return {
            **own,
            "AIRFLOW_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [own.get("PYTHONPATH")])]),
            **{f"AIRFLOW__{name}": value for name, value in options.items()},
        }

    def _start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        passwords = self.home / "passwords.json"
        passwords.touch(0o600)
        passwords.write_text(f'{{"admin": "{self._password}"}}')
        shutil.copy(build_once("airflow-database", migrate) / "airflow.db", self.home)
        for command in COMPONENTS:
            self._run(command[0], *command)
        wait_for(self._healthy, START_WITHIN, "a healthy Airflow", self.output)
        body = {"username": "admin", "password": self._password}
        answer = self._client.post("/auth/token", json=body).raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _run(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.out").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *command],
                cwd=self.home,
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )
        self._processes[name] = process
        return process

    def _healthy(self) -> bool:
        dead = [name for name, process in self._processes.items() if process.poll() is not None]
        assert not dead, f"ended by themselves: {dead}\n{self.output()}"
        with suppress(httpx.TransportError):
            health = self._client.get("/api/v2/monitor/health").json()
            parts = ("metadatabase", "scheduler", "dag_processor")
            return all(health[part]["status"] == "healthy" for part in parts)
        return False

    def output(self) -> str:
        """Return the last lines that each process printed."""
        parts = []
        for name in self._processes:
            lines = (self.home / f"{name}.out").read_text(errors="replace").splitlines()
            parts.append("\n".join([f"--- {name}", *lines[-30:]]))
        return "\n".join(parts)

    def stop(self) -> None:
        """End all processes of all components, including tasks in process groups of their own."""
        self._client.close()
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            wait_for(lambda: not self.running_pids(), STOP_WITHIN, "the end of Airflow")
        wait_for(self._killed, STOP_WITHIN, "the end of Airflow by force")
        for process in self._processes.values():
            process.wait()

    def _killed(self) -> bool:
        self._signal(signal.SIGKILL)  # every time: a dying scheduler may just have forked
        return not self.running_pids()

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.running_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def running_pids(self) -> list[int]:
        """Return the processes that still run. Each component was started in its own session."""
        sessions = {process.pid for process in (*self._processes.values(), *self._ended)}
        return [pid for pid in psutil.pids() if _session(pid) in sessions and _is_running(pid)]

    def kill(self, name: str) -> None:
        """Kill one component with SIGKILL; its children keep running."""
        self._processes[name].kill()
        self._processes[name].wait()

    def restart(self, name: str) -> None:
        """Start a component that ended."""
        process = self._processes.pop(name)
        self._ended.append(process)
        command = next(component for component in COMPONENTS if component[0] == name)
        self._run(name, *command)

    @contextmanager
    def second(self, name: str) -> Iterator[None]:
        """Run a second process of a component until the end of the block."""
        command = next(component for component in COMPONENTS if component[0] == name)
        second = f"second {name}"
        self._run(second, *command)
        yield
        self.kill(second)
        self._ended.append(self._processes.pop(second))

    def task_processes(self) -> dict[str, psutil.Process]:
        """Return the processes of a running task: its own, and the worker that watches it."""
        by_role: dict[str, psutil.Process] = {}
        for pid in self.running_pids():
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                title = " ".join(process.cmdline())
                if not title.startswith("airflow worker -- ") or title.endswith("<idle>"):
                    continue
                by_role["worker" if "LocalExecutor" in title else "task"] = process
        return by_role

    # -- REST

    def get(self, path: str) -> Any:
        return self._client.get(f"/api/v2{path}").raise_for_status().json()

    def unpause(self, dag_id: str) -> str:
        """Unpause a DAG once it has been parsed, and return its address."""
        dag = f"/api/v2/dags/{dag_id}"
        wait_for(
            lambda: self._client.get(dag).is_success, 60, f"the DAG {dag_id}", self.import_errors
        )
        # DAGs start paused; otherwise each would run for its newest bar at once.
        self._client.patch(dag, json={"is_paused": False}).raise_for_status()
        return dag

    def trigger(
        self, dag_id: str, conf: Mapping[str, Any], logical_date: str | None = None
    ) -> httpx.Response:
        """Trigger a run."""
        body = {"logical_date": logical_date, "conf": dict(conf)}
        return self._client.post(f"{self.unpause(dag_id)}/dagRuns", json=body)

    def run(self, dag_id: str, conf: Mapping[str, Any], seconds: float = 480.0) -> dict[str, Any]:
        """Trigger a run and wait until it is over."""
        answer = self.trigger(dag_id, conf)
        assert answer.is_success, answer.text
        return self.wait_for_end(answer.json(), seconds)

    def wait_for_end(self, run: Mapping[str, Any], seconds: float = 480.0) -> dict[str, Any]:
        """Wait until a run is over, and return it."""
        path = _path(run)

        def over() -> dict[str, Any] | None:
            newest = self.get(path)
            return newest if newest["state"] in ("success", "failed") else None

        return wait_for(over, seconds, f"the end of {path}", lambda: self.log(run), every=0.5)

    def end(self, run: Mapping[str, Any]) -> None:
        """Mark a run as failed, so that nothing of it is tried again."""
        answer = self._client.patch(f"/api/v2{_path(run)}", json={"state": "failed"})
        answer.raise_for_status()

    def states(self, run: Mapping[str, Any]) -> dict[str, str]:
        """Return the state of each task of a run."""
        return {name: task["state"] for name, task in self.tasks(run).items()}

    def tasks(self, run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the tasks of a run by their names."""
        instances = self.get(f"{_path(run)}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in instances}

    def backfill(self, dag_id: str, first: str, last: str, **more: Any) -> httpx.Response:
        """Start a backfill; with `dry_run`, only list the runs it would start."""
        self.unpause(dag_id)
        where = "/backfills/dry_run" if more.pop("dry_run", False) else "/backfills"
        body = {"dag_id": dag_id, "from_date": first, "to_date": last, **more}
        return self._client.post(f"/api/v2{where}", json=body)

    def wait_for_backfill(
        self, answer: httpx.Response, seconds: float = 1200.0
    ) -> list[dict[str, Any]]:
        """Wait until a backfill is over, and return its runs in the order of their intervals."""
        assert answer.is_success, answer.text
        backfill = answer.json()

        def runs() -> list[dict[str, Any]]:
            path = f"/dags/{backfill['dag_id']}/dagRuns?run_type=backfill&limit=100"
            return self.get(f"{path}&order_by=logical_date")["dag_runs"]

        def over() -> bool:
            return bool(self.get(f"/backfills/{backfill['id']}")["completed_at"])

        wait_for(over, seconds, f"backfill {backfill['id']}", self.output, every=1.0)
        span = (backfill["from_date"], backfill["to_date"])
        return [run for run in runs() if span[0] <= run["logical_date"] <= span[1]]

    def import_errors(self) -> str:
        """Return the errors of DAGs that could not be parsed."""
        return "\n".join(e["stack_trace"] for e in self.get("/importErrors")["import_errors"])

    def log(self, run: Mapping[str, Any]) -> str:
        """Return the logs of a run's tasks, of their last try."""
        where = f"{_path(run)}/taskInstances"
        return "\n".join(
            line
            for task in self.get(where)["task_instances"]
            for line in self._lines(f"{where}/{task['task_id']}/logs/{task['try_number']}", task)
        )

    def _lines(self, where: str, task: Mapping[str, Any]) -> Iterator[str]:
        yield f"--- {task['task_id']}, try {task['try_number']}: {task['state']}"
        for entry in self.get(f"{where}?full_content=true")["content"]:
            yield entry["event"]
            for error in entry.get("error_detail") or ():
                yield f"{error['exc_type']}: {error['exc_value']}"


def _path(run: Mapping[str, Any]) -> str:
    return f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"


def migrate(home: Path) -> None:
    """Migrate an empty database; the Airflows of a run of the tests begin with copies of it."""
    airflow = Airflow(home, {})
    try:
        status = airflow._run("migrate", "db", "migrate").wait(START_WITHIN)
        assert status == 0, f"airflow db migrate failed\n{airflow.output()}"
    finally:
        airflow.stop()


def wait_for(
    ready: Callable[[], T | None],
    seconds: float,
    goal: str,
    explain: Callable[[], str] = str,
    every: float = 0.25,
) -> T:
    """Wait until `ready` returns something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := ready()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {goal}\n{explain()}")
        time.sleep(every)
    return answer


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _is_running(pid: int) -> bool:
    """Whether a process runs; a zombie, such as an orphan in a container, does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
