"""The newest signal: equal to the tables, and right about its age."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.forecasts.combination import ComponentWeighted
from pipelines.scoring.wss import combine_bar
from pipelines.steps.lake import open_lake
from serving.schemas.answers import Component, LatestPredictions, Signal
from serving.schemas.listings import Forecasts
from serving.state.answers import build_component, build_signal
from tests.serving.scored_api import LAST_CLOSE, LATE, NIGHT, SOURCE, api_at, at, lake_of, problem
from tests.steps.scored_market import HOURLY, SYMBOLS

FORECAST = "/forecasts/nasdaq100_hourly"
STALE_AT = LAST_CLOSE + timedelta(
    hours=18, minutes=36
)  # 14:30 next day, a minute's grace, and five


def test_the_signal_equals_the_tables(api: TestClient) -> None:
    signal = Signal.model_validate_json(api.get("/signal/index").text)
    lake = lake_of(api)
    row = lake.sql("FROM gold.index_signals WHERE live AND universe = 'qqq'").to_pylist()[0]
    parts = lake.sql("FROM gold.contributions WHERE live AND universe = 'qqq'").to_pylist()
    rows = lake.sql(
        "FROM gold.predictions WHERE live AND role = 'champion' AND forecast = ?", [HOURLY.name]
    ).to_pylist()
    for name in ("ts", "closes_at", "timestamp_next", "wss", "signal", "reason", "coverage"):
        assert getattr(signal, name) == row[name], name
    assert (signal.as_of, signal.model_version, signal.live) == (row["scored_at"], 1, True)
    assert {p.symbol: p.contribution for p in signal.per_symbol} == {
        p["symbol"]: p["contribution"] for p in parts
    }
    assert {p.symbol: p.probabilities for p in signal.per_symbol} == {
        r["symbol"]: dict(r["probabilities"]) for r in rows
    }
    assert signal.thresholds.model_dump() == {"buy_at": 0.5, "sell_at": -0.5, "least_scored": 0.8}


def test_a_component_equals_its_part_of_the_signal(api: TestClient) -> None:
    signal = Signal.model_validate_json(api.get("/signal/index").text)
    for part in signal.per_symbol:
        answer = api.get("/predict/component", params={"symbol": part.symbol})
        component = Component.model_validate_json(answer.text)
        for name in ("action", "score", "confidence", "probabilities", "risk"):
            assert getattr(component, name) == getattr(part, name)


def test_a_signal_of_the_last_bar_says_that_its_return_spans_the_night(api: TestClient) -> None:
    for path in ("/signal/index", "/predict/component?symbol=NVDA"):
        body = api.get(path).json()
        assert body["closes_at"] == "2026-08-31T20:00:00Z"
        assert (body["timestamp_next"], body["spans_night"]) == ("2026-09-01T14:30:00Z", True)


def test_an_answer_says_whether_its_model_is_proven(api: TestClient) -> None:
    for path in ("/signal/index", "/predict/component?symbol=NVDA"):
        body = api.get(path).json()
        assert (body["data_source"], body["sample"], body["proven"]) == (SOURCE, True, False)
        assert body["unproven_reason"] == "no skill"
        assert [n.split(":")[0] for n in body["notices"]] == ["sample data", "unproven model"]


def test_an_answer_names_the_model_that_serves_instead_of_a_lost_one(api: TestClient) -> None:
    state = api.app.state.follower.state  # type: ignore[attr-defined]
    newest = state.forecasts[HOURLY.name]
    reason = "version 2 cannot serve: its file is missing"
    rows = {name: row | {"instead_of": reason} for name, row in newest.predictions["NVDA"].items()}
    signal = newest.signals["qqq"] | {"instead_of": reason}
    for body in (
        build_component(state.marks, HOURLY, rows), build_signal(state.marks, HOURLY, signal),
    ):  # fmt: skip
        assert body["instead_of"] == reason
        assert f"another model: {reason}; version 1 serves instead" in body["notices"]


@pytest.mark.parametrize(
    ("now", "stale"),
    [
        (NIGHT, False),
        (STALE_AT - timedelta(seconds=1), False),
        (STALE_AT, True),
        (LATE, True),
    ],
)
def test_a_signal_turns_stale_once_a_later_bar_should_be_scored(
    api: TestClient, now: datetime, stale: bool
) -> None:
    with at(api, now.timestamp()):
        answer = api.get("/signal/index")
        assert answer.json()["stale"] is stale
        assert answer.json()["age_seconds"] == int((now - LAST_CLOSE).total_seconds())
        assert answer.json()["notices"][0].startswith("stale:") is stale
        assert (answer.headers["etag"].endswith('stale"')) is stale
        assert api.get(f"{FORECAST}/latest").json()["predictions"][0]["stale"] is stale
        assert api.get("/forecasts").json()["forecasts"][0]["stale"] is stale
        assert api.get("/health").json()["forecasts"][0]["stale"] is stale
        assert any("stale" in reason for reason in api.get("/health").json()["reasons"]) is stale


def test_a_poller_gets_304_until_the_signal_turns_stale(
    api: TestClient,
) -> None:
    condition = {"If-None-Match": api.get("/signal/index").headers["etag"]}
    for seconds, max_age in ((3600, 1), (1.5, 1), (0.5, 0)):
        with at(api, STALE_AT.timestamp() - seconds):
            answer = api.get("/signal/index", headers=condition)
        assert (answer.status_code, answer.content) == (304, b"")
        assert f"max-age={max_age}," in answer.headers["cache-control"]
    with at(api, STALE_AT.timestamp()):
        answer = api.get("/signal/index", headers=condition)
    assert (answer.status_code, answer.json()["stale"]) == (200, True)


@pytest.mark.parametrize(
    ("cached_path", "computed_path"),
    [
        ("/signal/index", "/signal/index?universe=%71qq"),
        ("/signal/index", f"{FORECAST}/signal"),
        ("/predict/component?symbol=NVDA", "/predict/component?symbol=%4eVDA"),
        ("/predict/component?symbol=NVDA", f"{FORECAST}/component?symbol=%4eVDA"),
    ],
)
def test_a_cached_answer_equals_the_answer_of_its_route(
    api: TestClient, cached_path: str, computed_path: str
) -> None:
    cached, computed = api.get(cached_path), api.get(computed_path)
    assert cached.content == computed.content
    assert dict(cached.headers) == dict(computed.headers)


def test_weaker_actions_count_as_hold_and_the_score_follows(api: TestClient) -> None:
    signal = Signal.model_validate_json(api.get("/signal/index").text)
    confidences = sorted(part.confidence or 0 for part in signal.per_symbol)
    min_confidence = (confidences[1] + confidences[2]) / 2
    cautious = Signal.model_validate_json(
        api.get("/signal/index", params={"min_confidence": min_confidence}).text
    )
    weak_symbols = {part.symbol for part in cautious.per_symbol if part.said is not None}
    assert weak_symbols == {
        p.symbol for p in signal.per_symbol if (p.confidence or 0) < min_confidence
    }
    assert all(
        p.action == "hold" and p.score == 0 for p in cautious.per_symbol if p.symbol in weak_symbols
    )
    expected = combine_bar(
        ComponentWeighted("qqq"),
        SYMBOLS,
        {
            p.symbol: "hold" if p.symbol in weak_symbols else str(p.action)
            for p in signal.per_symbol
        },
        dict.fromkeys(SYMBOLS, 0.1),
    )
    assert (cautious.wss, cautious.signal, cautious.reason) == (
        expected.wss,
        expected.signal,
        expected.reason,
    )
    assert sum(p.contribution for p in cautious.per_symbol) == pytest.approx(cautious.wss)
    assert cautious.wss != signal.wss
    symbol = signal.per_symbol[0].symbol
    component = api.get("/predict/component", params={"symbol": symbol, "min_confidence": 1}).json()
    assert (component["action"], component["said"]) == ("hold", signal.per_symbol[0].action)


def test_the_risk_comes_from_the_probabilities_alone(api: TestClient) -> None:
    part = Signal.model_validate_json(api.get("/signal/index").text).per_symbol[0]
    assert part.risk is not None
    assert part.probabilities is not None
    assert part.action == "sell"
    probabilities = part.probabilities
    assert part.risk.against == pytest.approx(probabilities["buy"] + probabilities["strong_buy"])
    assert part.risk.tails == pytest.approx(
        probabilities["strong_sell"] + probabilities["strong_buy"]
    )
    assert 0 < part.risk.uncertainty < 1


def test_every_forecast_is_served_by_the_same_routes(api: TestClient) -> None:
    for forecast in Forecasts.model_validate_json(api.get("/forecasts").text).forecasts:
        latest = LatestPredictions.model_validate_json(
            api.get(f"/forecasts/{forecast.name}/latest").text
        )
        assert {p.symbol for p in latest.predictions} == set(SYMBOLS) & set(forecast.symbols)
        for route in ("history", "decisions", "features"):
            assert api.get(f"/forecasts/{forecast.name}/{route}").status_code == 200
        for route in ("signal", "signals"):
            answer = api.get(f"/forecasts/{forecast.name}/{route}")
            assert answer.status_code == (200 if forecast.universes else 404)


@pytest.mark.parametrize(
    ("path", "status", "hint"),
    [
        ("/signal/index?universe=qqqq", 422, "did you mean qqq?"),
        ("/predict/component?symbol=NVDIA", 404, "did you mean NVDA"),
        ("/predict/component?symbol=TSLA", 404, "silver.gaps"),
        ("/forecasts/nasdaq_hourly/latest", 404, "nasdaq100_hourly"),
        ("/signal/index?min_confidence=1.1", 422, "/docs"),
        ("/predict/component?symbol=NVDA'%20OR%20'1'='1", 404, "known: "),
    ],
)
def test_an_unknown_name_gets_a_hint_with_the_nearest(
    api: TestClient, path: str, status: int, hint: str
) -> None:
    answer = api.get(path)
    assert answer.status_code == status
    assert hint in problem(answer).hint


def test_before_the_first_signal_the_error_says_what_is_missing_and_when_to_retry(
    tmp_path: Path,
) -> None:
    with open_lake():
        pass
    with api_at(tmp_path / "lake") as client:
        for path in ("/signal/index", "/predict/component?symbol=NVDA", f"{FORECAST}/latest"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "no bar is there yet" in problem(answer).message
