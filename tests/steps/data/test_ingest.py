"""What a run of ingest refuses, records and reports: ranges, counts and failures."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pipelines.core.errors import CheckFailed, InvalidRequest, SourceError
from pipelines.lake import Lake
from tests.empty_lake import lake_of_a_module
from tests.scripted import Scripted, bars_table
from tests.steps.data.ingest_helpers import (
    HOURS,
    clean,
    fresh_name,
    ingest,
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


@pytest.mark.parametrize(
    ("choices", "fails", "warns"),
    [
        ({"default": "fail"}, True, False),
        ({"default": "warn"}, False, True),
        ({"default": "pass"}, False, False),
        ({"B": "warn"}, False, True),
        ({"A": "warn"}, True, False),
    ],
)
def test_a_symbol_says_what_follows_from_missing_bars(
    lake: Lake, choices: dict[str, str], fails: bool, warns: bool
) -> None:
    name = next(fresh_name)
    source = Scripted(bars_table(clean()[: len(HOURS) + 40]), name=name, missing_bars=choices)
    report = ingest(lake, source)
    assert ("warning: missing_of_sparse_below_10_percent" in report.summary()) is warns
    if not fails:
        report.enforce()
        return
    with pytest.raises(CheckFailed) as caught:
        report.enforce()
    count = len(HOURS) + 40
    assert caught.value.message.startswith(f"{count} bars committed; these checks failed:\n")
    assert "silver.bars missing_below_10_percent" in caught.value.message
    assert "silver.gaps names them" in caught.value.hint
    assert "data_lake/README.md" in caught.value.hint


def test_a_failure_says_where_nothing_was_committed(lake: Lake) -> None:
    source = Scripted(bars_table(clean()[: len(HOURS) + 40]), name=next(fresh_name))
    ingest(lake, source)
    with pytest.raises(CheckFailed, match=r"no bars committed, as \d+ were there already; these"):
        ingest(lake, source).enforce()
    with pytest.raises(CheckFailed, match="no bars committed; these checks failed"):
        ingest(lake, Scripted(bars_table([]), name=next(fresh_name))).enforce()


def test_one_unusable_answer_does_not_stop_the_good_ones(lake: Lake) -> None:
    name = next(fresh_name)
    report = ingest(lake, Scripted(bars_table(clean()), name=name, fail="b.csv is no CSV"))
    assert report.counts["accepted"] == 2 * len(HOURS)
    with pytest.raises(SourceError, match=r"b\.csv is no CSV"):
        report.enforce()


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [("2026-10-01", "2026-09-01", "before it starts"), ("2126-01-01", "2126-02-01", "after")],
)
def test_impossible_ranges_are_refused(lake: Lake, start: str, end: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        ingest(lake, Scripted(bars_table(clean())), start=start, end=end)
