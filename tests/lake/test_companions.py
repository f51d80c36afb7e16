"""Companions are read from the lake for a span of closes: enough of the past, nothing later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pipelines.features.inputs import Subject, bars
from pipelines.lake import Lake
from pipelines.lake.companions import align_companions, read_companions
from tests.steps.data.companion_market import MOODS, companion_lake, write_moods
from tests.steps.forecast_market import market_rows, write_bars

FIRST = datetime(2026, 8, 10, 18, 30, tzinfo=UTC)
QQQ, OIL = bars("QQQ", timedelta(days=4)), Subject(MOODS, "oil", timedelta(hours=2))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with companion_lake(tmp_path_factory.mktemp("lake")) as lake:
        write_bars(lake, "here", market_rows(("AAPL", "QQQ")))
        write_bars(lake, "elsewhere", market_rows(("QQQ",)))
        write_moods(lake, "here", [(FIRST, FIRST + timedelta(minutes=5), 1.0)])
        write_moods(lake, "here", [(FIRST, FIRST, 2.0)], topic="gold")
        yield lake


def test_it_reads_the_subjects_that_are_named_of_one_source_and_interval(lake: Lake) -> None:
    with lake.view() as view:
        own_source = read_companions(view, [QQQ.close, OIL.mood], "here", "1h", FIRST, FIRST)
        other_source = read_companions(view, [QQQ.close], "elsewhere", "1d", FIRST, FIRST)
    assert sorted(own_source.by_subject) == [("bars", "QQQ")], (
        "the mood is known five minutes later"
    )
    qqq = own_source.by_subject["bars", "QQQ"]
    assert qqq.known_at.max() == np.datetime64(FIRST.replace(tzinfo=None), "us")
    assert qqq.known_at.min() >= np.datetime64((FIRST - QQQ.oldest).replace(tzinfo=None), "us")
    assert sorted(qqq.columns) == ["close"]
    assert other_source.by_subject == {}


def test_a_span_gives_each_close_what_it_gives_alone(lake: Lake) -> None:
    closes = lake.rows(
        "SELECT closes_at FROM silver.bars WHERE source = 'here' AND symbol = 'AAPL' ORDER BY ts"
    )
    at = np.array([row[0].astimezone(UTC).replace(tzinfo=None) for row in closes], "datetime64[us]")
    references = [QQQ.close, QQQ.age, OIL.mood, OIL.age]
    with lake.view() as view:
        together = align_companions(view, references, "here", "1h", at)
        for place in range(0, len(at), 40):
            alone = align_companions(view, references, "here", "1h", at[place : place + 1])
            for reference in references:
                np.testing.assert_array_equal(
                    alone[reference.name], together[reference.name][place : place + 1]
                )
    assert np.isfinite(together[QQQ.close.name]).all()
    assert np.isfinite(together[OIL.mood.name]).sum() == 2


def test_no_bars_have_no_companions(lake: Lake) -> None:
    with lake.view() as view:
        aligned = align_companions(view, [QQQ.close], "here", "1h", np.zeros(0, "datetime64[us]"))
    assert {name: len(values) for name, values in aligned.items()} == {"QQQ.close": 0}
