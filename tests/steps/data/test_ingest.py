"""What a run of ingest refuses, records and tells: ranges, counts, gaps and raw answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pytest

from pipelines import steps
from pipelines.core.calendar import utc
from pipelines.core.errors import CheckFailed, InvalidRequest, SourceError
from pipelines.lake import Lake
from tests.empty_lake import lake_of_a_module
from tests.scripted import Scripted, bars_table
from tests.steps.data.ingest_helpers import (
    END,
    HOURS,
    START,
    assert_nothing_vanished,
    clean,
    fresh_name,
    ingest,
    quarantine,
    silver,
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


def test_every_run_is_recorded_with_its_counts_and_checks(lake: Lake) -> None:
    name = next(fresh_name)
    report = ingest(lake, Scripted(bars_table(clean()), name=name), run="manual__1", about="two")
    ((run, status, counts, batch),) = lake.rows(
        "SELECT run, status, counts, batch FROM gold.runs WHERE source = ?", [name]
    )
    assert (run, batch) == ("manual__1", report.snapshot)
    assert status in ("ok", "warned")
    assert json.loads(counts)["received"] == report.counts["received"]
    names = {n for (n,) in lake.rows('SELECT "check" FROM gold.checks WHERE batch = ?', [batch])}
    assert {"not_empty", "unique_key", "high_low", "missing_below_10_percent"} <= names


def test_an_empty_answer_never_passes(lake: Lake) -> None:
    report = ingest(lake, Scripted(bars_table([]), name=next(fresh_name)))
    with pytest.raises(CheckFailed, match="no rows"):
        report.enforce()


def test_too_many_missing_bars_stop_the_run_and_are_named(lake: Lake) -> None:
    name = next(fresh_name)
    report = ingest(lake, Scripted(bars_table(clean()[: len(HOURS) + 40]), name=name))
    with pytest.raises(CheckFailed, match=r"missing .*B \("):
        report.enforce()
    assert len(silver(lake, name)) == len(HOURS) + 40, "what is good is kept all the same"


def test_one_unusable_answer_does_not_stop_the_good_ones(lake: Lake) -> None:
    name = next(fresh_name)
    report = ingest(lake, Scripted(bars_table(clean()), name=name, fail="b.csv is no CSV"))
    assert report.counts["accepted"] == 2 * len(HOURS)
    with pytest.raises(SourceError, match=r"b\.csv is no CSV"):
        report.enforce()


def test_unreadable_rows_are_counted_and_kept(lake: Lake) -> None:
    name = next(fresh_name)
    reject = {"symbol": "A", "ts": None, "row": 7, "reason": "unparsable", "detail": "no number"}
    source = Scripted(
        bars_table(clean("A")), name=name, rejects=[reject | {"original": '{"x": 1}'}]
    )
    for _ in range(2):
        report = ingest(lake, source)
        assert_nothing_vanished(report)
        assert report.counts["quarantined"] == 1
    assert [(r[2], r[3]) for r in quarantine(lake, name)] == [("unparsable", '{"x": 1}')]


def test_raw_answers_are_kept_whole(lake: Lake) -> None:
    name = next(fresh_name)
    source = Scripted(bars_table(clean()), name=name)
    ingest(lake, source)
    parts = lake.rows(
        "SELECT body, bytes, sha256 FROM bronze.answers WHERE source = ? ORDER BY part", [name]
    )
    codec = pa.Codec("zstd")
    body = b"".join(codec.decompress(part, parts[0][1], asbytes=True) for part, _, _ in parts)
    assert pa.ipc.open_stream(body).read_all().equals(bars_table(clean()))


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [("2026-10-01", "2026-09-01", "before it starts"), ("2126-01-01", "2126-02-01", "after")],
)
def test_impossible_ranges_are_refused(lake: Lake, start: str, end: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        ingest(lake, Scripted(bars_table(clean())), start=start, end=end)


def test_a_symbol_that_never_came_is_missing(lake: Lake) -> None:
    name = next(fresh_name)
    source = Scripted(bars_table(clean("A")), name=name)
    report = steps.ingest(lake, source, ("A", "Z"), source.interval, utc(START), utc(END))
    assert report.landed.missing == {"Z": len(HOURS)}
    gaps = lake.rows(
        "SELECT symbol, sum(missing) FROM silver.gaps WHERE source = ? GROUP BY 1", [name]
    )
    assert gaps == [("Z", len(HOURS))]


def test_without_a_start_each_symbols_rows_say_where_it_begins(lake: Lake) -> None:
    name = next(fresh_name)
    rows = clean("A") + clean("B")[70:]
    del rows[100]
    source = Scripted(bars_table(rows), name=name)
    report = steps.ingest(lake, source, (), source.interval, None, utc(END))
    assert report.landed.missing == {"A": 1}
    assert report.landed.expected == len(HOURS) + len(HOURS) - 70
