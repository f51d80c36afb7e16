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
    """How one process stands."""

    name: str
    state: str
    detail: str


class Supervisor:
    """Supervisord with a session of its own: whatever began below it is found by that session."""

    def __init__(self, chosen: Services) -> None:
        self.services = chosen
        self.processes = processes(chosen)
        run = chosen.folder("run")
        self._config, self._note = run / "supervisord.conf", run / "supervisord.json"
        self._socket = _socket(run)

    # -- life

    def start(self) -> None:
        """Start supervisord, with no process as yet."""
        self._sweep()  # what a killed supervisor left
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
        note = {"pid": leader.pid, "born": born, "source": os.environ.get("BULLION_SOURCE", "")}
        write_private(self._note, json.dumps(note))
        deadline = time.monotonic() + STOP_WITHIN
        while not self.running():
            if leader.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServiceError("supervisord does not start", f"see {log}")
            time.sleep(0.1)

    def running(self) -> bool:
        """Whether supervisord answers."""
        with suppress(OSError, HTTPException, Fault):
            return bool(self._ask("getState")["statename"] == "RUNNING")
        return False

    @property
    def source(self) -> str:
        """BULLION_SOURCE as it was when the services were started."""
        return str(self._known().get("source", ""))

    def ensure(self, parts: Sequence[str]) -> list[str]:
        """Start the processes of these parts that do not run; their names."""
        states = {one.name: one.state for one in self.status()}
        begun = [p.name for p in self.processes if p.part in parts and states.get(p.name) in GONE]
        for name in begun:
            self._ask("startProcess", name, False)
        return begun

    def stop_parts(self, names: Sequence[str]) -> None:
        """Stop some processes, and everything when no other is left."""
        for name in names:
            with suppress(OSError, HTTPException, Fault):
                self._ask("stopProcess", name, False)
        if all(one.name in names or one.state in GONE for one in self.status()):
            self.stop()

    def stop(self) -> list[int]:
        """Stop everything; the processes that had to be ended by force."""
        with suppress(OSError, HTTPException, Fault):
            self._ask("stopAllProcesses", False)  # at once; a shutdown alone takes them in turn
            self._ask("shutdown")
        deadline = time.monotonic() + STOP_WITHIN
        while self.left() and time.monotonic() < deadline:
            if self.leader not in self.left():
                break
            time.sleep(0.2)
        forced = self._sweep()
        self._note.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)
        return forced

    def _sweep(self) -> list[int]:
        """End what is left of our session; tasks have a group of their own, never a session."""
        found = self.left()
        for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 10.0)):
            deadline = time.monotonic() + patience
            while (left := self.left()) and time.monotonic() < deadline:
                for pid in left:  # again each time: one that dies may just have forked
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
                time.sleep(0.3)
        return found

    def left(self) -> list[int]:
        """Processes that supervisord began and that still run, itself among them."""
        known = self._known()
        return list(_of_session(known["pid"], known["born"])) if known else []

    def _known(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            known: dict[str, Any] = json.loads(self._note.read_text())
            return known
        return {}

    @property
    def leader(self) -> int | None:
        """The process number of supervisord, as it was started."""
        return self._known().get("pid")

    # -- how it stands

    def status(self) -> list[Status]:
        """Every process, in the order in which they start."""
        try:
            found = {one["name"]: one for one in self._ask("getAllProcessInfo")}
        except (OSError, HTTPException):
            found = {}
        return [
            Status(p.name, found[p.name]["statename"], found[p.name]["description"])
            if p.name in found
            else Status(p.name, "STOPPED", "")
            for p in self.processes
        ]

    def log(self, name: str) -> Path:
        """The newest log of one process."""
        return self.services.folder("logs") / f"{name}.log"

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines that one process printed."""
        with suppress(OSError):
            text = self.log(name).read_text(errors="replace").splitlines()[-lines:]
            return "\n".join(f"  | {line[:300]}" for line in text)
        return ""

    def wait(self, names: Sequence[str], ready: Callable[[], bool], within: float) -> None:
        """Wait until `ready`; a process that gives up meanwhile ends the waiting at once."""
        deadline = time.monotonic() + within
        while not ready():
            bad = [s for s in self.status() if s.name in names and s.state == "FATAL"]
            if bad or time.monotonic() > deadline:
                name = bad[0].name if bad else names[-1]
                what = "ended by itself, again and again" if bad else f"no answer in {within:g} s"
                raise ServiceError(
                    f"{name}: {what}; it said last:\n{self.tail(name)}", f"see {self.log(name)}"
                )
            time.sleep(0.5)

    # -- supervisord itself

    def _ask(self, method: str, *arguments: Any) -> Any:
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
logfile={_told(logs / "supervisord.log")}
logfile_maxbytes=5MB
logfile_backups=2
pidfile={_told(self._config.with_name("supervisord.pid"))}
umask=077

[unix_http_server]
file={_told(self._socket)}
chmod=0700
username=bullion
password={secret}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{_told(self._socket)}
username=bullion
password={secret}
"""
        return head + "".join(self._program(number, p) for number, p in enumerate(self.processes))

    def _program(self, number: int, process: Process) -> str:
        # Each builds its own environment, so that no key is in the file or in another process.
        launch = (sys.executable, "-m", "include.services.launch", process.name)
        return f"""
[program:{process.name}]
command={_told(shlex.join(launch))}
directory={_told(ROOT)}
priority={number}
autostart=false
autorestart=true
startsecs=3
startretries=10
stopasgroup=true
killasgroup=true
stopwaitsecs=15
stdout_logfile={_told(self.log(process.name))}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
redirect_stderr=true
"""


def _told(value: object) -> str:
    """A value as supervisord's file takes it."""
    return str(value).replace("%", "%%")


def _socket(run: Path) -> Path:
    """In the folder `run`; where that is too deep for a socket, in a private one of its own."""
    if len(os.fsencode(run)) + len("/supervisor.sock") <= LONGEST_SOCKET:
        return run / "supervisor.sock"
    name = hashlib.sha256(os.fsencode(run)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"bullion-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ServiceError(
            f"{folder} is open to others", "remove it, or use a shorter BULLION_HOME"
        )
    return folder / "supervisor.sock"


def _of_session(leader: int, born: float) -> Iterator[int]:
    """The processes of a session, unless its number went to another one since."""
    try:
        if abs(psutil.Process(leader).create_time() - born) > 1:
            return
    except psutil.NoSuchProcess:
        pass  # it was killed; what it had begun keeps its number
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            ours = os.getsid(process.pid) == leader and process.create_time() >= born - 1
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                yield process.pid
