"""Times of any spelling become the instants at which bars open."""

import gzip
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest, SourceError
from tests.sources.files.folder import folder, opens, parse_file, read, request

EXAMPLE = Path(__file__).resolve().parents[3] / "include" / "sample"
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


def test_day_and_month_are_not_guessed(tmp_path):
    body = HEAD + "11/5/2019 9:30,4,5,3,4,0\n12/5/2019 9:30,4,5,3,4,0\n"
    with pytest.raises(SourceError, match=r"a\.csv.*month/day/year or day/month/year") as caught:
        parse_file(tmp_path, body)
    assert "time_format" in caught.value.hint


@pytest.mark.parametrize(
    ("last", "first_open"),
    [("31/5/2019 9:30", "2019-05-11 09:30"), ("5/31/2019 9:30", "2019-11-05 09:30")],
)
def test_one_possible_reading_of_day_and_month_is_taken(tmp_path, last, first_open):
    parsed = parse_file(tmp_path, HEAD + f"11/5/2019 9:30,4,5,3,4,0\n{last},4,5,3,4,0\n")
    assert opens(parsed)[0] == first_open
    assert parsed.rejects.num_rows == 0


def test_day_and_month_both_ways_in_one_file_are_refused(tmp_path):
    body = HEAD + "31/5/2019 9:30,4,5,3,4,0\n5/31/2019 9:30,4,5,3,4,0\n"
    with pytest.raises(SourceError, match="others day/month/year"):
        parse_file(tmp_path, body)


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
    parsed = parse_file(tmp_path, HEAD + f"{time},1,2,0.5,1.5,10\n", interval="1m")
    assert opens(parsed)[0].replace("-31", "-02") == "2020-01-02 14:30"


def test_an_offset_counts_even_where_the_mapping_has_a_zone(tmp_path):
    body = HEAD + "2020-01-02 09:30:00,1,2,1,1,0\n2020-01-02 15:30:00+00:00,1,2,1,1,0\n"
    parsed = parse_file(tmp_path, body, timezone="America/New_York")
    assert opens(parsed) == ["2020-01-02 14:30", "2020-01-02 15:30"]


def test_clock_changes_make_rejects(tmp_path):
    body = HEAD + "".join(
        f"{time},1,2,1,1,0\n"
        for time in ("2020-03-08 02:30:00", "2020-03-08 03:30:00", "2020-11-01 01:30:00")
    )
    parsed = parse_file(tmp_path, body, timezone="America/New_York")
    assert opens(parsed) == ["2020-03-08 07:30"]
    assert parsed.rejects["reason"].to_pylist() == ["nonexistent_time", "ambiguous_time"]
    assert parsed.rejects["row"].to_pylist() == [2, 4]


def test_a_naive_time_without_a_zone_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=r"a\.csv.*no time zone") as caught:
        parse_file(tmp_path, HEAD + "2020-01-02 09:30:00,1,2,1,1,0\n", timezone="")
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
    parsed = parse_file(tmp_path, HEAD + f"{time},1,2,1,1,0\n", interval="1d", timezone=zone)
    assert opens(parsed) == ["2023-04-14 00:00"]


def test_times_of_closes_become_opens_by_the_calendar(tmp_path):
    body = HEAD + "2026-09-21 10:30,1,2,1,1,0\n2026-09-21 16:00,1,2,1,1,0\n"
    parsed = parse_file(tmp_path, body, timezone="America/New_York", label="close")
    # the last bar of the session is half an hour long
    assert opens(parsed) == ["2026-09-21 13:30", "2026-09-21 19:30"]
