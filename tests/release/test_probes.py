"""Requests to score that blue can answer, and what an answer says to do."""

from __future__ import annotations

import orjson
from fastapi.testclient import TestClient

from pipelines.release.probes import decisions_of, post, read_probes
from tests.serving.conftest import api, scored_folder  # noqa: F401  (an API over a scored lake)

ACTIONS = {"strong_sell", "sell", "hold", "buy", "strong_buy"}


def test_the_newest_bars_of_each_forecast_are_scored(api: TestClient) -> None:  # noqa: F811
    probes = read_probes(api)
    paths = {probe.path for probe in probes}
    assert "/forecasts/nasdaq100_hourly/predict" in paths
    for probe in probes:
        answer = post(api, probe)
        assert answer.status_code == 200
        assert orjson.loads(probe.body)["bars"]
    actions = decisions_of(post(api, probes[0]).content)
    assert actions
    assert {action.lower() for action in actions} <= ACTIONS


def test_where_nothing_can_be_read_there_are_no_probes() -> None:
    from httpx import Client

    with Client(base_url="http://127.0.0.1:1") as nobody:
        assert read_probes(nobody) == []


def test_of_an_answer_only_decisions_count() -> None:
    answer = {"action": "buy", "probabilities": [0.2, 0.8], "more": [{"signal": "BUY", "wss": 1}]}
    assert decisions_of(orjson.dumps(answer)) == ["buy", "BUY"]
    assert decisions_of(orjson.dumps({"action": {"name": "x"}})) == []
    assert decisions_of(b"no JSON") == []
