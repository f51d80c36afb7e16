"""The page Performance over a real API: its numbers are the API's, and its empty states say why."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from dashboard.words import percent
from tests.dashboard.screens import dashboard_settings, open_page, serve_lake, texts
from tests.serving.daily import DAILY
from tests.steps.scored_market import HOURLY


@pytest.mark.usefixtures("dashboard")
def test_the_figures_are_those_of_the_api(api_address: str) -> None:
    screen = open_page("performance", forecast=HOURLY.name, published="later")
    text = texts(screen)
    assert not screen.error
    rows = httpx.get(f"{api_address}/forecasts/{HOURLY.name}/performance?live=false").json()["rows"]
    values = {row["figure"]: row["value"] for row in rows}
    assert percent(values["earned"], 2, sign=True) in text
    assert percent(values["hit_rate"]) in text
    assert "Sample data: made up, and no market." in text
    assert "Some signals are of unproven models." in text
    hits = httpx.get(f"{api_address}/forecasts/{HOURLY.name}/performance/hits?live=false").json()[
        "rows"
    ]
    assert screen.dataframe[0].value["signals"].tolist() == [row["signals"] for row in hits]


@pytest.mark.usefixtures("dashboard")
@pytest.mark.parametrize("by", ["strength", "hour", "symbol"])
def test_what_is_selected_stands_in_the_address(api_address: str, by: str) -> None:
    screen = open_page("performance", forecast=HOURLY.name, published="later", by=by)
    path = f"{api_address}/forecasts/{HOURLY.name}/performance/hits?live=false&by={by}"
    groups = [row["group"] for row in httpx.get(path).json()["rows"]]
    assert screen.dataframe[0].value["group"].tolist() == groups


@pytest.mark.usefixtures("dashboard")
def test_a_backtest_is_opened_beside_it(api_address: str) -> None:
    screen = open_page("performance", forecast=HOURLY.name, published="later", backtest="hourly")
    assert not screen.error
    rows = httpx.get(f"{api_address}/backtests/hourly").json()
    assert len(screen.dataframe[-1].value) == len(rows["rows"])
    assert rows["how"].split(" by ")[0] in texts(screen)
    assert "What limits the worth of this report" in [box.label for box in screen.expander]


@pytest.mark.usefixtures("dashboard")
def test_without_an_outcome_yet_the_page_says_when_there_is_one() -> None:
    text = texts(open_page("performance", forecast=HOURLY.name))  # live: its next bar is open
    assert "Signals: 1. Of none it is known yet what came next." in text
    assert f"score_{HOURLY.name} has run" in text
    assert "What following the signals earned" not in text


@pytest.mark.usefixtures("dashboard")
def test_a_forecast_without_signals_says_what_brings_them() -> None:
    text = texts(open_page("performance", forecast="nvda_5m"))
    assert "There is no signal to follow here." in text
    assert "score_nvda_5m publishes one" in text
    assert "There is no report of a backtest of nvda_5m." in text


@pytest.mark.usefixtures("dashboard")
def test_a_value_shows_how_much_its_interval_held() -> None:
    screen = open_page(
        "performance", forecast=DAILY.name, published="later", target=DAILY.target_names[0]
    )
    assert "lay inside the interval, which promises 80%" in texts(screen)


def test_without_the_api_there_is_a_sentence_and_no_trace(scored_folder: Path) -> None:
    with serve_lake(scored_folder) as address:
        pass
    with dashboard_settings(api=address):
        screen = open_page("performance")
    assert f"The API at {address} cannot be reached." in texts(screen)
    assert not screen.exception
