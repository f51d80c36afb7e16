"""The page of predictions: every model's, and what became of them, as the API answers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from dashboard.views.predictions import _is_right, _words
from tests.dashboard.screens import open_page, texts


def history(address: str, forecast: str, **parameters: Any) -> list[dict[str, Any]]:
    path = f"{address}/forecasts/{forecast}/history"
    rows: list[dict[str, Any]] = httpx.get(path, params={"role": "all"} | parameters).json()["rows"]
    return rows


def test_the_newest_predictions_are_a_row_a_symbol_and_a_column_a_model(
    dashboard: None, api_address: str
) -> None:
    rows = history(api_address, "nasdaq100_hourly")
    newest = [row for row in rows if row["ts"] == rows[0]["ts"]]
    table = open_page("predictions").dataframe[0].value.set_index("symbol")
    assert set(table.index) == {row["symbol"] for row in newest}
    assert set(table.columns) == {row["candidate"] for row in newest}
    for row in newest:
        assert table.loc[row["symbol"], row["candidate"]] == _words(row)
        assert row["action"].replace("_", " ") in _words(row)
        assert f"{row['confidence']:.0%}" in _words(row)


@pytest.mark.parametrize("target", ["return", "risk"])
def test_outcomes_stand_beside_what_was_predicted(
    dashboard: None, api_address: str, target: str
) -> None:
    rows = history(api_address, "aapl_daily", target=target, live=False)
    outcome_rows = [row for row in rows if row["outcome"] is not None]
    screen = open_page("predictions", forecast="aapl_daily", target=target)
    hits, past = (frame.value for frame in screen.dataframe[1:])
    assert 0 < len(past) <= len(outcome_rows)
    assert list(hits["predictions"]) == [len(past)]
    right = sum(_is_right(row) for row in outcome_rows[: len(past)])
    assert hits["rate"][0] == pytest.approx(right / len(past))
    assert list(past["right"]).count("✓ right") == right


def test_a_value_is_right_where_it_lies_within_its_interval() -> None:
    row = {"action": None, "actual": None, "value_low": -1.0, "value_high": 1.0, "outcome": 1.0}
    assert _is_right(row)
    assert not _is_right(row | {"outcome": 1.01})
    assert _is_right({"action": "buy", "actual": "buy"})
    assert not _is_right({"action": "buy", "actual": None})


def test_a_forecast_that_never_predicted_says_what_to_trigger(dashboard: None) -> None:
    assert "train_spy_next_day" in texts(open_page("predictions", forecast="spy_next_day"))
