"""Bars that a caller sends are scored with what lies beside them, as a scoring run would."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pipelines.core.calendar import utc
from pipelines.forecasts import SPY_NEXT_DAY
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from pipelines.steps.scoring.score import score
from tests import models
from tests.build_once import build_once
from tests.scripted import bar_row
from tests.serving.daily import DAYS
from tests.serving.serving_models import SOURCE, api_client, environment
from tests.steps.forecast_market import write_bars

PATH = f"/forecasts/{SPY_NEXT_DAY.name}"
LAST = DAYS[-1]
OTHERS = tuple(symbol for symbol in SPY_NEXT_DAY.companions if symbol != "IWM")


def market(symbol: str) -> list[dict[str, object]]:
    speed = 1 + len(symbol) + ord(symbol[0]) % 7
    return [
        bar_row(symbol, ts.replace(hour=0, minute=0), 100 + 9 * math.sin(i * speed / 5) + i / 50)
        for i, ts in enumerate(DAYS)
    ]


def fill(folder: Path) -> None:
    with environment(folder), open_lake() as lake:
        for symbol in ("SPY", *OTHERS):
            write_bars(lake, SOURCE, market(symbol), interval="1d")
        registry, forecast = Registry(folder=folder / "mlflow"), SPY_NEXT_DAY.target_forecast()
        model = models.store_verified(registry, forecast, models.body(forecast, 1))
        models.decide(lake, forecast, SOURCE, model, utc("2026-07-01"))
        score(lake, registry, SPY_NEXT_DAY, SOURCE, start=utc("2026-08-01"), end=utc("2026-09-01"))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    folder = build_once("beside", fill)
    with environment(folder), api_client() as client:
        yield client


def request_bars(symbol: str, count: int = 70) -> list[dict[str, Any]]:
    names = ("open", "high", "low", "close", "volume")
    rows = [
        {name: row[name] for name in names} | {"ts": f"{row['ts']:%Y-%m-%d}T00:00Z"}
        for row in market(symbol)
    ]
    return rows[-count:]


def predict(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post(f"{PATH}/predict", json={"bars": request_bars("SPY")} | body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture(scope="module")
def published(client: TestClient) -> float:
    """The expected score of the newest bar, as a scoring run wrote it."""
    with environment(build_once("beside", fill)), open_lake(read_only=True) as lake:
        rows = lake.rows("SELECT expected_score FROM gold.predictions ORDER BY ts DESC LIMIT 1")
    return float(rows[0][0])


def test_companions_come_from_the_lake_as_in_a_scoring(
    client: TestClient, published: float
) -> None:
    answer = predict(client)
    assert answer["expected_score"] == published
    assert answer["data_source"] == f"caller+{SOURCE}"
    assert answer["features_used"]["has_iwm_log_close"] == 0
    assert answer["features_used"]["iwm_correlation_21"] == 0
    [notice] = [text for text in answer["notices"] if "IWM" in text]
    assert notice.startswith("IWM.log_close is missing at")
    assert "neutral value" in notice
    with_all = {symbol: request_bars(symbol) for symbol in SPY_NEXT_DAY.companions}
    assert not [text for text in predict(client, companions=with_all)["notices"] if "IWM" in text]


def test_each_prediction_says_what_moved_it_as_the_lake_does(client: TestClient) -> None:
    answer = predict(client)
    with environment(build_once("beside", fill)), open_lake(read_only=True) as lake:
        (row,) = lake.rows(
            "SELECT feature_contributions, contribution_method, contributions_to "
            "FROM gold.predictions ORDER BY ts DESC LIMIT 1"
        )
    assert answer["feature_contributions"] == pytest.approx(dict(row[0]), abs=1e-6)
    assert (answer["contribution_method"], answer["contributions_to"]) == row[1:]
    assert set(answer["feature_contributions"]) == {*SPY_NEXT_DAY.feature_names, "symbol"}
    assert answer["feature_contributions"]["vix_level"] != 0


def test_companions_that_are_sent_take_their_place(client: TestClient, published: float) -> None:
    same = predict(client, companions={symbol: request_bars(symbol) for symbol in OTHERS})
    assert same["expected_score"] == published
    lower = [row | {"close": row["low"]} for row in request_bars("VIX")]
    other = predict(client, companions={"VIX": lower})
    assert other["features_used"]["vix_level"] < same["features_used"]["vix_level"]
    assert other["features_used"]["tlt_return_1"] == same["features_used"]["tlt_return_1"]


def test_a_companion_that_is_known_later_changes_nothing(client: TestClient) -> None:
    """The newest stored bar is of the newest session: a prediction of the one before ignores it."""
    earlier = predict(client, bars=request_bars("SPY")[:-1])
    without = {symbol: request_bars(symbol)[:-1] for symbol in OTHERS}
    again = predict(client, bars=request_bars("SPY")[:-1], companions=without)
    assert earlier["features_used"] == again["features_used"]


@pytest.mark.parametrize(
    ("companions", "field", "words"),
    [
        ({"VXX": 60}, "companions.VXX", "did you mean VIX?"),
        ({"VIX": 0}, "companions.VIX", "0 bars of VIX"),
        ({"VIX": 3}, "companions", "VIX.close is missing at"),
    ],
)
def test_a_companion_that_is_no_help_is_refused_by_name(
    client: TestClient, companions: dict[str, int], field: str, words: str
) -> None:
    bodies = {s: request_bars("VIX", 70)[:count] for s, count in companions.items()}
    body = {"bars": request_bars("SPY"), "companions": bodies}
    answer = client.post(f"{PATH}/predict", json=body)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["field"] == field
    assert words in f"{error['message']} {error['hint']}"


def test_a_faulty_bar_of_a_companion_is_named(client: TestClient) -> None:
    rows = request_bars("VIX")
    rows[5]["high"] = 1.0
    body = {"bars": request_bars("SPY"), "companions": {"VIX": rows}}
    error = client.post(f"{PATH}/predict", json=body).json()["error"]
    assert error["field"] == "companions.VIX.5.high"
    assert error["message"].startswith("VIX: bar 5")


def test_rows_of_a_file_are_scored_with_stored_companions(
    client: TestClient, published: float
) -> None:
    names = ("ts", "open", "high", "low", "close", "volume")
    lines = [",".join(str(row[name]) for name in names) for row in request_bars("SPY")]
    answer = client.post(
        f"{PATH}/predict_batch",
        content="\n".join([",".join(names), *lines]),
        headers={"content-type": "text/csv"},
    )
    rows = answer.json()["rows"]
    assert rows[-1]["prediction"]["expected_score"] == published
    assert sum(row["prediction"] is not None for row in rows) == len(rows) - SPY_NEXT_DAY.look_back


def test_the_list_of_features_says_what_each_reads(client: TestClient) -> None:
    features = {f["name"]: f for f in client.get(f"{PATH}/features").json()["features"]}
    assert features["qqq_relative_1"]["inputs"] == ["log_close", "QQQ.log_close"]
    assert features["iwm_ratio_gap_21"]["neutral"] == 0
    assert features["vix_level"]["neutral"] is None
