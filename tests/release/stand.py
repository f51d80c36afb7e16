"""A stand for releases: a lake with a signal, nginx, callers, and code that is broken in a way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.release import control
from pipelines.release.processes import end_process
from pipelines.release.records import Release, read_releases
from tests.servers.nginx import ROOT, run_nginx
from tests.servers.ports import free_port, stop
from tests.serving.process import WAIT, environment_of

# Each is a version of the code with one fault; it is put around the API as it is.
FAULTS = {
    "good": "",
    "500s": """
    if scope["type"] == "http" and self.number % 5 == 0 and scope["path"] != "/health":
        headers = [(b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": b"oops"})
        return""",
    "slow": """
    if scope["type"] == "http" and scope["path"] != "/health":
        await asyncio.sleep(0.4)""",
    "other numbers": r"""
    if scope.get("path") in ("/signal/index", "/signals/history"):
        plain_send = send
        async def send(message):
            body = message.get("body", b"")
            body = re.sub(rb'("wss":-?)(\d)', lambda m: m[1] + b"%d" % (9 - int(m[2])), body)
            await plain_send({**message, "body": body} if body else message)""",
    "does not start": """
    raise SystemExit""",
    "hangs at start": """
    if scope["type"] != "lifespan":
        await asyncio.sleep(3600)""",
    "dies half-way": """
    if self.number == 60:
        os.kill(os.getpid(), 9)""",
    "hangs half-way": """
    if self.number > 60:
        os.kill(os.getpid(), 19)""",
}
MAIN = '''"""The API with a fault around it."""
import asyncio, os, re, sys, uvicorn
{early}

class Faulty:
    def __init__(self, app):
        self.app, self.number, self.state = app, 0, app.state

    async def __call__(self, scope, receive, send):
        self.number += 1
        await self.answer(scope, receive, send)

    async def answer(self, scope, receive, send):
        {fault}
        await self.app(scope, receive, send)

def main():
    sys.setswitchinterval(0.001)
    from serving.app import create_app
    from serving.http.protocol import options
    app = create_app()
    uvicorn.run(Faulty(app), **options(app.state.settings, app.state.unread))

if __name__ == "__main__":
    main()
'''


def write_code(folder: Path, fault: str) -> Path:
    """Write a version of the code: this one's, with a fault around its API."""
    folder.mkdir(parents=True)
    for name in ("pipelines", "include"):
        (folder / name).symlink_to(ROOT / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "serving", folder / "serving", ignore=ignored)
    lines = FAULTS[fault].strip().replace("\n", "\n    ")
    early = 'print("no such module"); sys.exit(3)' if fault == "does not start" else ""
    text = MAIN.replace("{early}", early).replace("{fault}", lines or "pass")
    if fault != "good":
        (folder / "serving" / "__main__.py").write_text(text)
    return folder


class Stand:
    """Two places behind nginx, and the callers."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self._number = 0
        self._load: subprocess.Popen[bytes] | None = None

    def release(self, fault: str = "good", **options: Any) -> Release:
        """Start a release of a version with a fault, and watch it to its end."""
        self._number += 1
        code = write_code(self.folder / f"code-{self._number}", fault)
        release = control.start(str(code), **options)
        return (control.watch() or release) if release.state == "trial" else release

    @property
    def out(self) -> Path:
        return self.folder / "load.json"

    def start_load(self, rate: float) -> None:
        command = [sys.executable, "-m", "tests.release.load", self.url, str(self.out), str(rate)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._load = subprocess.Popen(command, cwd=ROOT, env=environment)
        deadline = time.monotonic() + WAIT
        while self.report().get("requests", 0) < 100:
            assert self._load.poll() is None, "the callers ended"
            assert time.monotonic() < deadline, "no caller came"
            time.sleep(0.1)

    def report(self) -> dict[str, Any]:
        """Return what the callers have seen so far."""
        return json.loads(self.out.read_text()) if self.out.exists() else {}

    def end_load(self) -> dict[str, Any]:
        stop(self._load)
        self._load = None
        return self.report()

    def close(self) -> None:
        stop(self._load)
        for release in read_releases().rows:
            end_process(release)


@contextmanager
def open_stand(lake: Path, folder: Path, **settings: str) -> Iterator[Stand]:
    """Run nginx in front of two free places, with the settings of releases, over a lake."""
    port, first, second = free_port(), free_port(), free_port()
    values = {
        "first": f"127.0.0.1:{first}",
        "second": f"127.0.0.1:{second}",
        "folder": str(folder / "release"),
        "start_seconds": "120",
        "least_seconds": "2",
        "most_seconds": "120",
        "drain_seconds": "1",
        "reads_per_second": "40",
        "read_seconds": "3",
        **settings,
    }
    environment = environment_of(lake, first)
    environment.pop("BULLION_API_PORT")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name in [name for name in os.environ if name.startswith("BULLION_")]:
            patch.delenv(name)
        for name, value in values.items():
            patch.setenv(f"BULLION_RELEASE_{name.upper()}", value)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("BULLION_SOURCE", "sample")
        patch.setenv("BULLION_API_SLOW_MS", "60000")
        url = stack.enter_context(
            run_nginx(port, values["first"], values["second"], folder / "release", folder / "nginx")
        )
        stand = Stand(folder, url)
        try:
            yield stand
        finally:
            stand.close()
