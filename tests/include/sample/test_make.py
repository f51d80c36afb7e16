"""The CSVs of include/sample are as `make.py` writes them, and its mapping reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from include.sample.make import FOLDER, read_bars, write_files, write_five_minutes, write_hours
from pipelines.core.calendar import interval_of, utc
from pipelines.sources.base import Request
from pipelines.sources.files import Files

START, END = "2026-08-03", "2026-08-04"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of one session, with the mapping that describes them."""
    folder = tmp_path_factory.mktemp("sample")
    shutil.copy(FOLDER / "bars.yaml", folder)
    write_five_minutes(folder, START, END)
    write_hours(folder, START, END)
    return folder


@pytest.mark.parametrize(("symbol", "interval", "count"), [("AAPL", "5m", 78), ("QQQ", "1h", 7)])
def test_the_mapping_reads_the_bars_of_the_sample_to_the_cent(
    folder: Path, symbol: str, interval: str, count: int
) -> None:
    source = Files(folder)
    end = utc("2026-10-01")
    request = Request((symbol,), interval_of(interval), utc(START), utc(END), end)
    parsed = [
        source.parse(answer) for piece in source.pieces(request) for answer in source.fetch(piece)
    ]
    assert sum(part.rejects.num_rows for part in parsed) == 0
    rows = [row for part in parsed for row in part.bars.to_pylist() if row["symbol"] == symbol]
    bars = read_bars(symbol, interval, START, END).to_pylist()
    assert len(bars) == count
    for row, bar in zip(rows, bars, strict=True):
        assert row["ts"] == bar["ts"]
        for name in ("open", "high", "low", "close"):
            assert row[name] == pytest.approx(bar[name], abs=0.0051)
        assert row["volume"] == int(bar["volume"])


def test_the_committed_files_are_what_it_writes(tmp_path: Path) -> None:
    """Who changes the sample market writes them again: python include/sample/make.py"""
    write_files(tmp_path)
    for file in sorted(tmp_path.iterdir()):
        written, committed = file.read_text().splitlines(), (FOLDER / file.name).read_text()
        assert written == committed.splitlines(), f"{file.name} is not what make.py writes"
    assert len(list(tmp_path.iterdir())) == 2
