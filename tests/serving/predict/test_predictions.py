"""A forecast with several targets is scored on demand: of bars, and of indicators."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from pipelines.forecasts import TargetForecast
from serving.routes.health import Health
from serving.schemas.errors import NotYet
from serving.schemas.listings import Features
from serving.schemas.scoring import BatchAnswer, ModelInfo, Prediction, ReloadAnswer
from serving.state.kinds import KINDS
from serving.state.model_loader import ModelLoader, ReloadResult
from tests.laws import law
from tests.serving.asking import (
    HERE,
    JSON,
    NAMES,
    RISK,
    VALUE,
    build_csv,
    expect_refusal,
    get_indicators,
    predict,
)
from tests.serving.daily import BASELINE, DAILY, DAYS, NEEDED, NOT_PROVEN, SYMBOL, build_request
from tests.serving.served import problem
from tests.serving.serving_models import HOURLY, loader_of
from tests.serving.serving_models import build_request as sent_hours


def test_each_target_says_what_its_model_says(client: TestClient) -> None:
    made = predict(client, build_request())
    row = np.array([[*made.features_used.values(), 0.0]], np.float32)
    assert list(made.targets) == list(DAILY.target_names)
    for one in DAILY.per_target():
        told = made.targets[one.target.name]
        assert told is not None
        given, what = loader_of(client).model(one).scorer.score(row)
        if told.kind == "value":
            assert (told.value, told.value_low, told.value_high) == tuple(given[0].tolist())
            assert (told.unit, told.value_coverage) == ("fraction", 0.8)
            assert "80 of 100" in told.value_words
        else:
            assert told.action == one.label.classes[what[0]]
            assert told.score == one.label.scores[what[0]]
            np.testing.assert_allclose([*told.probabilities.values()], given[0], atol=1e-9)
            assert told.confidence == told.probabilities[told.action]
            assert told.risk is None  # its classes are not two opposite sides
        assert told.timestamp_next == made.timestamp_next
    assert (made.symbol, made.ts, made.interval) == (SYMBOL, DAYS[-1], "1d")
    assert made.spans_night
    assert made.bars_used == NEEDED


def test_the_top_repeats_the_first_target(client: TestClient) -> None:
    for path, body in ((f"{HERE}/predict", build_request()), ("/predict", sent_hours())):
        made = client.post(path, json=body).json()
        first = made["targets"][made["target"]]
        assert made["target"] == next(iter(made["targets"]))
        for name, value in first.items():
            assert name not in made or made[name] == value, name
        absent = {name for kind in KINDS.values() for name in getattr(kind, "names", ())}
        for name in absent - set(first):
            assert made[name] is None


def test_a_baseline_that_serves_is_marked_unproven(client: TestClient) -> None:
    made = predict(client, build_request())
    value, risk = made.targets[VALUE], made.targets[RISK]
    assert value is not None
    assert risk is not None
    assert (value.candidate, value.proven, value.unproven_reason) == (BASELINE, False, NOT_PROVEN)
    assert (risk.proven, risk.unproven_reason) == (True, None)
    assert f"the model of {VALUE} is unproven: {NOT_PROVEN}" in made.notices
    assert not any(f"of {RISK} is unproven" in notice for notice in made.notices)


def test_a_path_and_a_parameter_name_the_same_forecast(client: TestClient) -> None:
    for one, body in ((DAILY, build_request()), (HOURLY, sent_hours())):
        named = client.post(f"/forecasts/{one.name}/predict", json=body).json()
        asked = client.post(f"/predict?forecast={one.name}", json=body).json()
        assert named | {"latency_ms": 0} == asked | {"latency_ms": 0}
    assert client.post("/forecasts/aapl_dayly/predict", json=build_request()).status_code == 404


def test_indicators_say_what_the_bars_they_are_of_say(client: TestClient) -> None:
    of_bars = predict(client, build_request())
    made = predict(client, {"indicators": of_bars.features_used})
    for name, told in made.targets.items():
        other = of_bars.targets[name]
        assert told is not None
        assert other is not None
        free = {"timestamp_next": None, "spans_night": None}
        assert told.model_dump() == other.model_dump() | free
    assert (made.symbol, made.ts, made.closes_at, made.bars_used) == (SYMBOL, None, None, 0)
    assert any("which bar" in notice for notice in made.notices)


def test_features_are_listed_as_they_are_to_be_sent(client: TestClient) -> None:
    listed = Features.model_validate_json(client.get(f"{HERE}/features").text).features
    assert tuple(one.name for one in listed) == NAMES
    rsi = next(one for one in listed if one.name == "rsi_14")
    assert (rsi.low, rsi.high) == (0, 100)


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
def test_an_indicator_that_cannot_be_is_named(
    client: TestClient, change: dict[str, Any], field: str, word: str, hint: str
) -> None:
    given = get_indicators(client) | change
    given = {name: value for name, value in given.items() if value is not None}
    found = expect_refusal(client, {"symbol": SYMBOL, "indicators": given})
    assert (found.field or "").endswith(field)
    assert word in found.message
    assert hint in found.hint


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
        (sent_hours(), "symbol", "knows no symbol"),
    ],
)
def test_a_wrong_request_names_its_field(
    client: TestClient, body: dict[str, Any], field: str, word: str
) -> None:
    found = expect_refusal(client, body)
    assert found.field == field
    assert word in found.message


def test_an_indicator_that_is_sent_twice_is_refused(client: TestClient) -> None:
    body = json.dumps({"indicators": get_indicators(client)}).replace("}}", ', "rsi_14": 1.0}}')
    for path, content in (
        (f"{HERE}/predict", body),
        (f"/predict/batch?forecast={DAILY.name}", f'{{"requests": [{body}]}}'),
    ):
        answer = client.post(path, content=content, headers=JSON)
        assert (answer.status_code, problem(answer).field) == (422, "rsi_14")
        assert "twice" in problem(answer).message


def test_only_a_forecast_of_one_symbol_may_leave_it_out(client: TestClient) -> None:
    assert predict(client, {"bars": build_request()["bars"]}).symbol == SYMBOL
    answer = client.post("/predict", json={"bars": sent_hours()["bars"]})
    assert (answer.status_code, problem(answer).field) == (422, "symbol")


def test_stored_bars_complete_daily_ones(client: TestClient) -> None:
    whole = client.post(f"{HERE}/predict", json=build_request()).json()
    filled = client.post(f"{HERE}/predict?history=stored", json=build_request(count=2)).json()
    assert filled["features_used"] == whole["features_used"]
    assert filled["targets"] == whole["targets"]


def test_a_policy_on_confidence_is_refused_where_nothing_can_be_held(client: TestClient) -> None:
    asked = f"forecast={DAILY.name}&min_confidence=0.5"
    for path, body in (
        (f"{HERE}/predict?min_confidence=0.5", json.dumps(build_request())),
        (f"{HERE}/predict_batch?min_confidence=0.5", build_csv()),
        (f"/predict?{asked}", json.dumps(build_request())),
        (f"/predict/batch?{asked}", json.dumps({"requests": [build_request()]})),
        (f"/predict_batch?{asked}", build_csv()),
    ):
        answer = client.post(path, content=body, headers=JSON)
        assert (answer.status_code, problem(answer).field) == (422, "min_confidence"), path


def test_a_batch_mixes_bars_and_indicators(client: TestClient) -> None:
    used = get_indicators(client)
    bodies = [
        build_request(),
        {"indicators": used},
        {"indicators": {"rsi_14": 1.0}},
        build_request(count=3),
    ]
    answer = client.post(f"/predict/batch?forecast={DAILY.name}", json={"requests": bodies})
    made = BatchAnswer.model_validate_json(answer.text)
    assert [one.prediction is not None for one in made.results] == [True, True, False, False]
    assert set(made.models) == set(DAILY.target_names)
    first, second = (one.prediction for one in made.results[:2])
    assert first is not None
    assert second is not None
    assert first.features_used == second.features_used
    assert made.results[2].error is not None
    assert "missing" in made.results[2].error.message


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
    given_ = dict.fromkeys(NAMES, 0.5) | changes
    body = {"indicators": {name: value for name, value in given_.items() if name not in drop}}
    answer = client.post(f"{HERE}/predict", content=json.dumps(body), headers=JSON)
    if answer.status_code == 200:
        Prediction.model_validate_json(answer.text)
    else:
        assert answer.status_code in (400, 422), answer.text
        assert problem(answer).message


# -- what serves


def test_every_target_of_every_forecast_has_its_model(client: TestClient) -> None:
    loaded = Health.model_validate_json(client.get("/health").text).models
    every = {(one.name, name) for one in (HOURLY, DAILY) for name in one.target_names}
    assert {(one.forecast, one.target) for one in loaded} == every
    for forecast, target in every:
        query = f"forecast={forecast}&target={target}"
        info = ModelInfo.model_validate_json(client.get(f"/model-info?{query}").text)
        assert (info.forecast, info.target) == (forecast, target)
        done = ReloadAnswer.model_validate_json(client.post(f"/reload-model?{query}").text)
        assert (list(done.targets), done.sha256) == ([target], info.sha256)
    whole = ReloadAnswer.model_validate_json(
        client.post(f"/reload-model?forecast={DAILY.name}").text
    )
    assert tuple(whole.targets) == DAILY.target_names
    answer = client.get(f"/model-info?forecast={DAILY.name}&target=riks")
    assert (answer.status_code, problem(answer).field) == (422, "target")
    assert "did you mean risk" in problem(answer).hint


def test_where_one_target_has_no_model_the_others_are_reloaded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever it is; and where none can be taken, it is an error."""
    reload, lost = ModelLoader.reload, set[str]()

    def some(held: ModelLoader, forecast: TargetForecast) -> ReloadResult:
        if forecast.target.name in lost:
            raise NotYet(f"{forecast.target.name}: nothing was trained yet", "train it", 5)
        return reload(held, forecast)

    monkeypatch.setattr(ModelLoader, "reload", some)
    for name in DAILY.target_names:
        lost.clear()
        lost.add(name)
        answer = client.post(f"/reload-model?forecast={DAILY.name}")
        done = ReloadAnswer.model_validate_json(answer.text)
        assert [n for n, told in done.targets.items() if told is None] == [name]
        assert done.target != name
        assert name in done.notices[0]
    lost.update(DAILY.target_names)
    assert client.post(f"/reload-model?forecast={DAILY.name}").status_code == 503
