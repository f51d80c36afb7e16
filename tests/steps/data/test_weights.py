"""Weights come from the source or a holdings file; strangers are left out and counted."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from pipelines.core.errors import SourceError
from pipelines.lake import Lake
from pipelines.sources.base import Source
from pipelines.sources.files import Files
from pipelines.sources.files.holdings import HOLDINGS_FILE
from pipelines.sources.files.mapping import NAME
from pipelines.sources.sample import Sample, SampleNoise
from pipelines.sources.yahoo import Yahoo
from pipelines.steps import ingest_weights
from tests.sources.files.fund_files import INVESCO, ISHARES


def files_source(folder: Path, **texts: str) -> Files:
    """A source of weights: a file of each name."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    mapping = {"weights": [{"files": "*.csv", "universe": "nasdaq100"}]}
    (folder / NAME).write_text(yaml.safe_dump(mapping))
    return Files(folder)


def drop_file(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, age: timedelta) -> None:
    file = folder / "holdings.csv"
    file.write_text(text)
    written = (datetime.now(UTC) - age).timestamp()
    os.utime(file, (written, written))
    monkeypatch.setenv(HOLDINGS_FILE, str(file))


def silver_weights(lake: Lake, source: str) -> list[tuple[object, ...]]:
    return lake.rows(
        """SELECT symbol, weight, effective, origin FROM silver.weights
           WHERE source = ? ORDER BY effective, symbol""",
        [source],
    )


@pytest.mark.parametrize("text", [INVESCO, ISHARES])
def test_strangers_are_left_out_counted_and_named(lake: Lake, tmp_path: Path, text: str) -> None:
    report = ingest_weights(lake, files_source(tmp_path, qqq=text), "qqq")
    counts = report.counts
    rows = counts.pop("received")
    assert counts.pop("accepted") == 2
    assert sum(counts.values()) == counts["left_out"] == rows - 2
    assert "left out, as no members of nasdaq100" in report.summary()
    assert "ESH5" in report.summary()
    assert [row[0] for row in silver_weights(lake, "files")] == ["AAPL", "NVDA"]


@pytest.mark.parametrize(("symbol", "partial"), [("NVDA", False), ("GONE", True)])
def test_members_that_have_left_make_the_rest_partial(
    lake: Lake, tmp_path: Path, symbol: str, partial: bool
) -> None:
    text = INVESCO.replace("NVDA", symbol)
    ingest_weights(lake, files_source(tmp_path, qqq=text), "qqq")
    assert lake.rows('SELECT DISTINCT "partial" FROM silver.weights') == [(partial,)]


def test_dated_files_become_a_history(lake: Lake, tmp_path: Path) -> None:
    older = INVESCO.replace("12/26/2024", "11/29/2024")
    ingest_weights(lake, files_source(tmp_path, old=older, new=INVESCO), "qqq")
    days = {row[2] for row in silver_weights(lake, "files")}
    assert days == {date(2024, 11, 29), date(2024, 12, 26)}


@pytest.mark.parametrize("kind", ["sample", "yahoo", "files"])
def test_a_holdings_file_is_read_instead_of_any_source(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    sources: dict[str, Source] = {
        "sample": Sample(), "yahoo": Yahoo(), "files": files_source(tmp_path / "inbox")
    }  # fmt: skip
    drop_file(tmp_path, monkeypatch, INVESCO, timedelta(hours=5))
    for unchanged in (0, 2):  # read again, it changes nothing
        report = ingest_weights(lake, sources[kind], "qqq")
        assert (report.counts["left_out"], report.counts["unchanged"]) == (2, unchanged)
    assert silver_weights(lake, kind) == [
        ("AAPL", pytest.approx(0.605), date(2024, 12, 26), "holdings file"),
        ("NVDA", pytest.approx(0.391), date(2024, 12, 26), "holdings file"),
    ]


def test_a_holdings_file_says_nothing_of_the_past(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_file(tmp_path, monkeypatch, INVESCO, timedelta(hours=5))
    ingest_weights(lake, SampleNoise(), "qqq", as_of=datetime(2026, 9, 1, tzinfo=UTC))
    assert {row[3] for row in silver_weights(lake, "sample_noise")} == {"sample_noise"}


def test_a_caller_may_want_the_source_alone(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_file(tmp_path, monkeypatch, INVESCO, timedelta(hours=5))
    source = files_source(tmp_path / "inbox", own=ISHARES)
    ingest_weights(lake, source, "qqq", use_holdings=False)
    assert {row[3] for row in silver_weights(lake, "files")} == {"files"}


def test_old_weights_and_those_that_newer_ones_hide_are_warned_of(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC).date()
    assert "warning" not in ingest_weights(lake, Sample(), "qqq").summary()
    drop_file(tmp_path, monkeypatch, INVESCO, timedelta(hours=5))
    notes = ingest_weights(lake, Sample(), "qqq").summary()
    assert f"weights of QQQ are of 2024-12-26, {(today - date(2024, 12, 26)).days} days" in notes
    assert "are known, and bars from then on use those; these are from 2024-12-26" in notes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (INVESCO.replace("39.1", "9739.1"), "9,800 %"),
        (INVESCO.replace("39.1", "-39.1"), "line 3: NVDA weighs -39.1"),
        (INVESCO.replace("12/26/2024", "26.26.2024"), "line 2: '26.26.2024' is no date"),
        (INVESCO.replace("AAPL", "XAAPL").replace("NVDA", "XNVDA"), "none of the 4 weights"),
    ],
)
def test_what_cannot_be_weights_changes_nothing(
    lake: Lake, tmp_path: Path, text: str, words: str
) -> None:
    good = files_source(tmp_path / "good", qqq=INVESCO)
    ingest_weights(lake, good, "qqq")
    with lake.view() as view:
        before = view.snapshot
    with pytest.raises(SourceError, match=words) as caught:
        ingest_weights(lake, files_source(tmp_path / "bad", qqq=text), "qqq")
    assert caught.value.hint
    with lake.view() as view:
        assert view.snapshot == before


def test_without_any_weights_the_way_out_is_named(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="files has no weights of QQQ") as caught:
        ingest_weights(lake, files_source(tmp_path), "qqq")
    assert HOLDINGS_FILE in caught.value.hint
    ingest_weights(lake, files_source(tmp_path, qqq=INVESCO), "qqq")
    (tmp_path / "qqq.csv").unlink()
    assert set(ingest_weights(lake, Files(tmp_path), "qqq").counts.values()) == {0}
