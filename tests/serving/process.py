"""A serving process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.servers.ports import stop

ROOT = Path(__file__).resolve().parents[2]
WAIT = 60.0  # seconds after which a test gives up waiting


@contextmanager
def run_server(
    *command: str, env: Mapping[str, str], stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python process of this repository until the end of the block."""
    server = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=os.environ | dict(env), stdout=stdout
    )
    try:
        yield server
    finally:
        stop(server)


def environment_of(folder: Path, port: int) -> dict[str, str]:
    """Return the settings of a process that serves the lake of a folder."""
    return {
        "BULLION_LAKE_CATALOG": f"sqlite:{folder}/catalog.sqlite",
        "BULLION_LAKE_DATA": f"{folder}/files",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow/mlflow.db",
        "BULLION_API_PORT": str(port),
    }


def wait_for_answer(port: int, path: str = "/signal/index") -> httpx.Response:
    """Return the first successful answer, as soon as there is one."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}{path}")
            if answer.is_success:
                return answer
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"no answer from port {port}")


def memory_of(process: int) -> float:
    """Return the MiB of memory that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(process: int) -> float:
    """Return the seconds of a core that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
