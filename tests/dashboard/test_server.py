"""The dashboard as a process: it says what is wrong, and Streamlit runs as it is meant to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from dashboard.__main__ import main
from dashboard.server import create_server
from dashboard.settings import Settings
from tests.serving.process import ROOT


def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BULLION_DASHBOARD_PORT", "70000")
    assert main() == 2
    assert "BULLION_DASHBOARD_PORT" in capsys.readouterr().err


def test_it_answers_and_a_page_learns_where_its_server_is() -> None:
    with TestClient(create_server(Settings()), base_url="http://localhost") as client:
        page = client.get("/news", headers={"Accept": "text/html"})
        assert "window.__streamlit" in page.text
        assert int(page.headers["content-length"]) == len(page.content)
        assert client.get("/_stcore/health").text == "ok"


def test_its_options_are_those_of_the_file_whatever_the_environment_says() -> None:
    options = ["browser.gatherUsageStats", "client.showErrorDetails", "server.fileWatcherType"]
    code = (
        "import sys, uvicorn, dashboard.__main__ as started\n"
        "from streamlit import config\n"
        "uvicorn.run = lambda *_, **options: print(options['host'])\n"
        f"assert started.main() == 0\nprint([config.get_option(o) for o in {options}])"
    )
    environment = os.environ | {"STREAMLIT_BROWSER_GATHER_USAGE_STATS": "true"}
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert output.stdout.decode().splitlines()[1:] == ["127.0.0.1", "[False, 'none', 'none']"]
