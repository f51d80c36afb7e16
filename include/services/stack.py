"""The commands of the services: up, down, status, logs."""

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
from include.services.parts import PARTS, STREAM, environment, environment_of
from include.services.settings import HOST, Services, write_private
from include.services.supervisor import UP, ServiceError, Supervisor
from pipelines.core.settings import ROOT, settings

ROOM = 2 * 1024**3  # bytes; a first start takes about half of it
HEALTH = {
    "airflow": "/api/v2/monitor/health",
    "mlflow": "/health",
    "api": "/openapi.json",
    "dashboard": "/_stcore/health",
    "pages": "/",
}
FIRST_PAGE = {"api": "/signal/index", "mlflow": "/#/experiments"}
TITLES = {
    "dashboard": "the dashboard: all of it in pictures",
    "airflow": "Airflow: runs, backfills, logs",
    "mlflow": "MLflow: trainings and models",
    "api": "the API: the newest signal",
}


class Stack:
    """The services of one home folder."""

    def __init__(self, config: Services) -> None:
        self.services, self.supervisor = config, Supervisor(config)
        self._started_at = time.monotonic()

    def up(self, parts: Sequence[str] = (), *, detach: bool) -> None:
        """Start what does not run yet; without `parts` everything, and bring the first data.

        Attached, it stays until Ctrl-C, which stops what it started. A failure leaves the
        services running, so that its cause can be seen.
        """
        chosen_parts = parts or PARTS
        started: list[str] = []
        try:
            with self._only_start():
                self._check_start(chosen_parts)
                if not self.supervisor.is_running():
                    self.supervisor.start()
                started = self._start(chosen_parts)
                if not parts:
                    first_data.bring(self.services, self._say)
                    started += self._start_stream()
            self._print_addresses(chosen_parts, first=not parts)
            if not detach:
                print("Ctrl-C stops it.", flush=True)
                while self.supervisor.is_running():
                    time.sleep(1)
        except KeyboardInterrupt:
            with _ignore_signals():
                print("\nstopping ...", flush=True)
                self.supervisor.stop_parts(
                    [p.name for p in self.supervisor.processes if p.name in started or not parts]
                )
                print("stopped; nothing is left running", flush=True)
            raise

    def down(self) -> None:
        """Stop everything; print what was done."""
        if not self.supervisor.is_running() and not self.supervisor.remaining():
            print("nothing runs")
            return
        with _ignore_signals():
            self.supervisor.stop()
        survivors = self.supervisor.remaining()
        if survivors:
            raise ServiceError(
                f"processes {survivors} do not end", f"kill -9 {' '.join(map(str, survivors))}"
            )
        print("stopped; the data stays")

    def status(self) -> bool:
        """Print the state of each process and address; return whether all is well."""
        well = True
        for process in self.supervisor.status():
            print(f"{process.name:24} {process.state.lower():10} {process.detail}")
            well = well and process.state in UP
        for part in PARTS:
            answers = self._answers(part)
            well = well and answers
            print(f"{part:24} {'answers' if answers else 'silent':10} {self.services.url(part)}")
        return well

    def logs(self, lines: int, *, follow: bool) -> None:
        """Print the last lines of every log, and what follows."""
        files = [
            file
            for p in self.supervisor.processes
            if (file := self.supervisor.log(p.name)).exists()
        ]
        if not files:
            raise ServiceError("there are no logs yet", "start it: make up")
        # By name, so that a log that was rotated is followed on.
        options = ["-F"] if follow else []
        subprocess.run(["tail", "-n", str(lines), *options, *map(str, files)], check=False)  # noqa: S603, S607

    # -- the start

    @contextmanager
    def _only_start(self) -> Iterator[None]:
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

    def _check_start(self, parts: Sequence[str]) -> None:
        from pipelines.sources import source

        source(settings().source)  # an unknown one is refused before anything starts
        if self.supervisor.is_running():
            source_now, source_then = os.environ.get("BULLION_SOURCE", ""), self.supervisor.source
            if source_now != source_then:
                raise ServiceError(
                    f"it runs with source {source_then or 'sample'}, not {source_now or 'sample'}",
                    "make down first",
                )
            stream_now, stream_then = self.services.stream, self.supervisor.stream
            if stream_now and stream_now != stream_then:
                raise ServiceError(
                    f"it runs with {f'the stream of {stream_then}' if stream_then else 'no stream'}"
                    f", not with that of {stream_now}",
                    "make down first",
                )
            return
        if self.supervisor.remaining():
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
        started = self.supervisor.ensure([p for p in parts if p != "airflow"])
        if "airflow" in parts:
            self._migrate()
            started += self.supervisor.ensure(["airflow"])
        for part in parts:
            names = [p.name for p in self.supervisor.processes if p.part == part]
            self.supervisor.wait(names, lambda part=part: self._answers(part), 180)  # type: ignore[misc]
        if started:
            self._say(f"{', '.join(parts)}: healthy")
        else:
            self._say("it runs already")
        return started

    def _start_stream(self) -> list[str]:
        """Start the stream of live prices where one was asked for, once there are bars and DAGs."""
        if not self.services.stream:
            return []
        self._say(f"following the live prices of {self.services.stream} ...")
        return self.supervisor.ensure([STREAM])

    def _migrate(self) -> None:
        """Create or migrate Airflow's database; once for each version of Airflow."""
        folder = self.services.folder("airflow")
        passwords = f'{{"admin": "{self.services.secrets["admin"]}"}}'
        write_private(folder / "passwords.json", passwords)
        marker, release = folder / "migrated", version("apache-airflow")
        if (folder / "airflow.db").exists() and marker.exists() and marker.read_text() == release:
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
            exit_code = process.wait(300)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if exit_code:
            raise ServiceError("Airflow's database could not be made", f"see {log}")
        marker.write_text(release)

    def _answers(self, part: str) -> bool:
        with suppress(httpx.HTTPError, ValueError, KeyError):
            address = self.services.url(part) + HEALTH[part]
            answer = httpx.get(address, timeout=10, trust_env=False)
            if answer.is_error:
                return False
            if part != "airflow":
                return True
            health = answer.json()
            components = ("metadatabase", "scheduler", "dag_processor")
            return all(health[name]["status"] == "healthy" for name in components)
        return False

    # -- words

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._started_at:4.0f} s] {text}", flush=True)

    def _print_addresses(self, parts: Sequence[str], *, first: bool) -> None:
        if first:
            print(f"\n{_signal(environment(self.services))}\n")
        for part in (part for part in parts if part in TITLES):
            print(f"{TITLES[part]:36} {self.services.url(part)}{FIRST_PAGE.get(part, '')}")
        if "airflow" in parts:
            print(f"{'':36} log in as admin, {self.services.secrets['admin']}")
        print("make status, make logs and make down watch it and stop it.", flush=True)


def _signal(variables: dict[str, str]) -> str:
    """Return the newest signal of the main forecast that was published, in words."""
    from pipelines.core.settings import Settings
    from pipelines.forecasts import FORECASTS
    from pipelines.sources import is_sample
    from pipelines.steps.lake import open_lake

    where = Settings(
        lake_catalog=variables["BULLION_LAKE_CATALOG"], lake_data=variables["BULLION_LAKE_DATA"]
    )
    with open_lake(where, read_only=True) as lake:
        rows = lake.rows(
            """SELECT instrument, signal, wss, closes_at, source, proven, reason
               FROM gold.index_signals WHERE source = ? AND forecast = ?
               ORDER BY closes_at DESC, coverage DESC, live DESC LIMIT 1""",
            [settings().source, FORECASTS[0].name],
        )
    if not rows:
        return "no signal yet: see the newest runs of the score DAGs in Airflow"
    instrument, signal_name, wss, closes_at, source, proven, reason = rows[0]
    kind = "" if proven else ", by an unproven model"
    remark = " (a made-up market)" if is_sample(source) else ""
    return (
        f"{instrument}: {signal_name}, weighted sentiment {wss:+.3f}, for the first bar after "
        f"{closes_at:%Y-%m-%d %H:%M} UTC{kind}\n  source {source}{remark}; {reason}"
    )


def _holder(port: int) -> str:
    """Return which process listens on a port; empty where that is not visible."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr.port == port and connection.pid:
                command = " ".join(psutil.Process(connection.pid).cmdline())[:60]
                return f"process {connection.pid} listens there ({command})"
    return ""


@contextmanager
def _ignore_signals() -> Iterator[None]:
    """Ignore Ctrl-C and hang-ups meanwhile, so that a second one does not interrupt stopping."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
