"""The dashboard as a whole: it stands where the API does not, and draws anew what has changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.views import PAGES
from tests.dashboard.screens import dashboard_settings, open_page, serve_lake, texts
from tests.dashboard.test_api import TaggedApi
from tests.servers.ports import free_port
from tests.servers.provider import Fault
from tests.serving.scored_api import LATE

NAMES = [page.__name__.rpartition(".")[2] for page in PAGES]
TRACE = re.compile(r"Traceback|Error\(|\.py\b|line \d+")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_without_an_api_says_what_to_do(name: str) -> None:
    with dashboard_settings(api=f"http://127.0.0.1:{free_port()}"):
        screen = open_page(name)
    assert not screen.exception
    assert "cannot be reached" in texts(screen)
    assert "make up" in texts(screen)
    assert not TRACE.search(texts(screen))


@pytest.mark.parametrize("name", NAMES)
def test_a_page_with_a_wrong_key_says_which_setting(name: str, scored_folder: Path) -> None:
    with (
        serve_lake(scored_folder, keys="right") as address,
        dashboard_settings(api=address, key="wrong"),
    ):
        screen = open_page(name)
    assert not screen.exception
    assert "BULLION_DASHBOARD_KEY" in texts(screen)
    assert not screen.dataframe


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_an_empty_lake_says_what_brings_data(name: str, tmp_path: Path) -> None:
    with serve_lake(tmp_path) as address, dashboard_settings(api=address):
        screen = open_page(name)
    assert not screen.exception
    assert not TRACE.search(texts(screen))
    assert screen.info or screen.error or screen.dataframe


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("forecast", ["nasdaq100_hourly", "aapl_daily", "nvda_5m", "spy_next_day"])
def test_each_forecast_has_each_page(dashboard: None, name: str, forecast: str) -> None:
    screen = open_page(name, forecast=forecast)
    assert not screen.exception
    assert "could not be drawn" not in texts(screen)
    assert screen.selectbox(key="forecast").value == forecast


@pytest.mark.parametrize("name", NAMES)
def test_made_up_data_are_said(dashboard: None, name: str) -> None:
    assert "Sample data" in texts(open_page(name))


def test_an_answer_of_another_form_is_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    with TaggedApi() as server, dashboard_settings(api=server.url):
        forecast = {"name": "x", "meaning": "y", "universes": [], "time_zone": "UTC"}
        server.value = {"forecasts": [forecast], "notices": []}
        screen = open_page("now")
    assert not screen.exception
    assert "could not be drawn" in texts(screen)
    assert "KeyError" in caplog.text  # the trace stands in the log


def test_an_api_that_goes_away_leaves_the_last_state_as_old(
    dashboard: None, api_address: str
) -> None:
    from dashboard.connection import connect

    open_page("now")
    connect()._client.base_url = f"http://127.0.0.1:{free_port()}"  # type: ignore[assignment]
    screen = open_page("now")
    assert not screen.exception
    assert [error.value for error in screen.error if error.value.startswith("**Old:**")]
    assert screen.dataframe  # what was read last is still there


def test_a_slow_api_is_a_sentence() -> None:
    with TaggedApi() as server, dashboard_settings(api=server.url, timeout_seconds="0.2"):
        server.fail(Fault(delay=1.0), times=None)
        assert "not answered within 0.2 s" in texts(open_page("now"))


def test_a_page_looks_again_by_itself(dashboard: None) -> None:
    screen = open_page("now", refresh="10 s")
    assert screen.session_state["refresh"] == "10 s"
    assert any(caption.value.startswith("Looked at") for caption in screen.caption)


def test_a_stale_signal_looks_stale(scored_folder: Path) -> None:
    with serve_lake(scored_folder, at=LATE) as address, dashboard_settings(api=address):
        screen = open_page("now")
    assert "stale" in texts(screen).lower()
