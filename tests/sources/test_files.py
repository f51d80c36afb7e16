"""The shapes that files come in, and what is read from them."""

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.sources.base import ACTIONS, BARS, REJECTS
from pipelines.sources.files import Files
from tests.sources.files_folder import folder, one, opens, read, request

EXAMPLE = Path(__file__).resolve().parents[2] / "include" / "sample"
HEAD = "ts,open,high,low,close,volume\n"


def test_clock_hours_in_new_york_stay_clock_hours(tmp_path):
    body = gzip.compress(
        b"datetime,open,high,low,close,volume\n"
        b"1998-01-02 09:00:00,13.63,13.75,13.5,13.63,540700\n"
        b"1998-07-02 10:00:00,13.63,14.81,13.56,14.44,1974100\n"
    )
    files = folder(
        tmp_path,
        {"aapl.csv.gz": body},
        {
            "files": "*.csv.gz",
            "symbol": {"file": r"^(?P<symbol>[a-z]+)\."},
            "interval": "1h",
            "timezone": "America/New_York",
            "grid": "clock",
        },
    )
    (parsed,) = read(files, request())
    assert opens(parsed) == ["1998-01-02 14:00", "1998-07-02 14:00"]
    assert parsed.grid == "clock"
    assert parsed.bars["symbol"].to_pylist() == ["AAPL", "AAPL"]
    assert parsed.bars["volume"].to_pylist() == [540700, 1974100]
    assert parsed.bars["row"].to_pylist() == [2, 3]
    assert files.symbols() == ("AAPL",)


def test_columns_in_another_order_and_american_dates(tmp_path):
    head = "Date,Open,Close,High,Low,Volume\r\n"
    body = head + "11/5/2019 9:30,4,3,5,2,0\r\n11/5/2019 9:31,4,3,5,2,0\r\n"
    parsed = one(
        tmp_path, body, interval="1m", timezone="America/New_York", time_format="%m/%d/%Y %H:%M"
    )
    assert opens(parsed) == ["2019-11-05 14:30", "2019-11-05 14:31"]
    first = parsed.bars.to_pylist()[0]
    assert [first[c] for c in ("open", "high", "low", "close")] == [4, 5, 2, 3]


def test_day_and_month_are_not_guessed(tmp_path):
    body = HEAD + "11/5/2019 9:30,4,5,3,4,0\n12/5/2019 9:30,4,5,3,4,0\n"
    with pytest.raises(SourceError, match=r"a\.csv.*month/day/year or day/month/year") as caught:
        one(tmp_path, body)
    assert "time_format" in caught.value.hint


@pytest.mark.parametrize(
    ("last", "first_open"),
    [("31/5/2019 9:30", "2019-05-11 09:30"), ("5/31/2019 9:30", "2019-11-05 09:30")],
)
def test_one_possible_reading_of_day_and_month_is_taken(tmp_path, last, first_open):
    parsed = one(tmp_path, HEAD + f"11/5/2019 9:30,4,5,3,4,0\n{last},4,5,3,4,0\n")
    assert opens(parsed)[0] == first_open
    assert parsed.rejects.num_rows == 0


def test_day_and_month_both_ways_in_one_file_are_refused(tmp_path):
    body = HEAD + "31/5/2019 9:30,4,5,3,4,0\n5/31/2019 9:30,4,5,3,4,0\n"
    with pytest.raises(SourceError, match="others day/month/year"):
        one(tmp_path, body)


@pytest.mark.parametrize(
    "time",
    [
        "2020-01-02 14:30:00",
        "2020-01-02T14:30:00Z",
        "2020-01-02 09:30:00-05:00",
        "2020-01-02 09:30-05:00",
        "2020-01-02T14:30:00.000",
        "2020.01.02 14:30",
        "20200102 14:30",
        "20200102143000",
        "1577975400",
        "1577975400000",
        "01/31/2020 2:30 PM",
    ],
)
def test_times_in_many_spellings(tmp_path, time):
    parsed = one(tmp_path, HEAD + f"{time},1,2,0.5,1.5,10\n", interval="1m")
    assert opens(parsed)[0].replace("-31", "-02") == "2020-01-02 14:30"


def test_an_offset_counts_even_where_the_mapping_has_a_zone(tmp_path):
    body = HEAD + "2020-01-02 09:30:00,1,2,1,1,0\n2020-01-02 15:30:00+00:00,1,2,1,1,0\n"
    parsed = one(tmp_path, body, timezone="America/New_York")
    assert opens(parsed) == ["2020-01-02 14:30", "2020-01-02 15:30"]


def test_clock_changes_make_rejects(tmp_path):
    body = HEAD + "".join(
        f"{time},1,2,1,1,0\n"
        for time in ("2020-03-08 02:30:00", "2020-03-08 03:30:00", "2020-11-01 01:30:00")
    )
    parsed = one(tmp_path, body, timezone="America/New_York")
    assert opens(parsed) == ["2020-03-08 07:30"]
    assert parsed.rejects["reason"].to_pylist() == ["nonexistent_time", "ambiguous_time"]
    assert parsed.rejects["row"].to_pylist() == [2, 4]


def test_a_naive_time_without_a_zone_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=r"a\.csv.*no time zone") as caught:
        one(tmp_path, HEAD + "2020-01-02 09:30:00,1,2,1,1,0\n", timezone="")
    assert "timezone: America/New_York" in caught.value.hint


@pytest.mark.parametrize(
    ("time", "zone"),
    [
        ("2023-04-14", ""),
        ("2023-04-14 00:00:00+09:00", ""),
        ("2023-04-14 00:00:00+09:00", "America/New_York"),
        ("2023-04-13T15:00:00Z", "Asia/Tokyo"),
        ("2023-04-14 04:00:00+00:00", "America/New_York"),
        ("20230414", ""),
        ("1681430400", ""),
    ],
)
def test_a_day_is_the_date_that_names_it(tmp_path, time, zone):
    parsed = one(tmp_path, HEAD + f"{time},1,2,1,1,0\n", interval="1d", timezone=zone)
    assert opens(parsed) == ["2023-04-14 00:00"]


def test_closes_alone_serve_as_all_prices(tmp_path):
    parsed = one(
        tmp_path,
        "Date,Close\r\n1990-01-31,25.36\r\n",
        interval="1mo",
        columns=dict.fromkeys(("open", "high", "low", "close"), "Close"),
    )
    assert parsed.bars.select(["open", "high", "low", "close"]).to_pylist() == [
        dict.fromkeys(("open", "high", "low", "close"), 25.36)
    ]


def test_times_of_closes_become_opens_by_the_calendar(tmp_path):
    body = HEAD + "2026-09-21 10:30,1,2,1,1,0\n2026-09-21 16:00,1,2,1,1,0\n"
    parsed = one(tmp_path, body, timezone="America/New_York", label="close")
    # the last bar of the session is half an hour long
    assert opens(parsed) == ["2026-09-21 13:30", "2026-09-21 19:30"]


def test_many_symbols_in_a_column(tmp_path):
    body = "Ticker;Date;Time;Open;High;Low;Close\n" + "".join(
        f'"{name}";2020-01-02;14:30;1,5;2;1;1,5\n' for name in ("NA", "MSFT", "", "AAPL")
    )
    series = {"symbol": {"column": "Ticker"}, "csv": {"decimal": ","}}
    parsed = one(tmp_path, body, **series)
    assert parsed.bars["symbol"].to_pylist() == ["NA", "MSFT", "AAPL"]
    assert parsed.bars["open"].to_pylist() == [1.5] * 3
    assert parsed.rejects["detail"].to_pylist() == ["no symbol"]
    only = one(tmp_path, body, request(symbols=("AAPL",)), **series)
    assert only.bars["row"].to_pylist() == [5]
    assert Files(tmp_path).symbols() is None


def test_a_range_takes_its_start_and_not_its_end(tmp_path):
    body = HEAD + "".join(f"2020-01-0{d},1,2,1,1,0\n" for d in range(1, 5))
    asked = request("1d", start="2020-01-02", end="2020-01-04")
    assert opens(one(tmp_path, body, asked, interval="1d")) == [
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
    parsed = one(tmp_path, body, interval="1d", splits=splits, split_adjusted=False)
    rows = [(a["kind"], a["date"].isoformat(), a["value"]) for a in parsed.actions.to_pylist()]
    assert rows == [
        ("split", "2020-08-31", 4.0),
        ("dividend", "2020-08-31", 0.82),
        ("split", "2014-06-09", 7.0),
    ]
    assert not parsed.split_adjusted
    asked = request("1d", start="2020-01-01", end="2020-08-31")  # nothing of the future
    assert one(tmp_path, body, asked, interval="1d", splits=splits).actions.num_rows == 0


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


@pytest.mark.parametrize(
    "times",
    [
        pa.array([datetime(2020, 1, 2, 9, 30)], pa.timestamp("ns")),
        pa.array([datetime(2020, 1, 2, 14, 30, tzinfo=UTC)], pa.timestamp("us", "Asia/Tokyo")),
        pa.array([1577975400], pa.int64()),
        pa.array(["2020-01-02 09:30:00-05:00"]),
    ],
)
def test_parquet_with_times_of_any_type(tmp_path, times):
    prices = {c: pa.array([1]) for c in ("open", "high", "low", "close")}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({**prices, "Date": times}), sink)
    parsed = one(tmp_path, sink.getvalue().to_pybytes(), timezone="America/New_York")
    assert opens(parsed) == ["2020-01-02 14:30"]
    assert parsed.bars["volume"].to_pylist() == [None]


def test_a_file_without_header_and_with_lines_before(tmp_path):
    body = "made by us\n2020-01-02 14:30,1,2,1,1\n"
    parsed = one(tmp_path, body, csv={"skip": 1, "names": ["ts", "open", "high", "low", "close"]})
    assert parsed.bars["row"].to_pylist() == [2]


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16"])
def test_marks_of_windows_do_not_hide_the_first_column(tmp_path, code):
    body = (HEAD + "2020-01-02 14:30,1,2,1,1,0\r\n\r\n").encode(code)
    assert one(tmp_path, body).bars.num_rows == 1


def test_tables_have_their_schemas_and_answers_can_be_kept_as_json(tmp_path):
    body = HEAD + "2020-01-02 14:30,1,2,1,1,0\n2020-01-02 15:30,x,2,1,1,0\n"
    files = folder(tmp_path, {"a.csv": body}, {"files": "*", "symbol": "A", "interval": "1h",
                                               "timezone": "UTC"})  # fmt: skip
    (answer,) = files.fetch(request())  # the mapping is no file of bars
    parsed = files.parse(answer)
    assert (parsed.bars.schema, parsed.actions.schema, parsed.rejects.schema) == (
        BARS,
        ACTIONS,
        REJECTS,
    )
    kept = type(answer)(**{**answer.__dict__, "asked": json.loads(json.dumps(answer.asked))})
    again = Files(tmp_path / "gone").parse(kept)
    assert again.bars.equals(parsed.bars)
    assert again.rejects.equals(parsed.rejects)


def test_without_a_folder_it_says_which_setting_names_one(monkeypatch):
    monkeypatch.delenv("BULLION_FILES", raising=False)
    with pytest.raises(InvalidRequest, match="BULLION_FILES is not set"):
        Files().symbols()


def test_the_shipped_example_reads_without_a_reject(monkeypatch):
    monkeypatch.setenv("BULLION_FILES", str(EXAMPLE))
    for interval, symbol in (("5m", "AAPL"), ("1h", "QQQ")):
        (parsed,) = read(Files(), request(interval))
        assert parsed.rejects.num_rows == 0
        assert parsed.bars.num_rows > 1000
        assert set(parsed.bars["symbol"].to_pylist()) == {symbol}
    assert Files().symbols() == ("AAPL", "QQQ")
    assert all(path.stat().st_size < 300_000 for path in EXAMPLE.glob("*.csv"))
