"""Stored companions are read once for a snapshot and a span, and anew after a commit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pipelines.features.companions import Companions
from pipelines.features.inputs import bars
from pipelines.lake import Lake
from pipelines.requests import stored_companions
from pipelines.requests.stored_companions import StoredCompanions
from tests.empty_lake import lake_of_a_module
from tests.scripted import bar_row
from tests.steps.forecast_market import HOURS, market_rows, write_bars

FIRST, LAST = datetime(2026, 8, 10, tzinfo=UTC), datetime(2026, 8, 12, tzinfo=UTC)
REFERENCES = (bars("QQQ").close,)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        write_bars(lake, "scripted", market_rows(("QQQ",)))
        yield lake


def read(stored: StoredCompanions, lake: Lake, last: datetime = LAST) -> Companions:
    with lake.view() as view:
        return stored.read(view, REFERENCES, "scripted", "1h", FIRST, last)


def test_one_span_of_one_snapshot_is_read_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[object] = []
    original = stored_companions.read_companions

    def counted(*arguments: object) -> Companions:
        reads.append(arguments)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(stored_companions, "read_companions", counted)
    stored = StoredCompanions(most=2)
    assert read(stored, lake) is read(stored, lake)
    assert len(reads) == 1
    for days in (1, 2):
        read(stored, lake, LAST + timedelta(days=days))
    read(stored, lake)
    assert len(reads) == 4, "the oldest span was forgotten"


def test_a_commit_is_seen_at_once(lake: Lake) -> None:
    stored = StoredCompanions()
    before = read(stored, lake).by_subject["bars", "QQQ"].columns["close"]
    place = HOURS.index(next(ts for ts in HOURS if FIRST < ts < LAST))
    write_bars(lake, "scripted", [bar_row("QQQ", HOURS[place], 123.0)])
    after = read(stored, lake).by_subject["bars", "QQQ"].columns["close"]
    assert 123.0 in after
    assert 123.0 not in before
    assert len(before) == len(after)
    assert np.count_nonzero(before != after) == 1
