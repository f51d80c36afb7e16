"""A CSV file is read as bars or as indicators, or refused with the reason."""

from __future__ import annotations

import pytest

from pipelines.core.errors import InvalidField
from pipelines.forecasts import NVDA_5M
from pipelines.requests import csv_file
from pipelines.requests.csv_file import LINES_PER_ROW, TooManyRows, read_csv
from tests.requests.five_minutes import NAMES, read_lines, write_lines


def test_each_row_is_a_line_with_the_cells_of_known_columns() -> None:
    file = read_lines(["ts,open,note,high,low,close", "2026-09-01,1,x,3,0.5,2", "", "2026-09-02,1"])
    assert (file.kind, [line.line for line in file.lines]) == ("bars", [2, 4])
    assert file.lines[0].cells == {
        "ts": "2026-09-01", "open": "1", "high": "3", "low": "0.5", "close": "2",
    }  # fmt: skip
    assert file.lines[1].bad
    assert "it has 2 cells, the header 6" in (file.lines[1].reason or "")


def test_a_column_for_every_feature_makes_indicators() -> None:
    names = NVDA_5M.feature_names
    file = read_lines([",".join(names), ",".join(["0"] * len(names))])
    assert file.kind == "indicators"
    with pytest.raises(InvalidField, match=f"no column {names[-1]}"):
        read_lines([",".join(names[:-1]), "0"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"<html>", "web page"),
        (b'{"a": 1}', "is JSON"),
        (b"PK\x03\x04", "compressed"),
        (b"open;high;low;close\n1;1;1;1", "split by semicolons"),
        (b"open,high,low,close\n", "a header and no row"),
    ],
)
def test_what_is_no_csv_of_bars_is_refused_as_a_whole(content: bytes, message: str) -> None:
    with pytest.raises(InvalidField, match=message) as refused:
        read_csv(content, 10, NVDA_5M)
    assert (refused.value.field, bool(refused.value.hint)) == ("file", True)


def test_more_rows_than_are_taken_are_refused() -> None:
    content = "\n".join(write_lines()).encode()
    assert len(read_csv(content, 156, NVDA_5M).lines) == 156
    assert content.startswith(",".join(NAMES).encode())
    with pytest.raises(TooManyRows, match="more than 155 rows"):
        read_csv(content, 155, NVDA_5M)


@pytest.mark.parametrize("line", ["", " ", '""', '"",""', ",,,", "\r"])
def test_lines_that_make_no_row_are_bounded_too(line: str) -> None:
    head = b"open,high,low,close\n1,3,0.5,2\n"
    count = 10 * LINES_PER_ROW - 2
    empty_lines = f"{line}\n".encode() if line != "\r" else b"\r"
    assert len(read_csv(head + count * empty_lines, 10, NVDA_5M).lines) == 1
    with pytest.raises(TooManyRows, match="more than 100 lines") as refused:
        read_csv(head + (count + 1) * empty_lines, 10, NVDA_5M)
    assert "empty lines" in refused.value.hint


def test_a_file_of_too_many_bytes_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = "\n".join(write_lines()).encode()
    monkeypatch.setattr(csv_file, "MOST_BYTES", len(content))
    assert len(read_csv(content, 156, NVDA_5M).lines) == 156
    with pytest.raises(TooManyRows, match="bytes"):
        read_csv(content + b"\n", 156, NVDA_5M)
