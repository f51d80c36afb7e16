"""The page of bars, over a real API: what is on it is what the API answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.views.market import default_range
from pipelines.steps.lake import open_lake
from pipelines.stream.newest_prices import NewestPrice, StreamState, prices_file, write_state
from tests.dashboard.screens import dashboard_settings, open_page, serve_lake, texts
from tests.servers.ports import free_port
from tests.serving.scored_api import NIGHT


def chart(screen: AppTest) -> dict[str, Any]:
    """The figure that the page drew."""
    (element,) = screen.get("plotly_chart")
    figure: dict[str, Any] = json.loads(element.proto.spec)
    return figure


@pytest.mark.usefixtures("dashboard")
def test_the_chart_has_the_bars_of_the_api(api_address: str) -> None:
    screen = open_page("market", series="NVDA")
    assert not screen.exception
    assert not screen.error
    bars = httpx.get(
        f"{api_address}/bars/history",
        params={"symbol": "NVDA", "candles": 400, "indicators": "sma_20,rsi_14"},
    ).json()["rows"][::-1]
    figure = chart(screen)
    traces_by_name = {trace["name"]: trace for trace in figure["data"]}
    assert len(traces_by_name["price"]["x"]) == len(bars) > 50
    assert figure["layout"]["xaxis"]["type"] == "category"
    assert {"volume", "SMA 20", "RSI 14"} <= set(traces_by_name)
    assert "MACD 12 26" not in traces_by_name
    page_text = texts(screen)
    assert f"{bars[-1]['close']:,.2f}" in page_text
    assert "Sample data" in page_text


@pytest.mark.usefixtures("dashboard")
def test_what_the_forecast_said_is_marked_at_its_bars(api_address: str) -> None:
    traces_by_name = {
        trace["name"]: trace for trace in chart(open_page("market", series="NVDA"))["data"]
    }
    rows = [
        row
        for live in ("true", "false")
        for row in httpx.get(
            f"{api_address}/predictions/history", params={"symbol": "NVDA", "live": live}
        ).json()["rows"]
    ]
    predicted_closes = {row["closes_at"] for row in rows if row["score"]}
    mark_counts = [
        len(t["x"]) for name, t in traces_by_name.items() if name.startswith("predicted ")
    ]
    assert sum(mark_counts) == len(predicted_closes) > 0
    assert any(name.startswith("signal ") for name in traces_by_name)


@pytest.mark.parametrize(
    ("bars", "last", "expected"),
    [
        (3525, "2026-11-27", "1 mo"),  # hours
        (39_000, "2026-11-27", "5 d"),  # five minutes: a candle has some of them in any range
        (505, "2026-11-27", "1 y"),  # days
        (350, "2026-11-27", "all"),
        (3, "2024-11-19", "all"),
    ],
)
def test_at_first_a_range_is_shown_in_which_each_bar_is_a_candle(
    bars: int, last: str, expected: str
) -> None:
    series = {"first": "2024-11-19T14:30:00Z", "last": f"{last}T20:30:00Z", "bars": bars}
    assert default_range(series) == expected


@pytest.mark.usefixtures("dashboard")
def test_the_choices_of_an_address_are_drawn() -> None:
    screen = open_page("market", series="AAPL", interval="1d", range="all")
    assert "1d" in [control.value for control in screen.get("button_group")] or not screen.exception
    assert "speaks of bars of 1h" in texts(screen)


def test_a_lake_without_bars_says_what_to_do(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{tmp_path}/catalog.sqlite")
    monkeypatch.setenv("BULLION_LAKE_DATA", f"{tmp_path}/files")
    with open_lake():
        pass
    with serve_lake(tmp_path) as address, dashboard_settings(api=address, fresh_seconds="0"):
        screen = open_page("market")
    assert not screen.exception
    assert "ingest_nasdaq100_hourly" in texts(screen)


def test_an_api_that_is_gone_is_a_sentence() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with dashboard_settings(api=address, fresh_seconds="0"):
        screen = open_page("market")
    assert not screen.exception
    assert address in texts(screen)


def test_the_live_price_of_a_streamed_symbol_is_followed(
    scored_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_PRICES", str(tmp_path))
    with serve_lake(scored_folder) as address, dashboard_settings(api=address, fresh_seconds="0"):
        assert "Bid" not in texts(open_page("market", series="NVDA"))
        price = NewestPrice("NVDA", NIGHT, 180.25, None, 180.5, NIGHT)
        state = StreamState(
            "sample", NIGHT, NIGHT, connected=True, heard_at=NIGHT, prices={"NVDA": price}
        )
        write_state(prices_file("sample"), state)
        followed, other = (texts(open_page("market", series=name)) for name in ("NVDA", "AAPL"))
        write_state(prices_file("sample"), replace(state, connected=False, trouble="lost"))
        lost, health = texts(open_page("market", series="NVDA")), texts(open_page("health"))
    assert "180.50" in followed
    assert "● live" in followed
    assert "Bid" not in other
    assert "not live any more" in lost
    assert "not live: lost" in health
    assert "NVDA 180.50" in health
