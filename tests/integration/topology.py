"""The deployment of docker-compose.yaml, run natively: its own commands, on loopback."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from include.deploy.secrets import random_secrets
from tests.integration.airflow_home import Airflow, wait_for
from tests.servers.compose import Native, fence, image_tree
from tests.servers.nginx import native_conf
from tests.servers.postgres import postgres
from tests.servers.s3 import BUCKET, S3, s3
from tests.servers.store_admin import StoreAdmin, store_admin

ROOT = Path(__file__).resolve().parents[2]
PORTS = {
    "postgres": [5432],
    "redis": [6379],
    "s3": [7070],
    "mlflow": [5000],
    "api": [8000],
    "api-second": [8000],
    "airflow-api-server": [8080],
    "airflow-scheduler": [8974],
    "dashboard": [8501],
    "nginx": [8080, 8081, 8082],
}
AIRFLOW = ("airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
WORKERS = ("airflow-worker-1", "airflow-worker-2")
# Their checks start a Python with Airflow, 4 s of a core: they come last, and pass at once.
COSTLY = ("airflow-dag-processor", "airflow-triggerer", "airflow-worker")
START_WITHIN = 240.0  # seconds


def missing() -> str:
    """Return what the deployment needs and this machine lacks."""
    from tests.servers import postgres

    path = f"{os.environ['PATH']}:/usr/sbin"
    lacking = [
        program for program in ("redis-server", "nginx") if not shutil.which(program, path=path)
    ]
    return postgres.missing() or (f"apt-get install {' '.join(lacking)}" if lacking else "")


class Topology(Airflow):
    """All services, and Airflow's REST API by the first user's login."""

    def __init__(self, native: Native, store: S3, users: StoreAdmin, admin: str) -> None:
        self.native, self.store, self.users, self.admin = native, store, users, admin
        self.home, self.url = native.folder, native.url("airflow-api-server", 8080)
        self._client = httpx.Client(base_url=self.url, timeout=30)

    @property
    def key(self) -> str:
        return self.native.variables["BULLION_API_KEYS"]

    @property
    def api(self) -> str:
        """The address at which callers reach the API."""
        return self.native.url("nginx", 8080)

    def environment(self, service: str) -> dict[str, str]:
        """Return the environment of a service."""
        return self.native.environment(service, {})

    def start(self) -> None:
        """Start the services in the order of the compose file: servers, init, the rest."""
        native, own = self.native, self.native.folder
        native.start("redis")
        self.prepare()
        native.start("airflow-api-server", **self.python("airflow-api-server"))
        # A DAG that is not paused would run for its newest bar at once, before any test asks.
        # Its file does not change meanwhile, and each parsing takes a core's second.
        quiet = {
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        }
        for name in (*AIRFLOW, "mlflow", "dashboard"):
            native.start(name, **self.python(name), **quiet)
        for name in WORKERS:
            node = ("--celery-hostname", f"{name}@%h")
            native.start("airflow-worker", name, node, **self.python(name))
        serving = self.python("api", {"/opt/bullion": own / "serving"})
        native.start("api", folders={"/opt/bullion": own / "serving"}, **serving)
        conf = native_conf((ROOT / "include/nginx/nginx.conf").read_text())
        (own / "nginx.conf").write_text(
            native.here("nginx", re.sub("listen ", "listen 127.0.0.1:", conf))
        )
        native.start("nginx")
        checked = [
            name
            for name, service in native.services.items()
            if name not in ("postgres", "s3", "init") and "profiles" not in service
        ]
        for name in sorted(checked, key=COSTLY.__contains__):
            wait_for(lambda name=name: self.healthy(name), START_WITHIN, name, self.output)
        body = {"username": "admin", "password": self.admin}
        token = self._client.post("/auth/token", json=body).raise_for_status().json()
        self._client.headers["Authorization"] = f"Bearer {token['access_token']}"

    def prepare(self) -> None:
        """Run `init`, which may be run at any time."""
        python = self.python("init")
        init = self.native.start("init", **python, S3_ADMIN_URL=self.users.url)
        assert init.wait(START_WITHIN) == 0, self.native.tail("init")

    def healthy(self, service: str) -> bool:
        """Whether a service passes its check of the compose file; each worker by its own name."""
        self._alive()
        if service != "airflow-worker":
            return self.native.healthy(service, **self.python(service))
        return all(
            self.native.healthy(
                service,
                edit=lambda word, name=name: word.replace("celery@", f"{name}@"),
                **self.python(name),
            )
            for name in WORKERS
            if name in self.native.running
        )

    def python(self, name: str, folders: dict[str, Path] | None = None) -> dict[str, str]:
        """Return what the Dockerfile sets for a process, with only the image's packages."""
        tree = (folders or {}).get("/opt/bullion", self.native.folders["/opt/bullion"])
        home = self.native.folder / "homes" / name
        home.mkdir(parents=True, exist_ok=True)
        packages = self.native.folder / ("only-serving" if name == "api" else "only-airflow")
        return {"PYTHONPATH": f"{tree}:{packages}", "AIRFLOW_HOME": str(home)}

    def _alive(self) -> None:
        dead = [n for n, p in self.native.running.items() if n != "init" and p.poll() is not None]
        assert not dead, "\n".join(f"{name} ended: {self.native.tail(name)}" for name in dead)

    def output(self) -> str:
        """Return the last lines that each service printed."""
        return "\n".join(
            f"--- {f.stem}\n{self.native.tail(f.stem)}" for f in self.home.glob("*.out")
        )

    # -- faults

    def worker_of(self, task: Mapping[str, Any]) -> str:
        """Return the worker that runs a task; empty while there is none."""
        for name in WORKERS:
            if name in self.native.running and task["id"] in self.native.log(name).read_text():
                return name
        return ""

    def vanish(self, name: str) -> None:
        """Kill all processes of a service, as when its container is killed."""
        leader = self.native.running.pop(name)

        def is_gone() -> bool:
            for pid in self._of(leader.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not self._of(leader.pid)

        wait_for(is_gone, 20, f"the end of {name}")
        leader.wait()

    @staticmethod
    def _of(leader: int) -> list[int]:
        """Return the processes of a service: all are in the session of its first one."""
        pids = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError, PermissionError):
                if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                    pids.append(process.pid)
        return pids

    def running_pids(self) -> list[int]:
        return [pid for process in self.native.running.values() for pid in self._of(process.pid)]

    def stop(self) -> None:
        self._client.close()
        for pid in self.running_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with suppress(TimeoutError):
            wait_for(lambda: not self.running_pids(), 5, "the end")
        for name in list(self.native.running):
            self.vanish(name)

    def listening(self) -> set[str]:
        """Return the addresses on which the services listen."""
        own = set(self.running_pids())
        return {
            socket.laddr.ip
            for socket in psutil.net_connections("tcp")
            if socket.status == psutil.CONN_LISTEN and socket.pid in own
        }


@contextmanager
def topology(folder: Path) -> Iterator[Topology]:
    """Run everything that the compose file names, until the end of the block."""
    variables = random_secrets()
    (folder / "release").mkdir()
    for name, lock in (("airflow", "requirements"), ("serving", "requirements-serving")):
        image_tree(name, folder / name)
        fence(folder / f"only-{name}", ROOT / f"{lock}.txt")
    folders = {
        # Mounted from the folder of this machine that the setting names.
        "/opt/bullion/universes": ROOT / "include" / "universes",
        "/opt/bullion/topics": ROOT / "include" / "topics",
        "/opt/bullion/feeds": ROOT / "include" / "feeds",
        "/opt/airflow/logs": folder / "logs",
        "/opt/bullion": folder / "airflow",
        "/srv/pages": folder / "airflow" / "data_lake",
        "/srv/release": folder / "release",
        "/etc/bullion": folder,
        "/run/redis": folder,
        "/tmp": folder,
        "/data": folder,
        "daemon off;": Path("daemon off; user root;" if os.geteuid() == 0 else "daemon off;"),
    }
    native = Native(folder, variables, PORTS, folders)
    command = native.services["postgres"]["command"]
    with ExitStack() as stack:
        stack.enter_context(
            postgres(variables["POSTGRES_PASSWORD"], native.found["postgres", 5432], command[1:])
        )
        store = stack.enter_context(s3(native.found["s3", 7070]))
        store.client().delete_bucket(Bucket=BUCKET)  # init makes it
        root = variables["S3_ACCESS_KEY"], variables["S3_SECRET_KEY"]
        users = stack.enter_context(store_admin(*root))
        running = Topology(native, store, users, variables["AIRFLOW_ADMIN_PASSWORD"])
        try:
            running.start()
            yield running
        finally:
            running.stop()


def command(topology: Topology, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the environment of a worker, as `docker compose exec` does."""
    environment = topology.environment("airflow-worker") | topology.python("by-hand")
    return subprocess.run(
        words, env=environment, cwd=topology.home, capture_output=True, text=True, check=False
    )


def objects(store: S3, prefix: str) -> list[str]:
    """List the keys below a prefix of the bucket."""
    contents: list[dict[str, Any]] = (
        store.client().list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    )
    return [item["Key"] for item in contents]
