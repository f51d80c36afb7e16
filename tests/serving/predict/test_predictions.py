"""A forecast with several targets is scored on demand, from bars and from indicators."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from pipelines.requests.kinds import KINDS
from serving.schemas.scoring import BatchAnswer, Prediction
from tests.laws import law
from tests.serving.daily import BASELINE, DAILY, DAYS, NEEDED, NOT_PROVEN, SYMBOL, build_request
from tests.serving.daily_requests import (
    JSON,
    NAMES,
    PATH,
    RISK,
    VALUE,
    build_csv,
    expect_refusal,
    get_indicators,
    predict,
)
from tests.serving.scored_api import problem
from tests.serving.serving_models import HOURLY, loader_of
from tests.serving.serving_models import build_request as build_hourly_request


def test_each_target_is_predicted_by_its_own_model(client: TestClient) -> None:
    answer = predict(client, build_request())
    row = np.array([[*answer.features_used.values(), 0.0]], np.float32)
    assert list(answer.targets) == list(DAILY.target_names)
    for forecast in DAILY.per_target():
        result = answer.targets[forecast.target.name]
        assert result is not None
        outputs, classes = loader_of(client).model(forecast).scorer.score(row)
        if result.kind == "value":
            assert (result.value, result.value_low, result.value_high) == tuple(outputs[0].tolist())
            assert (result.unit, result.value_coverage) == ("fraction", 0.8)
            assert "80 of 100" in result.value_words
        else:
            assert result.action == forecast.label.classes[classes[0]]
            assert result.score == forecast.label.scores[classes[0]]
            np.testing.assert_allclose([*result.probabilities.values()], outputs[0], atol=1e-9)
            assert result.confidence == result.probabilities[result.action]
            assert result.risk is None  # its classes are not two opposite sides
        assert result.timestamp_next == answer.timestamp_next
    assert (answer.symbol, answer.ts, answer.interval) == (SYMBOL, DAYS[-1], "1d")
    assert answer.spans_night
    assert answer.bars_used == NEEDED


def test_the_top_repeats_the_first_target(client: TestClient) -> None:
    for path, body in ((f"{PATH}/predict", build_request()), ("/predict", build_hourly_request())):
        answer = client.post(path, json=body).json()
        first = answer["targets"][answer["target"]]
        assert answer["target"] == next(iter(answer["targets"]))
        for name, value in first.items():
            assert name not in answer or answer[name] == value, name
        absent = {name for kind in KINDS.values() for name in getattr(kind, "names", ())}
        for name in absent - set(first):
            assert answer[name] is None


def test_a_baseline_that_serves_is_marked_unproven(client: TestClient) -> None:
    answer = predict(client, build_request())
    value, risk = answer.targets[VALUE], answer.targets[RISK]
    assert value is not None
    assert risk is not None
    assert (value.candidate, value.proven, value.unproven_reason) == (BASELINE, False, NOT_PROVEN)
    assert (risk.proven, risk.unproven_reason) == (True, None)
    assert f"the model of {VALUE} is unproven: {NOT_PROVEN}" in answer.notices
    assert not any(f"of {RISK} is unproven" in notice for notice in answer.notices)


def test_a_path_and_a_parameter_name_the_same_forecast(client: TestClient) -> None:
    for forecast, body in ((DAILY, build_request()), (HOURLY, build_hourly_request())):
        by_path = client.post(f"/forecasts/{forecast.name}/predict", json=body).json()
        by_query = client.post(f"/predict?forecast={forecast.name}", json=body).json()
        assert by_path | {"latency_ms": 0} == by_query | {"latency_ms": 0}
    assert client.post("/forecasts/aapl_dayly/predict", json=build_request()).status_code == 404


def test_indicators_and_their_bars_give_the_same_prediction(client: TestClient) -> None:
    of_bars = predict(client, build_request())
    of_indicators = predict(client, {"indicators": of_bars.features_used})
    for name, result in of_indicators.targets.items():
        expected = of_bars.targets[name]
        assert result is not None
        assert expected is not None
        unknown_bar = {"timestamp_next": None, "spans_night": None}
        assert result.model_dump() == expected.model_dump() | unknown_bar
    assert (
        of_indicators.symbol,
        of_indicators.ts,
        of_indicators.closes_at,
        of_indicators.bars_used,
    ) == (SYMBOL, None, None, 0)
    assert any("which bar" in notice for notice in of_indicators.notices)


@pytest.mark.parametrize(
    ("change", "field", "word", "hint"),
    [
        ({"rsi_14": None}, "rsi_14", "missing", "features"),
        ({"rsi14": 50.0}, "indicators.rsi14", "unknown indicator", "did you mean rsi_14"),
        ({"rsi_14": 100.1}, "indicators.rsi_14", "not at most 100", "features"),
        ({"rsi_14": -0.1}, "indicators.rsi_14", "not at least 0", "features"),
        ({"log_return_1": 1e300}, "indicators.log_return_1", "not a number", "features"),
        ({"log_return_1": float("nan")}, "log_return_1", "finite", "/docs"),
        ({"log_return_1": float("inf")}, "log_return_1", "finite", "/docs"),
        ({"log_return_1": "0.1"}, "log_return_1", "valid number", "without quotes"),
        ({"log_return_1": True}, "log_return_1", "valid number", "without quotes"),
        ({"log_return_1": [0.1]}, "log_return_1", "valid number", "without quotes"),
    ],
)
def test_the_error_names_an_impossible_indicator(
    client: TestClient, change: dict[str, Any], field: str, word: str, hint: str
) -> None:
    indicators = get_indicators(client) | change
    indicators = {name: value for name, value in indicators.items() if value is not None}
    error = expect_refusal(client, {"symbol": SYMBOL, "indicators": indicators})
    assert (error.field or "").endswith(field)
    assert word in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("body", "field", "word"),
    [
        ({}, "bars", "neither bars nor indicators"),
        (
            build_request() | {"indicators": {"rsi_14": 50.0}},
            "indicators",
            "both bars and indicators",
        ),
        ({"indicators": {}}, "indicators", "at least 1"),
        ({"indicators": {f"x{n}": 1.0 for n in range(1001)}}, "body", "1,001 names"),
        ({"indicators": [1.0]}, "indicators", "valid dictionary"),
        ({"indicators": {"rsi_14": 50.0}, "colour": 1}, "colour", "Extra"),
        ({"indicators": {"rsi_14": 50.0}, "symbol": "NVDA"}, "symbol", "knows no symbol"),
        ({"indicators": {"rsi_14": 50.0}, "interval": "1h"}, "interval", "1d bars"),
        (build_request(count=NEEDED - 1), "bars", f"{NEEDED} are needed"),
        (build_hourly_request(), "symbol", "knows no symbol"),
    ],
)
def test_a_wrong_request_names_its_field(
    client: TestClient, body: dict[str, Any], field: str, word: str
) -> None:
    error = expect_refusal(client, body)
    assert error.field == field
    assert word in error.message


def test_an_indicator_that_is_sent_twice_is_refused(client: TestClient) -> None:
    body = json.dumps({"indicators": get_indicators(client)}).replace("}}", ', "rsi_14": 1.0}}')
    for path, content in (
        (f"{PATH}/predict", body),
        (f"/predict/batch?forecast={DAILY.name}", f'{{"requests": [{body}]}}'),
    ):
        answer = client.post(path, content=content, headers=JSON)
        assert (answer.status_code, problem(answer).field) == (422, "rsi_14")
        assert "twice" in problem(answer).message


def test_only_a_forecast_of_one_symbol_may_leave_it_out(client: TestClient) -> None:
    assert predict(client, {"bars": build_request()["bars"]}).symbol == SYMBOL
    answer = client.post("/predict", json={"bars": build_hourly_request()["bars"]})
    assert (answer.status_code, problem(answer).field) == (422, "symbol")


def test_stored_bars_complete_daily_ones(client: TestClient) -> None:
    whole = client.post(f"{PATH}/predict", json=build_request()).json()
    completed = client.post(f"{PATH}/predict?history=stored", json=build_request(count=2)).json()
    assert completed["features_used"] == whole["features_used"]
    assert completed["targets"] == whole["targets"]


def test_a_confidence_policy_is_refused_where_no_target_has_a_hold_class(
    client: TestClient,
) -> None:
    query = f"forecast={DAILY.name}&min_confidence=0.5"
    for path, body in (
        (f"{PATH}/predict?min_confidence=0.5", json.dumps(build_request())),
        (f"{PATH}/predict_batch?min_confidence=0.5", build_csv()),
        (f"/predict?{query}", json.dumps(build_request())),
        (f"/predict/batch?{query}", json.dumps({"requests": [build_request()]})),
        (f"/predict_batch?{query}", build_csv()),
    ):
        answer = client.post(path, content=body, headers=JSON)
        assert (answer.status_code, problem(answer).field) == (422, "min_confidence"), path


def test_a_batch_mixes_bars_and_indicators(client: TestClient) -> None:
    indicators = get_indicators(client)
    bodies = [
        build_request(),
        {"indicators": indicators},
        {"indicators": {"rsi_14": 1.0}},
        build_request(count=3),
    ]
    answer = client.post(f"/predict/batch?forecast={DAILY.name}", json={"requests": bodies})
    batch = BatchAnswer.model_validate_json(answer.text)
    assert [result.prediction is not None for result in batch.results] == [True, True, False, False]
    assert set(batch.models) == set(DAILY.target_names)
    first, second = (result.prediction for result in batch.results[:2])
    assert first is not None
    assert second is not None
    assert first.features_used == second.features_used
    assert batch.results[2].error is not None
    assert "missing" in batch.results[2].error.message


numbers = st.one_of(
    st.floats(), st.integers(), st.none(), st.text(max_size=4), st.booleans(), st.floats(-1, 1)
)


@law(60)
@given(
    changes=st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=6)), numbers),
    drop=st.sets(st.sampled_from(NAMES), max_size=2),
)
def test_no_indicators_break_the_api(
    client: TestClient, changes: dict[str, Any], drop: set[str]
) -> None:
    indicators = dict.fromkeys(NAMES, 0.5) | changes
    body = {"indicators": {name: value for name, value in indicators.items() if name not in drop}}
    answer = client.post(f"{PATH}/predict", content=json.dumps(body), headers=JSON)
    if answer.status_code == 200:
        Prediction.model_validate_json(answer.text)
    else:
        assert answer.status_code in (400, 422), answer.text
        assert problem(answer).message


# -- what serves
