"""A fund's bars come beside its members'; a source without them is reported and stops nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import SourceUnavailable
from pipelines.lake import Lake
from pipelines.sources.sample import Sample
from pipelines.steps.data.extra_bars import fund_bars, ingest_extra_bars
from tests.scripted import Scripted, bar_row, bars_table, hours

START, END = utc("2026-08-03"), utc("2026-08-05")
QQQ = fund_bars("QQQ")
ROWS = [bar_row("QQQ", ts, 400) for ts in hours("2026-08-03", "2026-08-05")]


def bring(lake: Lake, source: object) -> str:
    return ingest_extra_bars(lake, source, QQQ, interval_of("1h"), START, END)  # type: ignore[arg-type]


def count_bars(lake: Lake) -> int:
    return int(lake.rows("SELECT count(*) FROM silver.bars WHERE symbol = 'QQQ'")[0][0])


def test_its_bars_are_brought_and_counted(lake: Lake) -> None:
    assert "sample fund QQQ 1h: 14 received, 14 accepted" in bring(lake, Sample())
    assert count_bars(lake) == 14
    assert "14 received, 0 accepted, 14 unchanged" in bring(lake, Sample())


def test_a_source_that_does_not_list_it_is_not_asked(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Scripted(bars_table(ROWS))
    monkeypatch.setattr(Scripted, "symbols", lambda _: ("AAPL",))
    before = lake.snapshot
    assert "no bars of the fund QQQ came from scripted (scripted does not list it)" in bring(
        lake, source
    )
    assert lake.snapshot == before


@pytest.mark.parametrize("fault", ["down", "silent"])
def test_a_source_that_is_down_or_has_none_stops_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def fetch(*_: object) -> object:
        if fault == "down":
            raise SourceUnavailable("it does not answer", "try later")
        return iter(())

    monkeypatch.setattr(Sample, "fetch", fetch)
    text = bring(lake, Sample())
    assert text.startswith("no bars of the fund QQQ came from sample (")
    assert text.endswith("what the index did is computed from its members")
    assert ("does not answer" in text) == (fault == "down")
    assert count_bars(lake) == 0


def test_a_span_that_cannot_be_asked_for_stops_nothing(lake: Lake) -> None:
    early = utc("2001-01-01")
    text = ingest_extra_bars(
        lake, Sample(), QQQ, interval_of("1h"), early, early + timedelta(days=2)
    )
    assert "the sample has no bars at" in text
