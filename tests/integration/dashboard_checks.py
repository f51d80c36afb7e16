"""What is on each page of the dashboard, compared with what the API answers at the same time."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.integration.dashboard_screen import Screen

FORECAST = "/forecasts/nasdaq100_hourly"
Row = dict[str, Any]


def check_now(screen: Screen, api: httpx.Client) -> None:
    """The signal, the reason, and each constituent's share of it."""
    signal = api.get("/signal/index").json()
    assert signal["signal"] in screen.text
    assert signal["reason"] in screen.text
    assert f"v{signal['model_version']}, " in screen.text
    rows = rows_of(screen.tables()[0], "Symbol")
    assert len(rows) == len(signal["per_symbol"])
    for part in signal["per_symbol"]:
        row = rows[part["symbol"]]
        assert float(row["Contribution"]) == pytest.approx(part["contribution"])
        assert float(row["Share"]) == pytest.approx(part["share"])
        assert part["action"].replace("_", " ") in row["Action"]


def check_market(screen: Screen, api: httpx.Client) -> None:
    """The last close, and a slider that moves what is seen."""
    symbol = api.get("/forecasts").json()["forecasts"][0]["symbols"][0]
    bar = api.get("/bars/newest", params={"symbol": symbol}).json()
    assert f"{bar['close']:,.2f}" in screen.text
    assert bar["closes_at"][:10] in screen.text
    before = screen.axis_range()
    handle = screen.page.locator(".rangeslider-grabarea-min").first.bounding_box()
    assert handle
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    screen.page.mouse.move(x, y)
    screen.page.mouse.down()
    screen.page.mouse.move(x + 200, y, steps=8)
    screen.page.mouse.up()
    screen.page.wait_for_timeout(1000)
    after = screen.axis_range()
    assert after[0] > before[0]
    assert after[1] == pytest.approx(before[1], abs=1)
    screen.page.get_by_role("radio", name="3 mo").click()
    screen.page.wait_for_function("location.search.includes('range=3+mo')")


def check_predictions(screen: Screen, api: httpx.Client) -> None:
    """A row a symbol and a column a model, with each model's action."""
    history = api.get(f"{FORECAST}/history", params={"role": "all", "limit": 2000}).json()["rows"]
    newest = [row for row in history if row["ts"] == history[0]["ts"]]
    rows = rows_of(screen.tables()[0], "Symbol")
    assert set(rows) == {row["symbol"] for row in newest}
    for row in newest:
        column = f"{row['candidate'].replace('_', ' ')} ({row['role']})"
        assert row["action"].replace("_", " ") in rows[row["symbol"]][column]


def check_performance(screen: Screen, api: httpx.Client) -> None:
    """What the signals that were scored later earned."""
    screen.open("/performance?published=later")
    rows = api.get(f"{FORECAST}/performance", params={"live": False}).json()["rows"]
    values = {row["figure"]: row["value"] for row in rows}
    assert values["with_outcome"] > 0
    for name in ("earned", "beyond_always_long"):
        assert f"{values[name]:+.2%}" in screen.text


def check_models(screen: Screen, api: httpx.Client) -> None:
    """The newest version, and the ranking of its candidates."""
    newest = api.get(f"{FORECAST}/decisions").json()["rows"][0]
    assert newest["verdict"] in screen.text
    rankings = api.get(f"{FORECAST}/rankings").json()["rows"]
    names = {row["candidate"].replace("_", " ") for row in rankings}
    tables = [rows_of(table, "Candidate") for table in screen.tables() if "Candidate" in table[0]]
    assert any(set(rows) == names for rows in tables)


def check_news(screen: Screen, api: httpx.Client) -> None:
    """The newest stories, those known last first."""
    stories = api.get("/news/recent", params={"topic": "sp500", "limit": 100}).json()["rows"]
    titles = [row[column_of(screen.tables()[0], "Story")] for row in screen.tables()[0][1:]]
    assert titles
    assert titles == [story["title"] for story in stories][: len(titles)]


def check_health(screen: Screen, api: httpx.Client) -> None:
    """Each forecast with the model that serves, and each step with its end."""
    forecasts = api.get("/health").json()["forecasts"]
    rows = rows_of(screen.tables()[0], "Forecast")
    assert {name: row["Model"] for name, row in rows.items()} == {
        row["forecast"]: f"v{row['model_version']}" for row in forecasts
    }
    steps = api.get("/operations/steps").json()["rows"]
    assert {step["about"] for step in steps} >= {row[2] for row in screen.tables()[1][1:]}


def has_news(api: httpx.Client) -> bool:
    """Whether a story came, with its sentiment and a signal."""
    stories = api.get("/news/recent", params={"topic": "sp500", "limit": 1}).json()["rows"]
    is_scored = bool(stories) and stories[0]["sentiment"] is not None
    return is_scored and api.get("/news/signals/newest", params={"topic": "sp500"}).is_success


def rows_of(table: list[list[str]], key: str) -> dict[str, dict[str, str]]:
    """Return the rows of a table by the column of that title."""
    titles, place = table[0], column_of(table, key)
    return {row[place]: dict(zip(titles, row, strict=True)) for row in table[1:]}


def column_of(table: list[list[str]], title: str) -> int:
    """Return the place of a column."""
    assert title in table[0], json.dumps(table[0])
    return table[0].index(title)
