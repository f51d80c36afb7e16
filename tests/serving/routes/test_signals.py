"""The newest signal: equal to the tables, and right about its age."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.core.calendar import utc
from pipelines.steps.lake import open_lake
from serving.schemas.answers import Component, LatestPredictions, PastSignals, Signal
from serving.schemas.listings import FeatureVector, Forecasts
from tests.serving.daily import BASELINE, DAILY, NOT_PROVEN, SYMBOL
from tests.serving.scored_api import (
    LAST_CLOSE,
    SOURCE,
    TOPIC,
    api_at,
    at,
    lake_of,
    problem,
    wait_until,
)
from tests.steps.scored_market import HOURLY, SYMBOLS

FORECAST = "/forecasts/nasdaq100_hourly"


def test_the_signal_equals_the_tables(api: TestClient) -> None:
    signal = Signal.model_validate_json(api.get("/signal/index").text)
    lake = lake_of(api)
    row = lake.sql("FROM gold.index_signals WHERE live AND universe = 'qqq'").to_pylist()[0]
    parts = lake.sql("FROM gold.contributions WHERE live AND universe = 'qqq'").to_pylist()
    rows = lake.sql(
        "FROM gold.predictions WHERE live AND role = 'champion' AND forecast = ?", [HOURLY.name]
    ).to_pylist()
    names = ("ts", "closes_at", "timestamp_next", "wss", "signal", "reason", "coverage")
    for name in (*names, "delay_seconds"):
        assert getattr(signal, name) == row[name], name
    assert signal.delay_seconds == 60
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
    forecasts = Forecasts.model_validate_json(api.get("/forecasts").text).forecasts
    unscored = len(forecasts) - 2
    assert unscored
    assert [forecast.newest is None for forecast in forecasts] == [False] * 2 + [True] * unscored
    for forecast in forecasts[:2]:
        latest = LatestPredictions.model_validate_json(
            api.get(f"/forecasts/{forecast.name}/latest").text
        )
        assert {p.symbol for p in latest.predictions} == set(SYMBOLS) & set(forecast.symbols)
        for route in ("history", "decisions", "features"):
            assert api.get(f"/forecasts/{forecast.name}/{route}").status_code == 200
        for route in ("signal", "signals"):
            answer = api.get(f"/forecasts/{forecast.name}/{route}")
            assert answer.status_code == (200 if forecast.universes else 404)
    for forecast in forecasts[2:]:
        answer = api.get(f"/forecasts/{forecast.name}/latest")
        assert (answer.status_code, problem(answer).type) == (503, "not_yet")


def test_the_newest_features_sent_back_are_scored_as_the_bar_was(api: TestClient) -> None:
    vector = FeatureVector.model_validate_json(api.get(f"{FORECAST}/features?symbol=NVDA").text)
    component = Component.model_validate_json(api.get("/predict/component?symbol=NVDA").text)
    assert (vector.ts, vector.closes_at) == (component.ts, component.closes_at)
    assert (vector.stale_at, vector.stale) == (component.stale_at, component.stale)
    assert vector.notices == component.notices
    wait_until(lambda: api.get("/model-info").is_success)
    request = {"symbol": "NVDA", "indicators": vector.features}
    answer = api.post(f"{FORECAST}/predict", json=request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["probabilities"] == pytest.approx(component.probabilities, abs=1e-12)
    daily = api.get(f"/forecasts/{DAILY.name}/features?symbol={SYMBOL}").json()
    assert list(daily["features"]) == list(DAILY.feature_names)


@pytest.mark.parametrize(
    ("path", "status", "hint"),
    [
        ("/signal/index?universe=qqqq", 422, "did you mean qqq?"),
        ("/predict/component?symbol=NVDIA", 404, "did you mean NVDA"),
        ("/predict/component?symbol=TSLA", 404, "silver.gaps"),
        (f"{FORECAST}/features?symbol=NVDIA", 404, "did you mean NVDA"),
        (f"{FORECAST}/features?symbol=TSLA", 404, "silver.gaps"),
        (f"{FORECAST}/features?symbol=", 422, "/docs"),
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
        for path in ("/signal/index", "/predict/component?symbol=NVDA", f"{FORECAST}/latest",
                     f"{FORECAST}/features?symbol=NVDA"):  # fmt: skip
            answer = client.get(path)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "no bar is there yet" in problem(answer).message


PATH = f"/forecasts/{DAILY.name}"

VALUE, RISK = DAILY.target_names

STALE_AT = LAST_CLOSE + timedelta(days=1, minutes=35)  # half an hour's grace, and five minutes


def latest(client: TestClient) -> Component:
    (component,) = LatestPredictions.model_validate_json(
        client.get(f"{PATH}/latest").text
    ).predictions
    return component


def test_the_newest_prediction_of_each_target_equals_the_table(api: TestClient) -> None:
    component = latest(api)
    assert (component.symbol, list(component.targets)) == (SYMBOL, list(DAILY.target_names))
    rows = lake_of(api).sql(
        "FROM gold.predictions WHERE forecast = ? AND live AND role = 'champion'", [DAILY.name]
    )
    for row in rows.to_pylist():
        prediction = component.targets[row["target"]]
        assert prediction is not None
        if row["probabilities"] is not None:
            row["probabilities"] = dict(row["probabilities"])
        for name in set(type(prediction).model_fields) & set(row):
            assert getattr(prediction, name) == row[name], name
    assert rows.num_rows == len(component.targets)
    value, risk = component.targets[VALUE], component.targets[RISK]
    assert value is not None
    assert value.kind == "value"
    assert risk is not None
    assert risk.kind == "classes"
    assert value.value_low < value.value < value.value_high
    assert (value.unit, value.value_coverage) == ("fraction", 0.8)
    assert risk.action in DAILY.target_forecast(RISK).label.classes
    assert sum(risk.probabilities.values()) == pytest.approx(1)
    assert component.spans_night
    assert value.timestamp_next == utc("2026-09-01T20:00+00:00")


def test_the_top_of_a_component_is_its_first_target(api: TestClient) -> None:
    component = latest(api).model_dump()
    first = component["targets"][VALUE]
    assert (component["target"], component["action"], component["probabilities"]) == (
        VALUE,
        None,
        None,
    )
    for name in set(first) - {"scored_at"}:
        assert component[name] == first[name], name
    assert component["as_of"] == first["scored_at"]


def test_a_baseline_is_marked_unproven_with_the_reason(api: TestClient) -> None:
    component = latest(api)
    value, risk = component.targets[VALUE], component.targets[RISK]
    assert value is not None
    assert risk is not None
    assert (value.candidate, value.proven, value.unproven_reason) == (BASELINE, False, NOT_PROVEN)
    assert risk.proven
    assert f"unproven model of {VALUE}: {NOT_PROVEN}" in component.notices


def test_a_component_and_the_latest_are_the_same(api: TestClient) -> None:
    component = Component.model_validate_json(api.get(f"{PATH}/component?symbol={SYMBOL}").text)
    assert component == latest(api)
    answer = api.get(f"{PATH}/component?symbol={SYMBOL}&min_confidence=0.5")
    assert (answer.status_code, problem(answer).field) == (422, "min_confidence")


def test_latest_is_sent_again_only_when_more_than_its_age_changes(api: TestClient) -> None:
    for name in (DAILY.name, "nasdaq100_hourly"):
        path = f"/forecasts/{name}/latest"
        answer = api.get(path)
        condition = {"If-None-Match": answer.headers["etag"]}
        assert str(answer.json()["snapshot"]) in answer.headers["etag"]
        unchanged = api.get(path, headers=condition)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert api.get(f"{path}?").content == answer.content
        with at(api, STALE_AT.timestamp()):
            stale = api.get(path, headers=condition)
            assert stale.status_code == 200
            assert all(prediction["stale"] for prediction in stale.json()["predictions"])
    with at(api, STALE_AT.timestamp() - 1):
        assert not latest(api).stale


def test_a_symbol_that_is_forecast_alone_has_its_own_signal_and_no_other(api: TestClient) -> None:
    signal = Signal.model_validate_json(api.get(f"{PATH}/signal").text)
    value = latest(api).targets[VALUE]
    assert value is not None
    assert value.kind == "value"
    assert (signal.universe, signal.instrument, signal.live) == ("aapl", SYMBOL, True)
    rises = value.value > 0
    assert (signal.signal, signal.wss) == (("BUY", 1.0) if rises else ("SELL", -1.0))
    (part,) = signal.per_symbol
    assert (part.symbol, part.share, part.expected_score) == (SYMBOL, 1.0, value.expected_score)
    named = api.get(f"{PATH}/signal?universe=aapl")
    assert named.content == api.get(f"{PATH}/signal").content
    history = PastSignals.model_validate_json(api.get(f"{PATH}/signals").text)
    assert (history.rows[0].universe, history.rows[0].wss) == ("aapl", signal.wss)


def test_a_universe_that_a_forecast_does_not_combine_is_named(api: TestClient) -> None:
    for route in ("signal?universe=qqq", "signals?universe=qqq"):
        answer = api.get(f"{PATH}/{route}")
        assert answer.status_code == 404
        assert "combines no signal of qqq" in problem(answer).message
        assert f"{PATH}/latest" in problem(answer).hint


@pytest.fixture
def partly_scored_api(scored_folder: Path, tmp_path: Path) -> Iterator[TestClient]:
    """A lake in which one target was never scored."""
    shutil.copytree(scored_folder, tmp_path, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{tmp_path}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{tmp_path}/files")
        with open_lake() as lake, lake.write("forget") as writer:
            writer.delete("gold.predictions", "forecast = ? AND target = ?", [DAILY.name, VALUE])
    with api_at(tmp_path) as client:
        yield client


@pytest.fixture
def made_up_news_api(
    scored_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A lake whose bars count as real, with the sample's news beside them."""
    shutil.copytree(scored_folder, tmp_path, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{tmp_path}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{tmp_path}/files")
        with open_lake() as lake, lake.write("with news") as writer:
            for table in ("gold.predictions", "gold.index_signals"):
                writer.touch(table)
                writer.run(
                    f"UPDATE {table} SET news_source = 'sample' WHERE forecast = ?", [HOURLY.name]
                )
    monkeypatch.setattr("serving.state.cache.is_sample", lambda _: False)
    with api_at(tmp_path) as client:
        yield client


def test_made_up_news_beside_real_bars_are_said(made_up_news_api: TestClient) -> None:
    api, notice = made_up_news_api, "sample news: made up, and of no real event"
    for path in (
        "/signal/index", "/signal/index?min_confidence=0.1", "/predict/component?symbol=NVDA",
        f"{FORECAST}/latest", f"{FORECAST}/signals", f"{FORECAST}/history", "/news/recent",
        "/news/topics", f"/news/signals?topic={TOPIC}", f"/news/signals/newest?topic={TOPIC}",
    ):  # fmt: skip
        answer = api.get(path).json()
        assert (answer["sample"], answer["notices"].count(notice)) == (True, 1), path
        rows = answer.get("predictions") or answer.get("rows") or [answer]
        assert {row.get("news_source", "sample") for row in rows} == {"sample"}
    for path in (f"/forecasts/{DAILY.name}/latest", f"{FORECAST}/decisions", "/forecasts"):
        answer = api.get(path).json()
        assert (answer["sample"], notice in answer["notices"]) == (False, False), path


def test_a_target_without_predictions_is_null_with_a_notice(partly_scored_api: TestClient) -> None:
    component = latest(partly_scored_api)
    assert (component.targets[VALUE], component.target) == (None, RISK)
    assert f"nothing was predicted of {VALUE} lately" in component.notices
    reasons = partly_scored_api.get("/health").json()["reasons"]
    assert f"{DAILY.name}: no bar was scored for the target {VALUE}" in reasons
