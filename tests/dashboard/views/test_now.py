"""The page Now shows what the API answers, number by number."""

from __future__ import annotations

import httpx
import pytest

from dashboard import palette
from dashboard.clock import Clock
from tests.dashboard.screens import dashboard_settings, open_page, texts
from tests.serving.scored_api import SOURCE


def test_the_signal_is_that_of_the_api(dashboard: None, api_address: str) -> None:
    signal = httpx.get(f"{api_address}/signal/index").json()
    screen = open_page("now")
    page_text = texts(screen)
    assert signal["reason"] in page_text
    assert Clock().minute(signal["closes_at"]) in page_text
    assert f"v{signal['model_version']}, unproven" in page_text
    assert any(
        "unproven model: no skill" in w.value.replace("\\", "").lower() for w in screen.warning
    )
    headline = screen.get("html")[0]
    assert f"{palette.MARKS[signal['signal']].sign} {signal['signal']}" in headline.proto.body


def test_the_table_has_the_constituents_by_what_they_contribute(
    dashboard: None, api_address: str
) -> None:
    rows = httpx.get(f"{api_address}/signal/index").json()["per_symbol"]
    table = open_page("now").dataframe[0].value.set_index("symbol")
    assert len(table) == len(rows) > 1
    for row in rows:
        assert table.loc[row["symbol"], "contribution"] == row["contribution"]
        assert table.loc[row["symbol"], "share"] == row["share"]
        assert row["action"].replace("_", " ") in table.loc[row["symbol"], "action"]
    sizes = table["contribution"].abs()
    assert list(sizes) == sorted(sizes, reverse=True)


@pytest.mark.parametrize("symbol", ["NVDA", "AAPL"])
def test_a_symbol_in_the_address_is_the_one_that_is_drawn(
    dashboard: None, api_address: str, symbol: str
) -> None:
    component = httpx.get(f"{api_address}/predict/component", params={"symbol": symbol}).json()
    screen = open_page("now", symbol=symbol)
    assert f"**{symbol}**: " in texts(screen)
    assert component["action_reason"] in texts(screen)
    shares = component["targets"]["action"]["probabilities"]
    words = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    assert any(f'aria-label="{words}"' in html.proto.body for html in screen.get("html"))


@pytest.mark.parametrize("target", ["return", "risk"])
def test_each_target_of_a_forecast_has_its_own_picture(
    dashboard: None, api_address: str, target: str
) -> None:
    path = f"{api_address}/forecasts/aapl_daily/component?symbol=AAPL"
    prediction = httpx.get(path).json()["targets"][target]
    page_text = texts(open_page("now", forecast="aapl_daily", target=target))
    if prediction["kind"] == "value":
        assert f"{prediction['value']:+.2%}, {prediction['value_low']:+.2%}" in page_text
    else:
        assert prediction["action"].replace("_", " ") in page_text


def test_times_are_those_of_the_exchange_where_that_is_chosen(
    dashboard: None, api_address: str
) -> None:
    closes_at = httpx.get(f"{api_address}/signal/index").json()["closes_at"]
    page_text = texts(open_page("now", times="exchange"))
    assert Clock("America/New_York").minute(closes_at) in page_text
    assert "New York" in page_text


def test_a_forecast_without_a_signal_says_what_brings_it(dashboard: None) -> None:
    page_text = texts(open_page("now", forecast="spy_next_day"))
    assert f"has no signal of spy from {SOURCE}" in page_text
    assert "unpause the DAGs of spy_next_day" in page_text


def test_a_refusal_of_the_api_is_one_sentence(api_address: str) -> None:
    with dashboard_settings(api=api_address + "/nowhere"):
        screen = open_page("now")
    assert len(screen.error) + len(screen.info) == 1
