"""Cached answers of polled paths: equal to those of the routes, and 304 while unchanged."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from serving.http.polled import render
from serving.settings import Settings
from serving.state.answers import EncodedAnswer
from tests.serving.scored_api import STALE_AT, at

FEATURES = "/forecasts/nasdaq100_hourly/features"


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
        ("/signal/index", "/forecasts/nasdaq100_hourly/signal"),
        ("/predict/component?symbol=NVDA", "/predict/component?symbol=%4eVDA"),
        ("/predict/component?symbol=NVDA", "/forecasts/nasdaq100_hourly/component?symbol=%4eVDA"),
        (f"{FEATURES}?symbol=NVDA", f"{FEATURES}?symbol=%4eVDA"),
    ],
)
def test_a_cached_answer_equals_the_answer_of_its_route(
    api: TestClient, cached_path: str, computed_path: str
) -> None:
    cached, computed = api.get(cached_path), api.get(computed_path)
    assert cached.content == computed.content
    assert dict(cached.headers) == dict(computed.headers)


ANSWER = EncodedAnswer(b'{"wss":0.5', b'{"wss":0.5,"stale":true', b"7-1-0", 1000.0, 2000.0)


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (b'W/"7-1-0-fresh"', 304),
        (b'"7-1-0-fresh"', 304),  # weak and strong tags compare as equal
        (b'"other", W/"7-1-0-fresh"', 304),
        (b" * ", 304),
        (b'W/"7-1-0-stale"', 200),
        (b'W/"7-1-0"', 200),
        (b"", 200),
    ],
)
def test_a_condition_with_the_tag_gets_304(condition: bytes, status: int) -> None:
    answer = render(ANSWER, 1500.0, Settings(), condition)
    assert answer[0] == status
    assert answer[2] == (b"" if status == 304 else b'{"wss":0.5,"age_seconds":500}')
    assert dict(answer[1])[b"etag"] == b'W/"7-1-0-fresh"'


def test_a_cache_may_keep_an_answer_until_it_turns_stale_and_with_keys_only_for_itself() -> None:
    config = Settings(cache_seconds=60, keys=SecretStr("alpha"))
    for now, seconds in ((1900.0, 60), (1990.5, 9), (1999.5, 0)):
        control = dict(render(ANSWER, now, config, b"")[1])[b"cache-control"]
        assert control == b"private, max-age=%d, must-revalidate" % seconds
