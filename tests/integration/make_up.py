"""`make up` on a folder and ports of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from include.services.settings import Services
from include.services.supervisor import Supervisor
from tests.integration.airflow_home import ROOT
from tests.servers.ports import free_port

PORTS = ("airflow_port", "mlflow_port", "api_port", "dashboard_port", "pages_port")


class Up:
    """`python -m include.services` on a folder and ports of its own."""

    def __init__(self, home: Path) -> None:
        ports = {name: free_port() for name in PORTS}
        self.config = Services(home=home, **ports)
        foreign = ("AIRFLOW", "BULLION_", "MLFLOW_")
        own = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        port_settings = {f"BULLION_{name.upper()}": str(port) for name, port in ports.items()}
        self._environment = own | port_settings | {"BULLION_HOME": str(home)}
        self.supervisor = Supervisor(self.config)

    def __call__(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "include.services", *arguments],
            cwd=ROOT,
            env=self._environment | more,
            capture_output=True,
            text=True,
            check=False,
        )

    def processes(self) -> dict[int, str]:
        """Return the running processes of this stack, found by their session, folder or ports."""
        marks = (str(self.config.home), *(f":{port}" for port in self.config.ports.values()))
        own = set(self.supervisor.remaining())
        commands = {}
        for process in psutil.process_iter(["cmdline"]):
            command = " ".join(process.info["cmdline"] or [])
            if process.pid in own or (
                process.pid != os.getpid() and any(m in command for m in marks)
            ):
                commands[process.pid] = command
        return commands

    def signal_process(self, name: str, number: signal.Signals) -> int:
        """Send a signal to one process, and return its number."""
        [standing] = [s for s in self.supervisor.status() if s.name == name]
        pid = int(standing.detail.split()[1].rstrip(","))
        os.kill(pid, number)
        return pid

    def is_well(self) -> bool:
        return self("status").returncode == 0
