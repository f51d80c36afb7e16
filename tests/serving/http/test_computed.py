"""Many who ask for the same cost one query, and wait for no turn at the lake."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.state import performance

PATH = "/performance?live=false&start=2026-08-27T00:00:00Z"


def test_what_was_computed_of_a_snapshot_is_computed_once(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    read = performance.read_signals

    def count_reads(*arguments: Any) -> Any:
        calls.append(arguments)
        return read(*arguments)

    monkeypatch.setattr(performance, "read_signals", count_reads)
    first = api.get(PATH)
    assert [api.get(PATH).json() for _ in range(3)] == [first.json()] * 3
    assert len(calls) == 1
    assert api.get(PATH.replace("false", "true")).json() != first.json()
    assert api.get(PATH.replace("performance", "performance/curve")).status_code == 200
    assert len(calls) == 3, "another parameter or route is another query"


def test_it_is_answered_while_the_lake_is_busy(api: TestClient) -> None:
    first = api.get(PATH)
    state = api.app.state  # type: ignore[attr-defined]

    class NoTurns:
        def turn(self) -> None:
            raise AssertionError("it needs no turn")

    turns, state.queries = state.queries, NoTurns()
    try:
        assert api.get(PATH).json() == first.json()
    finally:
        state.queries = turns
