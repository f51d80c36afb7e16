"""Answers from rows of gold: their notices, their age, and the confidence policy."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import orjson
import pytest
from fastapi.testclient import TestClient

from pipelines.forecasts.combination import ComponentWeighted
from pipelines.scoring.wss import combine_bar
from serving.schemas.answers import Signal
from serving.state.answers import DAY, EncodedAnswer, build_component, build_signal, encode_all
from tests.serving.scored_api import LAST_CLOSE, LATE, NIGHT, STALE_AT, at
from tests.steps.scored_market import HOURLY, SYMBOLS

FORECAST = "/forecasts/nasdaq100_hourly"


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


def test_weights_older_than_a_quarter_are_a_notice_of_the_signal(api: TestClient) -> None:
    state = api.app.state.follower.state  # type: ignore[attr-defined]
    signal = state.forecasts[HOURLY.name].signals["qqq"]
    for effective, is_old in ((signal["weights_effective"], False), (date(2025, 1, 2), True)):
        row = signal | {"weights_effective": effective}
        for min_confidence in (None, 0.9):
            notices = build_signal(state.marks, HOURLY, row, min_confidence)["notices"]
            assert any("old weights: weights of QQQ are of" in n for n in notices) is is_old


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


def test_an_encoded_answer_changes_its_tag_and_text_when_it_turns_stale() -> None:
    answer = EncodedAnswer(b'{"stale":false', b'{"stale":true', b"7-1-0", 1000.0, 2000.0)
    assert answer.body(1999.9) == b'{"stale":false,"age_seconds":999}'
    assert answer.body(2000.0) == b'{"stale":true,"age_seconds":1000}'
    assert answer.body(900.0) == b'{"stale":false,"age_seconds":0}'  # the clock lags
    assert answer.tag(1000.0) == answer.tag(1999.9) != answer.tag(2000.0)
    assert (answer.fresh_for(1990.5), answer.fresh_for(2000.0)) == (9, DAY)


def test_all_symbols_together_change_with_each_that_turns_stale() -> None:
    parts = [
        EncodedAnswer(b'{"n":1', b'{"n":1', b"7-1-0", 1000.0, 2000.0),
        EncodedAnswer(b'{"n":2', b'{"n":2', b"7-1-0", 1000.0, 3000.0),
    ]
    answer = encode_all({"snapshot": 7}, HOURLY, parts)
    body = orjson.loads(answer.body(1500.0))
    assert body == {
        "snapshot": 7,
        "forecast": HOURLY.name,
        "predictions": [{"n": 1, "age_seconds": 500}, {"n": 2, "age_seconds": 500}],
    }
    assert len({answer.tag(at) for at in (1500.0, 1999.0, 2500.0, 3000.0)}) == 3
    assert answer.fresh_for(1990.5) == 9
