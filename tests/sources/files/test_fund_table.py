"""The table in a fund company's file lies between lines about the fund and small print."""

from __future__ import annotations

import io
from datetime import date
from typing import NamedTuple

import pytest

from pipelines.core.errors import SourceError
from pipelines.sources.files import fund_table
from pipelines.sources.files.fund_table import date_in_name, find_table, read_date
from pipelines.sources.files.mapping import Csv
from pipelines.sources.files.weights import USUAL
from tests.sources.files.fund_files import INVESCO, ISHARES

NEEDED = ("symbol", "weight")


class TextTable(NamedTuple):
    body: bytes
    csv: Csv
    as_of: date | None


def table_of(text: str, shape: Csv = Csv()) -> TextTable:  # noqa: B008 - frozen
    with find_table("h.csv", io.BytesIO(text.encode()), shape, USUAL, NEEDED) as table:
        table.file.seek(0)
        return TextTable(table.file.read(), table.csv, table.as_of)


def test_lines_above_the_header_and_below_the_rows_are_left_out() -> None:
    table = table_of(ISHARES)
    assert (table.csv.skip, table.as_of) == (7, date(2024, 12, 26))
    assert table.body.decode().splitlines()[-1].startswith('"ESH5"')


def test_a_plain_table_is_left_as_it_is() -> None:
    table = table_of(INVESCO)
    assert (table.body, table.csv.skip, table.as_of) == (INVESCO.strip().encode(), 0, None)


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_the_ends_of_lines_may_be_those_of_any_system(line_end: str) -> None:
    assert table_of(ISHARES.replace("\n", line_end)).csv.skip == 7


def test_small_print_is_looked_for_at_the_end_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "Ticker,Weight\nAAPL,60\nNVDA,40\n"
    for most, is_cut_off in ((200, True), (50, False)):
        monkeypatch.setattr(fund_table, "MOST_SMALL_PRINT", most)
        body = table_of(rows + "\n" + "The value of a share can fall.\n" * 4).body
        assert (body == rows.strip().encode()) == is_cut_off


def test_rows_below_an_empty_line_are_rows_and_a_broken_last_line_stays() -> None:
    rows = "Ticker,Weight\nAAPL,60\n\nNVDA,40\n"
    assert table_of(rows).body.count(b"NVDA") == 1
    assert table_of("Ticker,Weight\nAAPL,60\nNVDA\n").body.endswith(b"\nNVDA")


def test_a_mapping_that_says_where_the_header_is_is_believed() -> None:
    assert table_of(ISHARES, Csv(skip=3)).csv.skip == 3
    named = Csv(names=("symbol", "weight"))
    assert table_of("AAPL,60\n", named).csv is named


def test_a_file_without_header_says_which_columns_are_missing() -> None:
    with pytest.raises(SourceError, match=r"h\.csv: neither line 1 nor .* symbol and weight") as e:
        table_of("AAPL,60\nNVDA,40\n")
    assert "columns: {symbol: symbol, weight: weight}" in e.value.hint
    assert "csv.names" in e.value.hint


@pytest.mark.parametrize(
    "above",
    ['Fund Holdings as of,"Dec 26, 2024"', "As of 12/26/2024", '"Holdings as of: 26-Dec-2024"'],
)
def test_the_date_above_the_table(above: str) -> None:
    assert table_of(f"A fund\n{above}\n\nTicker,Weight\nAAPL,60\n").as_of == date(2024, 12, 26)


def test_other_dates_above_the_table_are_not_that_of_the_holdings() -> None:
    assert table_of("Inception Date,12/26/2024\nTicker,Weight\nAAPL,60\n").as_of is None
    assert table_of("As of 26/12/2024\nTicker,Weight\nAAPL,60\n").as_of is None


@pytest.mark.parametrize(
    "text",
    ["2024-12-26", "20241226", "12/26/2024", "26-Dec-2024", "Dec 26, 2024", "26.12.2024",
     "2024-12-26T00:00:00"],
)  # fmt: skip
def test_usual_dates(text: str) -> None:
    assert read_date(text) == date(2024, 12, 26)


def test_a_format_decides_alone() -> None:
    assert read_date("03/04/2024") == date(2024, 3, 4)
    assert read_date("03/04/2024", "%d/%m/%Y") == date(2024, 4, 3)
    with pytest.raises(ValueError, match="is no date in the format %d/%m/%Y"):
        read_date("2024-12-26", "%d/%m/%Y")
    with pytest.raises(ValueError, match="'soon' is no date such as"):
        read_date("soon")


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("old/QQQ_2024-12-26.csv", date(2024, 12, 26)),
        ("qqq20241226.csv.gz", date(2024, 12, 26)),
        ("99999999_20241226.csv", date(2024, 12, 26)),
        ("2024-12-26/qqq.csv", None),
        ("qqq_1234567890.csv", None),
    ],
)
def test_the_date_in_a_name(path: str, day: date | None) -> None:
    assert date_in_name(path) == day
