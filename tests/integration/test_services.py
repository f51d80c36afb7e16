"""The services as `make up` runs them: healthy, restarted when killed, and gone after `down`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from dashboard.views import PAGES
from tests.integration import dashboard_checks
from tests.integration.airflow_home import ROOT, wait_for
from tests.integration.dashboard_checks import has_news
from tests.integration.dashboard_screen import Screen, open_browser
from tests.integration.make_up import Up

pytestmark = [pytest.mark.integration, pytest.mark.timeout(2400)]

BACK_WITHIN = 90.0  # seconds
NAMES = [page.__name__.rpartition(".")[2] for page in PAGES]
PATHS = {name: "/" if name == NAMES[0] else f"/{name}" for name in NAMES}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    services = Up(tmp_path_factory.mktemp("up"))
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield services
    finally:
        services("down")
        signal.signal(signal.SIGTERM, handler)
        assert services.processes() == {}


def test_a_busy_port_is_named_with_a_way_out(up: Up) -> None:
    with psutil.Popen(
        [sys.executable, "-m", "http.server", "-b", "127.0.0.1", str(up.config.mlflow_port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as blocker:
        wait_for(lambda: _open(up.config.mlflow_port), 20, "a busy port")
        result = up("up", "mlflow")
        blocker.kill()
    assert result.returncode == 1
    assert f"port {up.config.mlflow_port} (BULLION_MLFLOW_PORT)" in result.stderr
    assert f"process {blocker.pid}" in result.stderr
    assert "BULLION_MLFLOW_PORT=" in result.stderr
    assert up.supervisor.remaining() == []


def test_up_brings_a_signal_through_the_dags(up: Up) -> None:
    result = up("up", "--detach")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "/NQ: " in result.stdout
    assert up.config.secrets["admin"] in result.stdout
    hidden = {v for k, v in up.config.secrets.items() if k != "admin"}
    assert not any(secret in result.stdout + result.stderr for secret in hidden)
    assert (up.config.home / "secrets.json").stat().st_mode & 0o077 == 0
    signals = httpx.get(f"{up.config.url('api')}/signal/index").json()
    assert signals["instrument"] == "/NQ"
    # Other forecasts were decided on a moment ago, and a training as of now has the cores.
    wait_for(up.is_well, 120, "services that all answer", lambda: up("status").stdout)


@pytest.fixture(scope="module")
def screen(up: Up) -> Iterator[Screen]:
    with open_browser(up.config.url("dashboard")) as opened:
        yield opened


def test_the_address_of_the_dashboard_is_printed_first(up: Up) -> None:
    addresses = [line for line in up("up", "--detach").stdout.splitlines() if "http://" in line]
    assert up.config.url("dashboard") in addresses[0]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_on_a_page_is_what_the_api_answers(up: Up, screen: Screen, name: str) -> None:
    with httpx.Client(base_url=up.config.url("api")) as api:
        if name == "news":
            wait_for(lambda: has_news(api), 600, "the first stories")
        # The platform goes on meanwhile: what was published between the two is seen at the next.
        for is_last in (False, False, True):
            screen.open(PATHS[name])
            try:
                getattr(dashboard_checks, f"check_{name}")(screen, api)
                break
            except AssertionError:
                if is_last:
                    raise
    assert "could not be drawn" not in screen.text
    assert screen.complaints == []
    assert screen.hosts == {urlsplit(up.config.url("dashboard")).netloc}


@pytest.mark.parametrize("width", [1024, 1440])
def test_no_page_scrolls_sideways(up: Up, screen: Screen, width: int) -> None:
    screen.page.set_viewport_size({"width": width, "height": 900})
    for name in NAMES:
        screen.open(PATHS[name])
        assert not screen.reaches_sideways(), name


def test_a_page_looks_again_by_itself_and_says_when_the_api_is_silent(
    up: Up, screen: Screen
) -> None:
    screen.open("/?refresh=10+s")
    pid = up.signal_process("api", signal.SIGSTOP)
    try:
        screen.page.get_by_text("Old:").first.wait_for(timeout=120_000)
        screen.wait_until_drawn()
        assert "has not answered" in screen.text
        assert screen.tables()  # what was read last stays
    finally:
        os.kill(pid, signal.SIGCONT)
    screen.page.get_by_text("Old:").first.wait_for(state="detached", timeout=120_000)


def test_a_second_up_changes_nothing(up: Up) -> None:
    pids = up.processes().keys() & set(up.supervisor.remaining())
    result = up("up", "--detach")
    assert result.returncode == 0, result.stderr
    assert "it runs already" in result.stdout
    assert "..." not in result.stdout.partition("it runs already")[2]
    pids_after = {s.detail.split()[1] for s in up.supervisor.status()}
    assert {int(pid.rstrip(",")) for pid in pids_after} <= pids


def test_a_change_of_the_source_needs_a_stop_first(up: Up) -> None:
    result = up("up", "--detach", BULLION_SOURCE="yahoo")
    assert result.returncode == 1
    assert "make down" in result.stderr


@pytest.mark.parametrize("name", ["airflow-scheduler", "api"])
def test_a_killed_service_is_restarted(up: Up, name: str) -> None:
    pid = up.signal_process(name, signal.SIGKILL)

    def is_back() -> bool:
        [standing] = [s for s in up.supervisor.status() if s.name == name]
        return standing.state == "RUNNING" and str(pid) not in standing.detail and up.is_well()

    wait_for(is_back, BACK_WITHIN, f"{name} again", lambda: up.supervisor.tail(name))


def test_the_pages_are_served(up: Up) -> None:
    url = up.config.url("pages")
    assert httpx.get(url).headers["location"] == "/reports/"
    assert "index_signals" in httpx.get(f"{url}/docs/", follow_redirects=True).text


def test_nothing_listens_beyond_loopback(up: Up) -> None:
    addresses = {
        socket.laddr.ip
        for socket in psutil.net_connections("tcp")
        if socket.status == psutil.CONN_LISTEN and socket.pid in up.supervisor.remaining()
    }
    assert addresses == {"127.0.0.1"}


def test_down_leaves_no_process_even_of_a_killed_supervisor(up: Up) -> None:
    assert up.supervisor.leader
    os.kill(up.supervisor.leader, signal.SIGKILL)
    wait_for(lambda: not up.supervisor.is_running(), 10, "the supervisor's end")
    assert up.supervisor.remaining()
    assert up("down").returncode == 0
    assert up.processes() == {}


def test_an_interrupted_start_leaves_no_process(up: Up) -> None:
    with psutil.Popen(
        [sys.executable, "-m", "include.services", "up"],
        cwd=ROOT,
        env=up._environment,
        stdout=subprocess.PIPE,
        text=True,
        # A worker of pytest-xdist ignores Ctrl-C, and its children would.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        wait_for(lambda: len(up.supervisor.remaining()) > 4, 60, "a start")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "nothing is left running" in output
    assert up.processes() == {}


def _open(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}")
    except httpx.TransportError:
        return False
    return True
