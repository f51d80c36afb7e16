"""What a person asks of the services: up, down, status, logs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version

import httpx
import psutil
from filelock import FileLock, Timeout

from include.services import first_data
from include.services.parts import PARTS, environment, environment_of
from include.services.settings import HOST, Services, write_private
from include.services.supervisor import UP, ServiceError, Supervisor
from pipelines.core.settings import ROOT, settings

ROOM = 2 * 1024**3  # bytes; a first start takes about half of it
HEALTH = {
    "airflow": "/api/v2/monitor/health",
    "mlflow": "/health",
    "api": "/openapi.json",
    "pages": "/",
}
FIRST_PAGE = {"api": "/signal/index", "mlflow": "/#/experiments"}
WHAT = {
    "airflow": "Airflow: runs, backfills, logs",
    "mlflow": "MLflow: trainings and models",
    "api": "the API: the newest signal",
    "pages": "reports and Data Docs",
}


class Stack:
    """The services of one home folder."""

    def __init__(self, chosen: Services) -> None:
        self.services, self.supervisor = chosen, Supervisor(chosen)
        self._begun = time.monotonic()

    def up(self, parts: Sequence[str] = (), *, detach: bool) -> None:
        """Start what does not run yet; all of it brings the first data too.

        Attached, it stays until Ctrl-C, which stops what it started. A failure leaves the
        services running, so that one can see why.
        """
        asked = parts or PARTS
        begun: list[str] = []
        try:
            with self._alone():
                self._may_start(asked)
                if not self.supervisor.running():
                    self.supervisor.start()
                begun = self._start(asked)
                if not parts:
                    first_data.bring(self.services, self._say)
            self._tell(asked, first=not parts)
            if not detach:
                print("Ctrl-C stops it.", flush=True)
                while self.supervisor.running():
                    time.sleep(1)
        except KeyboardInterrupt:
            with _deaf():
                print("\nstopping ...", flush=True)
                self.supervisor.stop_parts(
                    [p.name for p in self.supervisor.processes if p.name in begun or not parts]
                )
                print("stopped; nothing is left running", flush=True)
            raise

    def down(self) -> None:
        """Stop everything, and say whether there was anything."""
        if not self.supervisor.running() and not self.supervisor.left():
            print("nothing runs")
            return
        with _deaf():
            self.supervisor.stop()
        left = self.supervisor.left()
        if left:
            raise ServiceError(
                f"processes {left} do not end", f"kill -9 {' '.join(map(str, left))}"
            )
        print("stopped; the data stays")

    def status(self) -> bool:
        """Print how each process and each address stands; whether all is well."""
        well = True
        for one in self.supervisor.status():
            print(f"{one.name:24} {one.state.lower():10} {one.detail}")
            well = well and one.state in UP
        for part in PARTS:
            answers = self._answers(part)
            well = well and answers
            print(f"{part:24} {'answers' if answers else 'silent':10} {self.services.url(part)}")
        return well

    def logs(self, lines: int, *, follow: bool) -> None:
        """The last lines of every log; and what comes."""
        files = [
            file
            for p in self.supervisor.processes
            if (file := self.supervisor.log(p.name)).exists()
        ]
        if not files:
            raise ServiceError("there are no logs yet", "start it: make up")
        # By name, so that a log that was rotated is followed on.
        more = ["-F"] if follow else []
        subprocess.run(["tail", "-n", str(lines), *more, *map(str, files)], check=False)  # noqa: S603, S607

    # -- the start

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = FileLock(self.services.folder("run") / "up.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise ServiceError(
                "another `make up` is at work on this folder", "wait for it, or stop it: make down"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _may_start(self, parts: Sequence[str]) -> None:
        from pipelines.sources import source

        source(settings().source)  # an unknown one is refused before anything starts
        if self.supervisor.running():
            now, then = os.environ.get("BULLION_SOURCE", ""), self.supervisor.source
            if now != then:
                raise ServiceError(
                    f"it runs with source {then or 'sample'}, not {now or 'sample'}",
                    "make down first",
                )
            return
        if self.supervisor.left():
            self._say("an earlier start was cut off: what it left is ended first")
            self.supervisor.stop()
        free = shutil.disk_usage(self.services.home).free
        if free < ROOM:
            raise ServiceError(
                f"{free / 1024**3:.1f} GiB are free in {self.services.home}, it takes "
                f"{ROOM / 1024**3:.0f}",
                "make room, or name another folder: BULLION_HOME=/path make up",
            )
        for part in parts:
            self._must_be_free(part)

    def _must_be_free(self, part: str) -> None:
        port = getattr(self.services, f"{part}_port")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                name = f"BULLION_{part.upper()}_PORT"
                raise ServiceError(
                    f"port {port} ({name}) cannot be used: {_holder(port) or error.strerror}",
                    f"stop that, or take another port: {name}={port + 10000} make up",
                ) from None

    def _start(self, parts: Sequence[str]) -> list[str]:
        self._say(f"starting {', '.join(parts)} ...")
        begun = self.supervisor.ensure([p for p in parts if p != "airflow"])
        if "airflow" in parts:
            self._migrate()
            begun += self.supervisor.ensure(["airflow"])
        for part in parts:
            names = [p.name for p in self.supervisor.processes if p.part == part]
            self.supervisor.wait(names, lambda part=part: self._answers(part), 180)  # type: ignore[misc]
        if begun:
            self._say(f"{', '.join(parts)}: healthy")
        else:
            self._say("it runs already")
        return begun

    def _migrate(self) -> None:
        """Make Airflow's database; once for each version of Airflow."""
        folder = self.services.folder("airflow")
        passwords = f'{{"admin": "{self.services.secrets["admin"]}"}}'
        write_private(folder / "passwords.json", passwords)
        done, now = folder / "migrated", version("apache-airflow")
        if (folder / "airflow.db").exists() and done.exists() and done.read_text() == now:
            return
        self._say("making Airflow's database ...")
        log = self.services.folder("logs") / "airflow-migrate.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                cwd=ROOT,
                env=environment_of("airflow", self.services),
                stdout=out,
                stderr=subprocess.STDOUT,
                umask=0o077,
                start_new_session=True,
            )
        try:
            failed = process.wait(300)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if failed:
            raise ServiceError("Airflow's database could not be made", f"see {log}")
        done.write_text(now)

    def _answers(self, part: str) -> bool:
        with suppress(httpx.HTTPError, ValueError, KeyError):
            address = self.services.url(part) + HEALTH[part]
            answer = httpx.get(address, timeout=10, trust_env=False)
            if not answer.is_success:
                return False
            if part != "airflow":
                return True
            said = answer.json()
            needed = ("metadatabase", "scheduler", "dag_processor")
            return all(said[one]["status"] == "healthy" for one in needed)
        return False

    # -- words

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._begun:4.0f} s] {text}", flush=True)

    def _tell(self, parts: Sequence[str], *, first: bool) -> None:
        if first:
            print(f"\n{_signal(environment(self.services))}\n")
        for part in parts:
            print(f"{WHAT[part]:32} {self.services.url(part)}{FIRST_PAGE.get(part, '')}")
        if "airflow" in parts:
            print(f"{'':32} log in as admin, {self.services.secrets['admin']}")
        print("make status, make logs and make down watch it and stop it.", flush=True)


def _signal(seen: dict[str, str]) -> str:
    """The newest signal that was published, in words."""
    from pipelines.core.settings import Settings
    from pipelines.lake import Lake
    from pipelines.sources import is_sample

    where = Settings(lake_catalog=seen["BULLION_LAKE_CATALOG"], lake_data=seen["BULLION_LAKE_DATA"])
    with Lake(where, read_only=True) as lake:
        found = lake.rows(
            """SELECT instrument, signal, wss, closes_at, source, proven, reason
               FROM gold.index_signals WHERE source = ?
               ORDER BY closes_at DESC, coverage DESC, live DESC LIMIT 1""",
            [settings().source],
        )
    if not found:
        return "no signal yet: see the newest runs of the score DAGs in Airflow"
    instrument, told, wss, closes_at, source, proven, reason = found[0]
    kind = "" if proven else ", by an unproven model"
    made_up = " (a made-up market)" if is_sample(source) else ""
    return (
        f"{instrument}: {told}, weighted sentiment {wss:+.3f}, for the first bar after "
        f"{closes_at:%Y-%m-%d %H:%M} UTC{kind}\n  source {source}{made_up}; {reason}"
    )


def _holder(port: int) -> str:
    """Who listens on a port, as far as one may know."""
    with suppress(psutil.Error):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid:
                command = " ".join(psutil.Process(one.pid).cmdline())[:60]
                return f"process {one.pid} listens there ({command})"
    return ""


@contextmanager
def _deaf() -> Iterator[None]:
    """Stopping is not stopped half-way by a second Ctrl-C."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
