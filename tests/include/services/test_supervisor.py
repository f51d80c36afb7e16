"""The supervisor's file holds no key, and finds every process it began."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from include.services.parts import processes
from include.services.settings import Services
from include.services.supervisor import Supervisor, _session_processes


def test_no_key_is_in_a_command_or_in_the_supervisors_file(config: Services) -> None:
    keys = {v for k, v in config.secrets.items() if k != "supervisor"}
    configuration = Supervisor(config)._configuration() + repr(processes(config))
    assert not any(key in configuration for key in keys)


def test_a_percent_sign_in_the_path_is_escaped_for_supervisord(tmp_path: Path) -> None:
    from configparser import ConfigParser

    configuration = Supervisor(Services(home=tmp_path / "100%s"))._configuration()
    parser = ConfigParser()
    parser.read_string(configuration)
    assert parser["program:api"]["stdout_logfile"].endswith("100%s/logs/api.log")


def test_a_deep_folder_has_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = Services(home=tmp_path / ("x" * 90))
    socket = Supervisor(deep)._socket
    assert len(str(socket)) < 100
    assert socket.parent.stat().st_mode & 0o077 == 0
    socket.parent.rmdir()


def test_what_a_session_left_is_found_and_a_number_used_again_is_not() -> None:
    leaves = "import subprocess as s; print(s.Popen(['sleep', '60']).pid)"
    with subprocess.Popen(
        [sys.executable, "-c", leaves], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        born = psutil.Process(leader.pid).create_time()
        assert leader.stdout
        orphan = int(leader.stdout.readline())
    try:
        assert list(_session_processes(leader.pid, born)) == [orphan]
        process = psutil.Process()
        earlier = process.create_time() - 100
        assert list(_session_processes(process.pid, earlier)) == []
    finally:
        os.kill(orphan, 9)
