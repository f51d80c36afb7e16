"""Work done in processes of its own, which a test can wait for or kill.

One warm process has imported everything and forks for each job, so a job starts in milliseconds.

    with Jobs() as jobs:
        job = jobs.start("append", "a", 10)
        job.kill()            # or: job.result()
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PASSED = ("BULLION_", "AWS_", "MLFLOW_")  # the beginnings of variables that a job gets


class Job:
    """One forked process."""

    def __init__(self, jobs: Jobs, pid: int, out: Path) -> None:
        self._jobs, self.pid, self._out = jobs, pid, out

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self._jobs.ask({"wait": self.pid})

    def result(self) -> Any:
        """What the job returned; its own traceback when it failed."""
        code = self._jobs.ask({"wait": self.pid})
        outcome = json.loads(self._out.read_text()) if self._out.exists() else None
        if code != 0:
            raise AssertionError(f"the job ended with {code}:\n{outcome}")
        return outcome

    def said(self, name: str, seconds: float = 60) -> str:
        """Wait for a note that the job leaves by `tell`."""
        path = self._out.with_suffix(f".{name}")
        deadline = time.monotonic() + seconds
        while not path.exists():
            if time.monotonic() > deadline:
                raise AssertionError(f"the job never said {name!r}")
            time.sleep(0.01)
        return path.read_text()


class Jobs:
    """The warm process, and what it started."""

    def __enter__(self) -> Jobs:
        self._folder = tempfile.TemporaryDirectory(prefix="bullion-jobs-")
        self._count = 0
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.job_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stdin.close()  # type: ignore[union-attr]
        self._server.wait(timeout=30)
        self._folder.cleanup()

    def start(self, name: str, *arguments: object) -> Job:
        """Fork a job of JOBS, with the variables of PASSED as they are now."""
        self._count += 1
        out = Path(self._folder.name) / f"{self._count}.json"
        environment = {k: v for k, v in os.environ.items() if k.startswith(PASSED)}
        order = {"job": name, "with": arguments, "env": environment, "out": str(out)}
        return Job(self, self.ask(order), out)

    def run(self, name: str, *arguments: object) -> Any:
        return self.start(name, *arguments).result()

    def ask(self, order: dict[str, object]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


def serve() -> None:
    """Fork for each order on stdin; end, and end what still runs, when stdin ends."""
    from tests.side_by_side import share_the_cores

    share_the_cores(every_optimizer=True)
    from tests.lake_jobs import JOBS

    running: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            running.discard(order["wait"])
            code = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
            print(code, flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _child(JOBS[order["job"]], order)
        running.add(pid)
        print(pid, flush=True)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _child(job: Callable[..., object], order: dict[str, Any]) -> None:
    global _notes
    _notes = Path(order["out"])
    os.environ.update(order["env"])
    code = 1
    with _notes.open("w") as out:  # opened first: the job may become another user
        try:
            outcome: object = job(*order["with"])
            code = 0
        except BaseException:
            outcome = traceback.format_exc()
        json.dump(outcome, out)
    os._exit(code)


_notes = Path()


def announce(name: str, text: str = "") -> None:
    """Leave a note that the test can wait for."""
    path = _notes.with_suffix(f".{name}")
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


if __name__ == "__main__":
    from tests import job_server  # the module that the jobs import, not __main__

    job_server.serve()
