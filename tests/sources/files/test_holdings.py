"""The holdings file that stands in for the weights of any source."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.core.errors import SourceError
from pipelines.sources.base import WEIGHTS
from pipelines.sources.files import holdings
from tests.sources.files.fund_files import INVESCO, ISHARES

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
WRITTEN = datetime(2026, 11, 19, 23, 0, tzinfo=UTC)


def drop_file(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> Path:
    file = folder / "qqq.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(file, (WRITTEN.timestamp(), WRITTEN.timestamp()))
    monkeypatch.setenv(holdings.HOLDINGS_FILE, str(file))
    return file


def weights() -> pa.Table:
    answer = holdings.read_answer("sample", "nasdaq100", NOW)
    assert (answer.source, answer.kind, answer.received_at) == ("sample", "weights", NOW)
    table = holdings.parse_holdings(
        replace(answer, query=json.loads(json.dumps(dict(answer.query))))
    )
    assert table.schema == WEIGHTS
    return table


def test_it_is_set_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(holdings.HOLDINGS_FILE, raising=False)
    assert not holdings.is_set()
    monkeypatch.setenv(holdings.HOLDINGS_FILE, "")
    assert not holdings.is_set()
    monkeypatch.setenv(holdings.HOLDINGS_FILE, "x.csv")
    assert holdings.is_set()


@pytest.mark.parametrize("text", [INVESCO, ISHARES])
def test_a_downloaded_file_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    drop_file(tmp_path, monkeypatch, text)
    rows = weights().to_pylist()
    assert [r["symbol"] for r in rows][:2] == ["AAPL", "NVDA"]
    assert rows[0]["weight"] == pytest.approx(0.605)
    assert {(r["effective"], r["known_at"], r["partial"]) for r in rows} == {
        (date(2024, 12, 26), WRITTEN, False)
    }


def test_reading_it_again_later_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_file(tmp_path, monkeypatch, INVESCO)
    first = holdings.parse_holdings(holdings.read_answer("files", "nasdaq100", NOW))
    later = holdings.read_answer("files", "nasdaq100", NOW.replace(year=2027))
    assert holdings.parse_holdings(later).equals(first)


def test_a_file_without_a_date_is_of_the_day_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_file(tmp_path, monkeypatch, "Ticker,Weight\nAAPL,60\nNVDA,40\n")
    assert set(weights()["effective"].to_pylist()) == {WRITTEN.date()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (INVESCO.replace("39.1", "much"), ("line 3", "'much'")),
        (INVESCO.replace("39.1", "-3"), ("line 3", "NVDA weighs -3")),
        (INVESCO.replace("39.1", "nan"), ("line 3", "NVDA has no weight")),
        (INVESCO.replace("NVDA ", "AAPL "), ("lines 2 and 3", "more than one weight of AAPL")),
        (INVESCO.replace("39.1", "89.1"), ("lines 2 to 5", "add up to 150", "150 %")),
        (INVESCO.replace("39.1", "9739.1"), ("lines 2 to 5", "9,800 %")),
        (INVESCO.replace("12/26/2024", "12/25/2024", 1), ("2 dates", "2024-12-25")),
        (INVESCO.replace("12/26/2024", "soon", 2), ("line 2", "'soon'")),
        (INVESCO.replace("Holding Ticker", "Thing").replace("Fund Ticker", "Fund"),
         ("line 1", "header", "symbol")),
        ("Ticker,Weight\n", ("no line of holdings",)),
        ("", ("is empty",)),
        ("Ticker,Weight\nAA\0PL,1\n", ("line 2", "cannot be seen")),
        (b"Ticker,Weight\nAAPL,60\n\xff\xfe,40\n", ("line 3", "UTF-8")),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_the_line_and_what_is_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes, words: tuple[str, ...]
) -> None:
    file = drop_file(tmp_path, monkeypatch, text)
    with pytest.raises(SourceError) as caught:
        weights()
    assert all(word in caught.value.message for word in (str(file), *words)), caught.value
    assert holdings.HOLDINGS_FILE in caught.value.hint or "one date" in caught.value.hint


def test_a_file_that_is_not_there_or_is_a_pipe_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(holdings.HOLDINGS_FILE, str(tmp_path / "none.csv"))
    with pytest.raises(SourceError, match=r"none\.csv"):
        weights()
    os.mkfifo(tmp_path / "pipe.csv")
    monkeypatch.setenv(holdings.HOLDINGS_FILE, str(tmp_path / "pipe.csv"))
    with pytest.raises(SourceError, match=r"pipe\.csv is a pipe"):
        weights()


def test_a_file_made_to_break_the_reader_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_file(tmp_path, monkeypatch, f"Ticker,Weight\n{'A' * 2_000_000},1\n")
    with pytest.raises(SourceError, match="line 2"):
        weights()
