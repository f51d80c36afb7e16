"""The API processes of releases on this machine: started, looked at, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from pipelines.core.errors import InvalidRequest
from pipelines.release.records import Release
from pipelines.release.settings import ReleaseSettings

END_WITHIN = 10.0  # seconds after SIGTERM; the API closes its sockets within 5
LINES = 3  # of a log that are quoted
MODELS = "BULLION_API_MODELS"


def start_process(
    settings: ReleaseSettings, release: Release, python: str = "", more: Mapping[str, str] = {}
) -> None:
    """Start the API of a release by its own code, at its place, and note its process."""
    code = Path(release.code)
    if not (code / "serving" / "__main__.py").is_file():
        raise InvalidRequest(
            f"{code} has no serving/__main__.py", "name the folder of a checkout of Bullion"
        )
    host, _, port = settings.address(release.place).rpartition(":")
    environment = os.environ | {
        "PYTHONPATH": str(code),
        "BULLION_API_HOST": host,
        "BULLION_API_PORT": port,
        MODELS: release.models,
        **more,
    }
    with log_path(settings, release).open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            [python or sys.executable, "-m", "serving"],
            cwd=code,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    release.pid = process.pid
    with suppress(psutil.Error):
        release.born_at = psutil.Process(process.pid).create_time()


def log_path(settings: ReleaseSettings, release: Release) -> Path:
    """Return where the process of a release writes its log."""
    return settings.place / f"{release.place}.log"


def last_words(settings: ReleaseSettings, release: Release) -> str:
    """Return the last lines of a release's log."""
    with suppress(OSError):
        with log_path(settings, release).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 4096))
            text = file.read().decode(errors="replace")
        return " | ".join(line.strip() for line in text.splitlines()[-LINES:] if line.strip())
    return ""


def is_running(release: Release) -> bool:
    """Whether the process of a release lives; a container's is not known here, and counts so."""
    return release.pid is None or _process(release) is not None


def _process(release: Release) -> psutil.Process | None:
    with suppress(psutil.Error):
        process = psutil.Process(release.pid)
        is_the_same = release.born_at is None or process.create_time() == release.born_at
        if is_the_same and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def end_process(release: Release) -> None:
    """End the process of a release: it lets requests end, closes its sockets, or is killed."""
    process = _process(release) if release.pid is not None else None
    if process is None:
        return
    with suppress(psutil.Error):
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + END_WITHIN
        while _process(release) is not None and time.monotonic() < deadline:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
            time.sleep(0.05)
        if _process(release) is not None:
            process.kill()
    with suppress(ChildProcessError):
        os.waitpid(process.pid, 0)
