"""The shapes that files come in, and what is read from them."""

from datetime import date
from pathlib import Path

import pytest

from pipelines.sources.files import Files
from tests.sources.files.folder import folder, opens, parse_file, read, request

EXAMPLE = Path(__file__).resolve().parents[3] / "include" / "sample"
HEAD = "ts,open,high,low,close,volume\n"


def test_closes_alone_serve_as_all_prices(tmp_path):
    parsed = parse_file(
        tmp_path,
        "Date,Close\r\n1990-01-31,25.36\r\n",
        interval="1mo",
        columns=dict.fromkeys(("open", "high", "low", "close"), "Close"),
    )
    assert parsed.bars.select(["open", "high", "low", "close"]).to_pylist() == [
        dict.fromkeys(("open", "high", "low", "close"), 25.36)
    ]


def test_many_symbols_in_a_column(tmp_path):
    body = "Ticker;Date;Time;Open;High;Low;Close\n" + "".join(
        f'"{name}";2020-01-02;14:30;1,5;2;1;1,5\n' for name in ("NA", "MSFT", "", "AAPL")
    )
    series = {"symbol": {"column": "Ticker"}, "csv": {"decimal": ","}}
    parsed = parse_file(tmp_path, body, **series)
    assert parsed.bars["symbol"].to_pylist() == ["NA", "MSFT", "AAPL"]
    assert parsed.bars["open"].to_pylist() == [1.5] * 3
    assert parsed.rejects["detail"].to_pylist() == ["no symbol"]
    only = parse_file(tmp_path, body, request(symbols=("AAPL",)), **series)
    assert only.bars["row"].to_pylist() == [5]
    assert Files(tmp_path).symbols() is None


def test_a_range_takes_its_start_and_not_its_end(tmp_path):
    body = HEAD + "".join(f"2020-01-0{d},1,2,1,1,0\n" for d in range(1, 5))
    two_days = request("1d", start="2020-01-02", end="2020-01-04")
    assert opens(parse_file(tmp_path, body, two_days, interval="1d")) == [
        "2020-01-02 00:00",
        "2020-01-03 00:00",
    ]


def test_splits_and_dividends_of_columns_and_of_the_mapping(tmp_path):
    body = (
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
        "2020-08-28 00:00:00-04:00,1,2,1,1,0,0.0,0.0\n"
        "2020-08-31 00:00:00-04:00,1,2,1,1,0,0.82,4.0\n"
    )
    splits = [{"symbol": "AAPL", "date": date(2014, 6, 9), "ratio": 7}]
    parsed = parse_file(tmp_path, body, interval="1d", splits=splits, split_adjusted=False)
    rows = [(a["kind"], a["date"].isoformat(), a["value"]) for a in parsed.actions.to_pylist()]
    assert rows == [
        ("split", "2020-08-31", 4.0),
        ("dividend", "2020-08-31", 0.82),
        ("split", "2014-06-09", 7.0),
    ]
    assert not parsed.split_adjusted
    before_split = request("1d", start="2020-01-01", end="2020-08-31")  # nothing of the future
    assert (
        parse_file(tmp_path, body, before_split, interval="1d", splits=splits).actions.num_rows == 0
    )


def test_suffix_interval_and_calendar_from_the_name(tmp_path):
    files = folder(
        tmp_path,
        dict.fromkeys(("AV-L-1wk-x.csv", "AV-L-1wk-fixed.csv"), HEAD + "2020-01-06,1,2,1,1,0\n"),
        {
            "files": ["*.csv", "!*-fixed.csv"],
            "symbol": {"file": r"^(?P<symbol>[A-Z]+)(-(?P<exchange>[A-Z]+))?-(?P<interval>\w+)-"},
            "calendar": {"L": "XLON", "default": "XNYS"},
        },
    )
    (parsed,) = read(files, request("1w"))
    assert parsed.calendar == "XLON"
    assert parsed.bars["symbol"].to_pylist() == ["AV.L"]


def test_a_file_without_header_and_with_lines_before(tmp_path):
    body = "made by us\n2020-01-02 14:30,1,2,1,1\n"
    parsed = parse_file(
        tmp_path, body, csv={"skip": 1, "names": ["ts", "open", "high", "low", "close"]}
    )
    assert parsed.bars["row"].to_pylist() == [2]


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16"])
def test_marks_of_windows_do_not_hide_the_first_column(tmp_path, code):
    body = (HEAD + "2020-01-02 14:30,1,2,1,1,0\r\n\r\n").encode(code)
    assert parse_file(tmp_path, body).bars.num_rows == 1
