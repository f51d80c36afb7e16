"""The newest signal: what the tables say, right about its age, and never half a publish."""

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
from tests.serving.served import CLOSED, LATE, NIGHT, SOURCE, api_at, at, lake_of, problem
from tests.steps.scored_market import HOURLY, SYMBOLS

FORECAST = "/forecasts/nasdaq100_hourly"
STALE_AT = CLOSED + timedelta(hours=18, minutes=36)  # 14:30 next day, a minute's grace, and five


def test_the_signal_is_what_the_tables_say(api: TestClient) -> None:
    said = Signal.model_validate_json(api.get("/signal/index").text)
    lake = lake_of(api)
    row = lake.sql("FROM gold.index_signals WHERE live AND universe = 'qqq'").to_pylist()[0]
    parts = lake.sql("FROM gold.contributions WHERE live AND universe = 'qqq'").to_pylist()
    rows = lake.sql(
        "FROM gold.predictions WHERE live AND role = 'champion' AND forecast = ?", [HOURLY.name]
    ).to_pylist()
    for name in ("ts", "closes_at", "timestamp_next", "wss", "signal", "reason", "coverage"):
        assert getattr(said, name) == row[name], name
    assert (said.as_of, said.model_version, said.live) == (row["scored_at"], 1, True)
    assert {p.symbol: p.contribution for p in said.per_symbol} == {
        p["symbol"]: p["contribution"] for p in parts
    }
    assert {p.symbol: p.probabilities for p in said.per_symbol} == {
        r["symbol"]: dict(r["probabilities"]) for r in rows
    }
    assert said.thresholds.model_dump() == {"buy_at": 0.5, "sell_at": -0.5, "least_scored": 0.8}


def test_the_component_says_the_same_as_the_signal(api: TestClient) -> None:
    signal = Signal.model_validate_json(api.get("/signal/index").text)
    for part in signal.per_symbol:
        answer = api.get("/predict/component", params={"symbol": part.symbol})
        said = Component.model_validate_json(answer.text)
        for name in ("action", "score", "confidence", "probabilities", "risk"):
            assert getattr(said, name) == getattr(part, name)


def test_a_signal_of_the_last_bar_says_that_its_return_spans_the_night(api: TestClient) -> None:
    for path in ("/signal/index", "/predict/component?symbol=NVDA"):
        said = api.get(path).json()
        assert said["closes_at"] == "2026-08-31T20:00:00Z"
        assert (said["timestamp_next"], said["spans_night"]) == ("2026-09-01T14:30:00Z", True)


def test_what_it_is_worth_stands_in_the_answer(api: TestClient) -> None:
    for path in ("/signal/index", "/predict/component?symbol=NVDA"):
        said = api.get(path).json()
        assert (said["data_source"], said["sample"], said["proven"]) == (SOURCE, True, False)
        assert said["unproven_reason"] == "no skill"
        assert [n.split(":")[0] for n in said["notices"]] == ["sample data", "unproven model"]


def test_an_answer_says_which_model_serves_instead_of_a_lost_one(api: TestClient) -> None:
    held = api.app.state.follower.state  # type: ignore[attr-defined]
    newest = held.forecasts[HOURLY.name]
    why = "version 2 cannot serve: its file is missing"
    rows = {name: row | {"instead_of": why} for name, row in newest.predictions["NVDA"].items()}
    signal = newest.signals["qqq"] | {"instead_of": why}
    for said in (
        build_component(held.marks, HOURLY, rows), build_signal(held.marks, HOURLY, signal),
    ):  # fmt: skip
        assert said["instead_of"] == why
        assert f"another model: {why}; version 1 serves instead" in said["notices"]


@pytest.mark.parametrize(
    ("asked", "stale"),
    [
        (NIGHT, False),
        (STALE_AT - timedelta(seconds=1), False),
        (STALE_AT, True),
        (LATE, True),
    ],
)
def test_it_is_stale_once_a_later_bar_should_be_scored_and_a_night_is_not_stale(
    api: TestClient, asked: datetime, stale: bool
) -> None:
    with at(api, asked.timestamp()):
        answer = api.get("/signal/index")
        assert answer.json()["stale"] is stale
        assert answer.json()["age_seconds"] == int((asked - CLOSED).total_seconds())
        assert answer.json()["notices"][0].startswith("stale:") is stale
        assert (answer.headers["etag"].endswith('stale"')) is stale
        assert api.get(f"{FORECAST}/latest").json()["predictions"][0]["stale"] is stale
        assert api.get("/forecasts").json()["forecasts"][0]["stale"] is stale
        assert api.get("/health").json()["forecasts"][0]["stale"] is stale
        assert any("stale" in why for why in api.get("/health").json()["reasons"]) is stale


def test_a_poller_gets_304_until_it_turns_stale_and_no_cache_outlives_that(
    api: TestClient,
) -> None:
    known = {"If-None-Match": api.get("/signal/index").headers["etag"]}
    for left, kept in ((3600, 1), (1.5, 1), (0.5, 0)):
        with at(api, STALE_AT.timestamp() - left):
            answer = api.get("/signal/index", headers=known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert f"max-age={kept}," in answer.headers["cache-control"]
    with at(api, STALE_AT.timestamp()):
        answer = api.get("/signal/index", headers=known)
    assert (answer.status_code, answer.json()["stale"]) == (200, True)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("/signal/index", "/signal/index?universe=%71qq"),
        ("/signal/index", f"{FORECAST}/signal"),
        ("/predict/component?symbol=NVDA", "/predict/component?symbol=%4eVDA"),
        ("/predict/component?symbol=NVDA", f"{FORECAST}/component?symbol=%4eVDA"),
    ],
)
def test_what_is_ready_and_what_a_route_makes_are_the_same(
    api: TestClient, short: str, long: str
) -> None:
    ready, made = api.get(short), api.get(long)
    assert ready.content == made.content
    assert dict(ready.headers) == dict(made.headers)


def test_weaker_actions_count_as_hold_and_the_score_follows(api: TestClient) -> None:
    plain = Signal.model_validate_json(api.get("/signal/index").text)
    sure = sorted(part.confidence or 0 for part in plain.per_symbol)
    least = (sure[1] + sure[2]) / 2
    said = Signal.model_validate_json(
        api.get("/signal/index", params={"min_confidence": least}).text
    )
    held = {part.symbol for part in said.per_symbol if part.said is not None}
    assert held == {p.symbol for p in plain.per_symbol if (p.confidence or 0) < least}
    assert all(p.action == "hold" and p.score == 0 for p in said.per_symbol if p.symbol in held)
    wanted = combine_bar(
        ComponentWeighted("qqq"),
        SYMBOLS,
        {p.symbol: "hold" if p.symbol in held else str(p.action) for p in plain.per_symbol},
        dict.fromkeys(SYMBOLS, 0.1),
    )
    assert (said.wss, said.signal, said.reason) == (wanted.wss, wanted.signal, wanted.reason)
    assert sum(p.contribution for p in said.per_symbol) == pytest.approx(said.wss)
    assert said.wss != plain.wss
    weak = plain.per_symbol[0].symbol
    one = api.get("/predict/component", params={"symbol": weak, "min_confidence": 1}).json()
    assert (one["action"], one["said"]) == ("hold", plain.per_symbol[0].action)


def test_the_risk_is_told_from_the_probabilities_alone(api: TestClient) -> None:
    part = Signal.model_validate_json(api.get("/signal/index").text).per_symbol[0]
    assert part.risk is not None
    assert part.probabilities is not None
    assert part.action == "sell"
    given = part.probabilities
    assert part.risk.against == pytest.approx(given["buy"] + given["strong_buy"])
    assert part.risk.tails == pytest.approx(given["strong_sell"] + given["strong_buy"])
    assert 0 < part.risk.uncertainty < 1


def test_every_forecast_is_served_by_the_same_routes(api: TestClient) -> None:
    for one in Forecasts.model_validate_json(api.get("/forecasts").text).forecasts:
        latest = LatestPredictions.model_validate_json(
            api.get(f"/forecasts/{one.name}/latest").text
        )
        assert {p.symbol for p in latest.predictions} == set(SYMBOLS) & set(one.symbols)
        for rest in ("history", "decisions", "features"):
            assert api.get(f"/forecasts/{one.name}/{rest}").status_code == 200
        for rest in ("signal", "signals"):
            answer = api.get(f"/forecasts/{one.name}/{rest}")
            assert answer.status_code == (200 if one.universes else 404)


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
def test_what_is_not_known_is_told_with_the_nearest(
    api: TestClient, path: str, status: int, hint: str
) -> None:
    answer = api.get(path)
    assert answer.status_code == status
    assert hint in problem(answer).hint


def test_before_the_first_signal_it_says_what_is_missing_and_when_to_ask(tmp_path: Path) -> None:
    with open_lake():
        pass
    with api_at(tmp_path / "lake") as client:
        for path in ("/signal/index", "/predict/component?symbol=NVDA", f"{FORECAST}/latest"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "no bar is there yet" in problem(answer).message
