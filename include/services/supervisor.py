"""The supervisor that starts the processes, restarts what dies, and leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil

from include.services.parts import Process, environment, processes
from include.services.settings import Services, write_private
from pipelines.core.errors import BullionError
from pipelines.core.settings import ROOT

LONGEST_SOCKET = 100  # bytes; the kernel takes 107
STOP_WITHIN = 30.0  # seconds
UP, GONE = ("RUNNING",), ("STOPPED", "EXITED", "FATAL")


class ServiceError(BullionError):
    """A service could not be started, or did not answer."""


@dataclass(frozen=True)
class Status:
    """State of one process, with what supervisord says about it."""

    name: str
    state: str
    detail: str


class Supervisor:
    """Runs supervisord in a session of its own, by which every process below it can be found."""

    def __init__(self, config: Services) -> None:
        self.services = config
        self.processes = processes(config)
        run = config.folder("run")
        self._config, self._record = run / "supervisord.conf", run / "supervisord.json"
        self._socket = _socket(run)

    # -- life

    def start(self) -> None:
        """Start supervisord, with no process as yet."""
        self._sweep()  # processes that a killed supervisor left
        self._socket.unlink(missing_ok=True)
        write_private(self._config, self._configuration())
        log = self.services.folder("logs") / "supervisord.out"
        with log.open("ab") as out:
            leader = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self._config)],
                cwd=ROOT,
                env=environment(self.services),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )
        born = psutil.Process(leader.pid).create_time()
        record = {
            "pid": leader.pid,
            "born": born,
            "source": os.environ.get("BULLION_SOURCE", ""),
            "stream": self.services.stream,
        }
        write_private(self._record, json.dumps(record))
        deadline = time.monotonic() + STOP_WITHIN
        while not self.is_running():
            if leader.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServiceError("supervisord does not start", f"see {log}")
            time.sleep(0.1)

    def is_running(self) -> bool:
        """Whether supervisord answers."""
        with suppress(OSError, HTTPException, Fault):
            return bool(self._call("getState")["statename"] == "RUNNING")
        return False

    @property
    def source(self) -> str:
        """BULLION_SOURCE as it was when the services were started."""
        return str(self._read_record().get("source", ""))

    @property
    def stream(self) -> str:
        """Whose live prices are followed since the services were started."""
        return str(self._read_record().get("stream", ""))

    def ensure(self, parts: Sequence[str]) -> list[str]:
        """Start the processes of these parts that do not run; return their names."""
        states = {process.name: process.state for process in self.status()}
        names = [p.name for p in self.processes if p.part in parts and states.get(p.name) in GONE]
        for name in names:
            self._call("startProcess", name, False)
        return names

    def stop_parts(self, names: Sequence[str]) -> None:
        """Stop some processes, and everything when no other is left."""
        for name in names:
            with suppress(OSError, HTTPException, Fault):
                self._call("stopProcess", name, False)
        if all(s.name in names or s.state in GONE for s in self.status()):
            self.stop()

    def stop(self) -> list[int]:
        """Stop everything; return the processes that had to be ended by force."""
        with suppress(OSError, HTTPException, Fault):
            self._call("stopAllProcesses", False)  # at once; a shutdown alone takes them in turn
            self._call("shutdown")
        deadline = time.monotonic() + STOP_WITHIN
        while self.remaining() and time.monotonic() < deadline:
            if self.leader not in self.remaining():
                break
            time.sleep(0.2)
        forced = self._sweep()
        self._record.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)
        return forced

    def _sweep(self) -> list[int]:
        """End the rest of the session; return it. Tasks have own groups, but no own session."""
        remaining = self.remaining()
        for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 10.0)):
            deadline = time.monotonic() + patience
            while (pids := self.remaining()) and time.monotonic() < deadline:
                for pid in pids:  # again each time: one that dies may just have forked
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
                time.sleep(0.3)
        return remaining

    def remaining(self) -> list[int]:
        """Return the processes of supervisord's session that still run, itself included."""
        record = self._read_record()
        return list(_session_processes(record["pid"], record["born"])) if record else []

    def _read_record(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            record: dict[str, Any] = json.loads(self._record.read_text())
            return record
        return {}

    @property
    def leader(self) -> int | None:
        """Return the process number of supervisord, as it was started."""
        return self._read_record().get("pid")

    # -- state

    def status(self) -> list[Status]:
        """Return the state of every process, in the order in which they start."""
        try:
            infos = {info["name"]: info for info in self._call("getAllProcessInfo")}
        except (OSError, HTTPException):
            infos = {}
        return [
            Status(p.name, infos[p.name]["statename"], infos[p.name]["description"])
            if p.name in infos
            else Status(p.name, "STOPPED", "")
            for p in self.processes
        ]

    def log(self, name: str) -> Path:
        """Return the newest log file of a process."""
        return self.services.folder("logs") / f"{name}.log"

    def tail(self, name: str, lines: int = 15) -> str:
        """Return the last lines that a process printed."""
        with suppress(OSError):
            text = self.log(name).read_text(errors="replace").splitlines()[-lines:]
            return "\n".join(f"  | {line[:300]}" for line in text)
        return ""

    def wait(self, names: Sequence[str], ready: Callable[[], bool], within: float) -> None:
        """Wait until `ready`; raise at once if one of the processes gives up meanwhile."""
        deadline = time.monotonic() + within
        while not ready():
            failed = [s for s in self.status() if s.name in names and s.state == "FATAL"]
            if failed or time.monotonic() > deadline:
                name = failed[0].name if failed else names[-1]
                reason = (
                    "ended by itself, again and again" if failed else f"no answer in {within:g} s"
                )
                raise ServiceError(
                    f"{name}: {reason}; its last lines:\n{self.tail(name)}", f"see {self.log(name)}"
                )
            time.sleep(0.5)

    # -- supervisord itself

    def _call(self, method: str, *arguments: Any) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(
            "bullion", self.services.secrets["supervisor"], f"unix://{self._socket}"
        )
        with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def _configuration(self) -> str:
        logs, secret = self.services.folder("logs"), self.services.secrets["supervisor"]
        head = f"""
[supervisord]
logfile={_escaped(logs / "supervisord.log")}
logfile_maxbytes=5MB
logfile_backups=2
pidfile={_escaped(self._config.with_name("supervisord.pid"))}
umask=077

[unix_http_server]
file={_escaped(self._socket)}
chmod=0700
username=bullion
password={secret}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{_escaped(self._socket)}
username=bullion
password={secret}
"""
        return head + "".join(self._program(number, p) for number, p in enumerate(self.processes))

    def _program(self, number: int, process: Process) -> str:
        # Each builds its own environment, so that no key is in the file or in another process.
        launch = (sys.executable, "-m", "include.services.launch", process.name)
        return f"""
[program:{process.name}]
command={_escaped(shlex.join(launch))}
directory={_escaped(ROOT)}
priority={number}
autostart=false
autorestart=true
startsecs=3
startretries=10
stopasgroup=true
killasgroup=true
stopwaitsecs=15
stdout_logfile={_escaped(self.log(process.name))}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
redirect_stderr=true
"""


def _escaped(value: object) -> str:
    """Return a value as supervisord's configuration file takes it."""
    return str(value).replace("%", "%%")


def _socket(run: Path) -> Path:
    """Return the path of the socket: in `run`, or in a private folder where that is too long."""
    if len(os.fsencode(run)) + len("/supervisor.sock") <= LONGEST_SOCKET:
        return run / "supervisor.sock"
    name = hashlib.sha256(os.fsencode(run)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"bullion-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ServiceError(
            f"{folder} is open to others", "remove it, or use a shorter BULLION_HOME"
        )
    return folder / "supervisor.sock"


def _session_processes(leader: int, born: float) -> Iterator[int]:
    """Yield the processes of a session, unless its number belongs to another one by now."""
    try:
        if abs(psutil.Process(leader).create_time() - born) > 1:
            return
    except psutil.NoSuchProcess:
        pass  # it was killed; the processes below it keep its number
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            belongs = os.getsid(process.pid) == leader and process.create_time() >= born - 1
            if belongs and process.status() != psutil.STATUS_ZOMBIE:
                yield process.pid
