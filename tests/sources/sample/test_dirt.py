"""The sample plays dirty in the doses and at the places it tells."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import InvalidRequest
from pipelines.sources.base import Request
from pipelines.sources.sample import Sample
from pipelines.sources.sample.dirt import Dirt

CLEAN = Sample()
NONE = Dirt(0, 0, 0, 0, 0, unclosed=False, split=None)
FAULTS = replace(Dirt(), unclosed=False, split=None)
SPAN = Request(
    ("AMD", "ES", "NVDA"),
    interval_of("15m"),
    utc("2026-01-01"),
    utc("2026-11-01"),
    utc("2026-11-20"),
)


def bars(source: Sample, request: Request) -> pa.Table:
    return pa.concat_tables([source.parse(answer).bars for answer in source.fetch(request)])


def keyed(table: pa.Table) -> dict[tuple[str, datetime], list[tuple]]:
    rows: dict[tuple[str, datetime], list[tuple]] = {}
    for row in table.drop_columns(["row"]).to_pylist():
        rows.setdefault((row["symbol"], row["ts"]), []).append(tuple(row.values())[2:])
    return rows


def test_no_dirt_changes_nothing() -> None:
    assert bars(Sample(dirt=NONE), SPAN).equals(bars(CLEAN, SPAN))


def test_each_fault_stands_where_it_is_listed_and_nowhere_else() -> None:
    source = Sample(dirt=FAULTS)
    clean, dirty = keyed(bars(CLEAN, SPAN)), keyed(bars(source, SPAN))
    listed = {(r["symbol"], r["ts"]): r["kind"] for r in source.dirty_bars(SPAN).to_pylist()}
    count = Counter(listed.values())
    for kind in ("missing", "duplicates", "nan", "spikes", "corrections"):
        assert count[kind] == pytest.approx(getattr(FAULTS, kind) * len(clean), rel=0.35)
    for key, (right,) in clean.items():
        rows, kind = dirty.get(key, []), listed.get(key)
        if kind == "missing":
            assert rows == []
        elif kind == "duplicates":
            assert rows == [right, right]
        elif kind == "nan":
            assert len(rows) == 1
            assert any(value != value for value in rows[0][:4])
        elif kind == "spikes":
            ratios = {round(a / b) for a, b in zip(rows[0][:4], right[:4], strict=True)}
            assert ratios & {10, 100}
        else:  # untouched, or corrected long ago
            assert rows == [right]


def test_faults_do_not_depend_on_how_the_bars_are_asked() -> None:
    source = Sample(dirt=FAULTS)
    part = replace(
        SPAN, symbols=("NVDA",), start=utc("2026-05-05T15:00+00:00"), end=utc("2026-07-01")
    )
    all_rows = keyed(bars(source, SPAN))
    part_rows = keyed(bars(source, part))
    assert len(part_rows) > 900
    assert all(repr(all_rows[key]) == repr(rows) for key, rows in part_rows.items())
    listed = source.dirty_bars(part).to_pylist()
    assert all(row in source.dirty_bars(SPAN).to_pylist() for row in listed)
    assert any(row["kind"] == "nan" for row in listed)


def test_a_late_correction_comes_two_hours_after_the_close() -> None:
    source = Sample(dirt=replace(NONE, corrections=1.0))
    open_at = utc("2026-11-03T15:30+00:00")
    request = Request(("AMD",), interval_of("1h"), open_at, open_at + timedelta(hours=1), open_at)
    final = bars(CLEAN, replace(request, as_of=utc("2026-11-04"))).to_pylist()[0]

    def seen(hours: float) -> dict:
        return bars(source, replace(request, as_of=open_at + timedelta(hours=hours))).to_pylist()[0]

    for first in (seen(1), seen(2.99)):
        assert first["close"] != final["close"]
        assert first["volume"] != final["volume"]
        assert first["low"] <= first["close"] <= first["high"]
        assert abs(first["close"] / final["close"] - 1) < 0.02
    assert seen(3) == final


@pytest.mark.parametrize("symbol", ["AMD", "ES"])
@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "1d", "1mo"])
def test_the_bar_in_progress_comes_last_and_holds_what_is_known(symbol: str, interval: str) -> None:
    source = Sample(dirt=replace(NONE, unclosed=True))
    now = utc("2026-11-03T16:07:30+00:00")
    request = Request((symbol,), interval_of(interval), utc("2026-10-25"), utc("2026-11-10"), now)
    closed, dirty = bars(CLEAN, request), bars(source, request)
    assert dirty.slice(0, len(closed)).equals(closed)
    (running,) = dirty.slice(len(closed)).to_pylist()
    minutes = bars(CLEAN, replace(request, interval=interval_of("1m"), start=utc("2026-11-02")))
    if interval in ("1m", "5m", "1h", "1d"):
        begun = {"1m": "16:07", "5m": "16:05", "1h": "15:30", "1d": "14:30"}[interval]
        minutes = minutes.filter(pc.field("ts") >= utc(f"2026-11-03T{begun}+00:00"))
    if interval == "1m":  # no minute of it has closed: the opening print
        assert len({running[k] for k in ("open", "high", "low", "close")}) == 1
        assert running["volume"] == 0
    else:
        assert running["high"] == pc.max(minutes["high"]).as_py()
        assert running["low"] == pc.min(minutes["low"]).as_py()
        assert running["open"] == minutes["open"][0].as_py()
        assert running["close"] == minutes["close"][-1].as_py()
        assert running["volume"] == pc.sum(minutes["volume"]).as_py()


def test_a_split_is_unadjusted_before_it_and_told_from_its_open_on() -> None:
    source = Sample(dirt=replace(NONE, split=("NVDA", date(2026, 11, 4), 4.0)))
    request = replace(SPAN, symbols=("AMD", "NVDA"), start=utc("2026-10-26"), end=utc("2026-11-03"))
    clean = bars(CLEAN, request)
    before = replace(request, as_of=utc("2026-11-04T14:29+00:00"))
    after = replace(request, as_of=utc("2026-11-04T14:30+00:00"))
    was = bars(source, before)
    of = pc.field("symbol") == "NVDA"
    assert was.filter(~of).equals(clean.filter(~of))
    for name in ("open", "high", "low", "close"):
        ratio = np.divide(was.filter(of)[name], clean.filter(of)[name])
        assert np.allclose(ratio, 4)
    assert np.allclose(
        np.divide(was.filter(of)["volume"], clean.filter(of)["volume"]), 0.25, rtol=0.01
    )
    assert bars(source, after).equals(clean)
    (early,) = (source.parse(answer).actions for answer in source.fetch(before))
    (late,) = (source.parse(answer).actions for answer in source.fetch(after))
    assert len(early) == 0
    assert late.to_pylist() == [
        {"symbol": "NVDA", "date": date(2026, 11, 4), "kind": "split", "value": 4.0}
    ]


def test_an_answer_carries_its_dirt() -> None:
    source = Sample(dirt=Dirt())
    for answer in source.fetch(SPAN):
        bars_of_source, reparsed = source.parse(answer).bars, CLEAN.parse(answer).bars
        assert str(bars_of_source.to_pydict()) == str(reparsed.to_pydict())


def test_the_usual_dirt_is_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_SAMPLE_DIRT", "1")
    assert Sample().dirt == Dirt()
    monkeypatch.setenv("BULLION_SAMPLE_DIRT", "0")
    assert Sample().dirt is None
    monkeypatch.setenv("BULLION_SAMPLE_DIRT", "yes")
    with pytest.raises(InvalidRequest, match="neither 0 nor 1"):
        Sample()


@pytest.mark.parametrize(
    "doses",
    [{"nan": -0.1}, {"missing": 0.6, "spikes": 0.6}, {"split": ("NVDA", date(2026, 11, 1), 4.0)}],
)
def test_impossible_dirt_is_refused(doses: dict) -> None:
    with pytest.raises(InvalidRequest):
        Dirt(**doses)
