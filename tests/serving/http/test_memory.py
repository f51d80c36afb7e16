"""Memory is returned to the machine after large bodies."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.http import memory
from tests.serving.scored_api import api_at, wait_until

JSON = {"Content-Type": "application/json"}


def test_memory_is_returned_after_large_bodies(
    scored_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trims: list[int] = []

    def trim() -> None:
        memory_trim()
        trims.append(1)

    memory_trim = memory.trim
    monkeypatch.setattr(memory, "INTERVAL", 0.01)
    monkeypatch.setattr(memory, "trim", trim)
    with api_at(scored_folder) as client:
        client.post("/predict", content=b" " * 1000, headers=JSON)
        bodies = client.app.state.bodies  # type: ignore[attr-defined]
        assert (bodies.bytes_in_memory, bodies.bytes_released, trims) == (0, 1000, [])
        client.post("/predict", content=b" " * memory.MIN_RELEASED, headers=JSON)
        wait_until(lambda: trims)
        assert (bodies.bytes_in_memory, bodies.bytes_released) == (0, 0)
