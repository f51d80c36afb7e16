"""The newest prices lie in one file, whole at every instant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.core.state_folder import state_folder
from pipelines.stream.newest_prices import (
    NewestPrice,
    StreamState,
    prices_file,
    read_state,
    write_state,
)

NOW = datetime(2026, 11, 25, 14, 30, 0, 250000, tzinfo=UTC)
PRICE = NewestPrice("ES", NOW, 1.0, None, 1.5, NOW)
STATE = StreamState("sample", NOW, NOW, connected=True, newest_bar=NOW, prices={"ES": PRICE})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prices" / "sample.json"
    assert read_state(path) is None
    write_state(path, STATE)
    assert read_state(path) == STATE
    assert [file.name for file in path.parent.iterdir()] == ["sample.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": 1, "prices": 3}'])
def test_what_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sample.json"
    path.write_text(text)
    assert read_state(path) is None


def test_a_setting_names_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert prices_file("oanda") == state_folder() / "prices" / "oanda.json"
    monkeypatch.setenv("BULLION_PRICES", str(tmp_path))
    assert prices_file("oanda") == tmp_path / "oanda.json"
