"""The predict command as its user meets it: a file in, a table out."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from pipelines.forecasts import NVDA_5M
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.requests.csv_file import MOST_BYTES
from tests import models
from tests.commands import Bullion
from tests.requests.five_minutes import LOOK_BACK, START, write_lines


@pytest.fixture
def bars_file(tmp_path: Path, lake: Lake, registry: Registry) -> Path:
    model = models.store_verified(registry, NVDA_5M, models.body(NVDA_5M))
    models.decide(lake, NVDA_5M, "sample", model, START)
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(write_lines()))
    return path


def test_the_table_goes_to_the_terminal_or_to_a_file(bullion: Bullion, bars_file: Path) -> None:
    code, out, err = bullion("predict", "nvda_5m", str(bars_file))
    assert code == 0, err
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 156
    assert rows[LOOK_BACK]["ts"].startswith("2026-08-31T")
    assert float(rows[LOOK_BACK]["confidence"]) > 0
    assert "156 rows" in err
    target = bars_file.parent / "predictions.csv"
    code, out, err = bullion("predict", "nvda_5m", str(bars_file), "--out", str(target))
    assert code == 0, err
    assert list(csv.DictReader(target.open())) == rows
    assert f"in {target}" in out
    assert "acts at" in out


def test_a_file_without_end_is_refused_unread(bullion: Bullion, bars_file: Path) -> None:
    endless = bars_file.with_name("endless.csv")
    with endless.open("wb") as file:
        file.truncate(1 << 42)  # four terabytes, of which the disk has none
    code, _, err = bullion("predict", "nvda_5m", str(endless))
    assert code == 1
    assert f"more than the {MOST_BYTES:,} that are read" in " ".join(err.split())
    assert "several files" in err


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["nvda_5m", "{bars}", "--out", "{bars}"], "is there already", "--force"),
        (["nvda_5m", "{bars}x"], "there is no file", "CSV"),
        (["nvda_5n", "{bars}"], "unknown forecast 'nvda_5n'", "nvda_5m"),
        (["aapl_daily", "{bars}"], "no model of aapl_daily trained on sample serves", "train"),
    ],
)
def test_a_wrong_request_is_named_with_what_to_do(
    bullion: Bullion, bars_file: Path, words: list[str], message: str, hint: str
) -> None:
    before = bars_file.read_text()
    code, _, err = bullion("predict", *(word.format(bars=bars_file) for word in words))
    assert code == 2
    assert message in err
    assert hint in err
    assert bars_file.read_text() == before
