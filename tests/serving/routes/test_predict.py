"""Scoring on demand: its answers, and the errors of wrong requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.calendar import calendar
from serving.schemas.scoring import BatchAnswer, Prediction
from tests.scripted import hours
from tests.serving.scored_api import problem
from tests.serving.serving_models import (
    HOURLY,
    HOURS,
    NEEDED,
    SOURCE,
    SYMBOLS,
    UNTRAINED,
    build_request,
    loader_of,
)

ACTION_FORECAST = HOURLY.target_forecast()

NAMES = HOURLY.feature_names
JSON = {"content-type": "application/json"}


def stored_features(client: TestClient, symbol: str) -> dict[datetime, tuple[Any, ...]]:
    """Read the features that the step wrote to gold, by bar."""
    columns = ", ".join(f'"{name}"' for name in NAMES)
    with loader_of(client).view() as view:
        rows = view.rows(
            f"SELECT ts, {columns} FROM {HOURLY.table.full_name} "
            "WHERE source = ? AND symbol = ? ORDER BY ts",
            [SOURCE, symbol],
        )
    return {row[0].astimezone(UTC): row[1:] for row in rows}


@pytest.mark.parametrize("symbol", SYMBOLS[:2])
def test_features_equal_those_that_the_step_wrote(client: TestClient, symbol: str) -> None:
    features = stored_features(client, symbol)
    assert len(features) == len(HOURS)
    for last in range(NEEDED, len(HOURS) + 1, 9):
        answer = client.post("/predict", json=build_request(symbol, last))
        prediction = Prediction.model_validate_json(answer.text)
        values = np.array([prediction.features_used[name] for name in NAMES], np.float32)
        np.testing.assert_array_equal(values, np.array(features[HOURS[last - 1]], np.float32))


def test_the_answer_is_the_model_s_prediction_from_these_features(client: TestClient) -> None:
    prediction = Prediction.model_validate_json(client.post("/predict", json=build_request()).text)
    model = loader_of(client).model(ACTION_FORECAST)
    row = np.array(
        [*prediction.features_used.values(), HOURLY.symbols.index(SYMBOLS[0])], np.float32
    )
    probabilities, action = model.scorer.score(row[None, :])
    classes, scores = ACTION_FORECAST.label.classes, ACTION_FORECAST.label.scores
    assert prediction.action == classes[action[0]]
    assert prediction.score == scores[action[0]]
    assert list(prediction.probabilities) == list(classes)
    np.testing.assert_allclose(list(prediction.probabilities.values()), probabilities[0], atol=1e-9)
    assert prediction.confidence == prediction.probabilities[prediction.action]
    assert prediction.expected_score == pytest.approx(float(probabilities[0] @ np.array(scores)))
    assert (prediction.ts, prediction.closes_at) == (HOURS[-1], HOURS[-1] + timedelta(minutes=30))
    assert prediction.timestamp_next == datetime(2026, 9, 1, 14, 30, tzinfo=UTC)
    assert (prediction.model_version, prediction.proven, prediction.data_source) == (
        1,
        True,
        "caller",
    )
    assert prediction.sample
    assert prediction.bars_used == NEEDED


@pytest.mark.parametrize(
    ("last", "next_close", "night"),
    [
        ("2025-11-26T16:30Z", "2025-11-26T18:30Z", False),
        ("2025-11-26T20:30Z", "2025-11-28T15:30Z", True),  # over a holiday
        ("2025-11-28T16:30Z", "2025-11-28T18:00Z", False),  # the last bar of a half-day is shorter
        ("2025-11-28T17:30Z", "2025-12-01T15:30Z", True),
    ],
)
def test_a_prediction_names_the_next_bar_even_over_a_night(
    client: TestClient, last: str, next_close: str, night: bool
) -> None:
    opens = [ts for ts in hours("2025-11-17", "2025-11-29") if ts <= datetime.fromisoformat(last)]
    request = build_request()
    for bar, ts in zip(request["bars"], opens[-NEEDED:], strict=True):
        bar["ts"] = ts.isoformat()
    prediction = Prediction.model_validate_json(client.post("/predict", json=request).text)
    assert prediction.ts == datetime.fromisoformat(last)
    assert (prediction.timestamp_next, prediction.spans_night) == (
        datetime.fromisoformat(next_close),
        night,
    )


def test_more_bars_than_needed_change_nothing(client: TestClient) -> None:
    few, many = (client.post("/predict", json=build_request(count=n)).json() for n in (NEEDED, 60))
    assert few | {"latency_ms": 0} == many | {"latency_ms": 0}


def test_bars_without_times_count_as_the_newest_closed_ones(client: TestClient) -> None:
    start = datetime.now(UTC)
    prediction = client.post("/predict", json=build_request(timed=False)).json()
    newest = [
        calendar("XNYS").newest_closed(HOURLY.bar, at).ts[0].item().replace(tzinfo=UTC)
        for at in (start, datetime.now(UTC))
    ]
    assert datetime.fromisoformat(prediction["ts"]) in newest
    assert "no times" in prediction["notices"][0]


def test_the_error_of_too_few_bars_says_how_many_are_needed(client: TestClient) -> None:
    answer = client.post("/predict", json=build_request(count=NEEDED - 1))
    assert answer.status_code == 422
    assert (problem(answer).field, problem(answer).type) == ("bars", "invalid_request")
    assert f"{NEEDED} are needed" in problem(answer).message
    assert "history=stored" in problem(answer).hint


def test_stored_bars_complete_those_sent_when_asked(client: TestClient) -> None:
    whole = client.post("/predict", json=build_request()).json()
    completed = client.post("/predict?history=stored", json=build_request(count=3)).json()
    assert completed["data_source"] == f"caller+{SOURCE}"
    assert f"{NEEDED - 3} stored bars of {SOURCE}" in completed["notices"][0]
    for name in ("features_used", "probabilities", "timestamp_next"):
        assert completed[name] == whole[name]
    answer = client.post("/predict?history=stored", json=build_request(last=5, count=3))
    assert answer.status_code == 422
    assert f"{NEEDED} are needed" in problem(answer).message


def test_a_notice_counts_the_missing_bars(client: TestClient) -> None:
    request = build_request(count=NEEDED + 1)
    del request["bars"][10]
    prediction = client.post("/predict", json=request).json()
    assert "1 bars of the calendar are missing" in prediction["notices"][0]


def test_a_last_bar_that_is_still_open_is_left_out_with_a_notice(client: TestClient) -> None:
    now = datetime.now(UTC)
    market = calendar("XNYS").bars(HOURLY.bar, now - timedelta(days=15), now + timedelta(days=7))
    is_closed = market.closes_at <= np.datetime64(now.replace(tzinfo=None))
    count = int(is_closed.sum())
    request = build_request(count=NEEDED + 2, timed=False)
    for bar, ts in zip(request["bars"], market.ts[count - NEEDED :], strict=False):
        bar["ts"] = f"{ts}Z"
    open_last = request | {"bars": request["bars"][: NEEDED + 1]}
    prediction = client.post("/predict", json=open_last).json()
    assert "left out" in prediction["notices"][0]
    assert datetime.fromisoformat(prediction["ts"]) == market.ts[count - 1].item().replace(
        tzinfo=UTC
    )
    answer = client.post("/predict", json=request)
    assert answer.status_code == 422
    assert "has not closed" in problem(answer).message


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        ({"symbol": "NVDIA"}, "symbol", "NVDIA"),
        ({"symbol": UNTRAINED}, "symbol", "trained on no bar"),
        ({"symbol": "'; DROP TABLE x"}, "symbol", "pattern"),
        ({"interval": "1d"}, "interval", "1h bars"),
        ({"bars": []}, "bars", "at least 1"),
        ({"colour": 1}, "colour", "Extra"),
    ],
)
def test_a_wrong_request_names_its_field(
    client: TestClient, change: dict[str, Any], field: str, word: str
) -> None:
    answer = client.post("/predict", json=build_request() | change)
    assert answer.status_code == 422
    assert problem(answer).field == field
    assert word in problem(answer).message
    assert problem(answer).hint


def test_the_error_of_a_misspelt_symbol_suggests_the_nearest(client: TestClient) -> None:
    answer = client.post("/predict", json=build_request() | {"symbol": SYMBOLS[0].lower()})
    assert problem(answer).hint.startswith(f"did you mean {SYMBOLS[0]}")


@pytest.mark.parametrize(
    ("row", "change", "field", "word"),
    [
        (3, {"close": -1.0}, "close", "not_positive"),
        (3, {"low": 1.0}, "close", "unit_error"),
        (0, {"high": 90.0}, "high", "high_low"),
        (5, {"volume": -5}, "volume", "negative"),
        (5, {"volume": float("inf")}, "volume", "not_a_number"),
        (5, {"open": float("nan")}, "open", "not_a_number"),
        (7, {"ts": "2026-08-15T14:30:00Z"}, "ts", ""),
        (20, {"ts": "2026-08-31T19:31:00Z"}, "ts", "opens no 1h bar"),
        (20, {"ts": "2026-08-31T18:30:00Z"}, "ts", "comes twice"),
        (20, {"ts": "2026-08-28T18:30:00Z"}, "ts", "after a later bar"),
        (4, {"ts": None}, "ts", "no ts"),
        (4, {"ts": "2026-08-31T19:30:00"}, "ts", "timezone"),
        (4, {"ts": "0001-01-01T00:00:00+14:00"}, "ts", "greater"),
        (4, {"open": None}, "open", "number"),
        (4, {"open": True}, "open", "number"),
        (4, {"close": "105.9"}, "close", "number"),
        (4, {"volume": True}, "volume", "number"),
        (4, {"volume": "1000"}, "volume", "number"),
        (4, {"low": float("-inf")}, "low", "not_a_number"),
        (4, {"ts": 1787952600}, "ts", "1787952600 is no date-time"),
        (4, {"ts": "20260831"}, "ts", "is no date-time"),
        (4, {"ts": "2026-08-31"}, "ts", "is no date-time"),
        (4, {"ts": True}, "ts", "is no date-time"),
    ],
)
def test_the_error_names_an_impossible_bar_and_its_field(
    client: TestClient, row: int, change: dict[str, Any], field: str, word: str
) -> None:

    request = build_request()
    request["bars"][row] |= change
    answer = client.post("/predict", content=json.dumps(request), headers=JSON)
    assert answer.status_code == 422
    bars, place, name = str(problem(answer).field).split(".")
    assert (bars, int(place), name) == ("bars", row, field)
    assert word in problem(answer).message


def test_closes_that_leap_are_refused(client: TestClient) -> None:
    request = build_request()
    for bar in request["bars"][:10]:
        for name in ("open", "high", "low", "close"):
            bar[name] *= 100
    answer = client.post("/predict", json=request)
    assert answer.status_code == 422
    assert "leaps" in problem(answer).message


def test_the_error_names_a_feature_that_the_bars_cannot_give(client: TestClient) -> None:
    request = build_request()
    for bar in request["bars"]:
        del bar["volume"]
    answer = client.post("/predict", json=request)
    assert answer.status_code == 422
    assert "volume_ratio_20" in problem(answer).message


def test_weak_actions_become_hold(client: TestClient) -> None:
    prediction = client.post("/predict", json=build_request()).json()
    cautious = client.post("/predict?min_confidence=1", json=build_request()).json()
    assert prediction["action"] != "hold"
    assert prediction["said"] is None
    assert (cautious["action"], cautious["score"], cautious["said"]) == (
        "hold",
        0.0,
        prediction["action"],
    )
    assert cautious["confidence"] == prediction["confidence"]
    assert client.post("/predict?min_confidence=2", json=build_request()).status_code == 422
    assert client.post("/predict?forecast=none", json=build_request()).status_code == 422


def test_a_batch_has_a_result_or_an_error_for_each_request(client: TestClient) -> None:
    requests = [build_request(s, last) for s in SYMBOLS[:3] for last in (100, 80)]
    bad = [build_request(count=3), build_request() | {"symbol": "NONE"}]
    answer = client.post("/predict/batch", json={"requests": [bad[0], *requests, bad[1]]})
    batch = BatchAnswer.model_validate_json(answer.text)
    assert (batch.scored, len(batch.results)) == (6, 8)
    assert [result.index for result in batch.results] == list(range(8))
    for result, request in zip(batch.results[1:-1], requests, strict=True):
        alone = Prediction.model_validate_json(client.post("/predict", json=request).text)
        assert result.prediction is not None
        assert result.prediction.features_used == alone.features_used
        assert result.prediction.action == alone.action
        assert result.prediction.timestamp_next == alone.timestamp_next
        assert result.prediction.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    for result, field in ((batch.results[0], "bars"), (batch.results[-1], "symbol")):
        assert result.prediction is None
        assert result.error is not None
        assert result.error.field == field
        assert result.error.hint


def test_a_request_beyond_a_limit_names_the_limit(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = client.app.state.settings  # type: ignore[attr-defined]
    tight_limits = limits.model_copy(update={"bars": 20, "batch": 1})
    monkeypatch.setattr("serving.routes.predict._settings", lambda request: tight_limits)
    answer = client.post("/predict", json=build_request())
    assert answer.status_code == 422
    assert "more than the 20" in problem(answer).message
    answer = client.post("/predict/batch", json={"requests": [build_request(), build_request()]})
    assert answer.status_code == 413


numbers = st.one_of(
    st.floats(),
    st.floats(90, 110),
    st.integers(),
    st.none(),
    st.text(max_size=5),
    st.sampled_from([0, -0.0, 1e308, 5e-324, "nan"]),
)
times = st.one_of(
    st.none(),
    st.datetimes(timezones=st.just(UTC)).map(str),
    st.sampled_from(HOURS).map(str),
    st.integers(),
    st.text(max_size=20),
)
one_bar = st.fixed_dictionaries(
    dict.fromkeys(("open", "high", "low", "close"), numbers),
    optional={"volume": numbers, "ts": times},
)
changes = st.lists(st.tuples(st.integers(0, NEEDED - 1), one_bar | st.none()), max_size=4)


@settings(max_examples=120)
@given(changes=changes, keep=st.booleans(), history=st.sampled_from(["sent", "stored"]))
def test_no_bars_break_the_api(
    client: TestClient, changes: list[Any], keep: bool, history: str
) -> None:

    request = build_request(timed=keep)
    for row, bar in changes:
        if bar is None:
            request["bars"][row] = {}
        else:
            request["bars"][row] = request["bars"][row] | bar
    answer = client.post(f"/predict?history={history}", content=json.dumps(request), headers=JSON)
    if answer.status_code == 200:
        Prediction.model_validate_json(answer.text)
    else:
        assert answer.status_code in (400, 422), answer.text
        assert problem(answer).message


@settings(max_examples=60)
@given(
    body=st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["symbol", "bars", "requests", "\ud800"]), inner)
            ),
        ),
    ),
    path=st.sampled_from(["/predict", "/predict/batch", "/predict_batch"]),
)
def test_no_body_breaks_the_api(client: TestClient, body: Any, path: str) -> None:

    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(path, content=content, headers=JSON)
    assert answer.status_code in (400, 422), answer.text
    assert problem(answer).message
