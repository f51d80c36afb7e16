"""The columns of a file are found by the mapping, else by their usual names."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.sources.files.columns import columns_of, place_of
from pipelines.sources.files.read import Cells
from tests.sources.files.folder import opens, parse_file

HEAD = "ts,open,high,low,close,volume\n"
GOOD = "2020-01-02 14:30,1,2,1,1,10\n"
USUAL = {"ts": ("ts", "datetime", "date"), "volume": ("volume", "vol")}
COLUMNS = ("ts", "close", "volume")


def test_a_column_that_the_mapping_names_and_the_file_lost(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no column 'Volumes'.*ts, open, high") as caught:
        parse_file(tmp_path, HEAD + GOOD, columns={"volume": "Volumes"})
    assert "did you mean 'volume'" in caught.value.hint
    assert "columns.volume" in caught.value.hint


def test_columns_in_another_order_and_american_dates(tmp_path: Path) -> None:
    head = "Date,Open,Close,High,Low,Volume\r\n"
    body = head + "11/5/2019 9:30,4,3,5,2,0\r\n11/5/2019 9:31,4,3,5,2,0\r\n"
    parsed = parse_file(
        tmp_path, body, interval="1m", timezone="America/New_York", time_format="%m/%d/%Y %H:%M"
    )
    assert opens(parsed) == ["2019-11-05 14:30", "2019-11-05 14:31"]
    first = parsed.bars.to_pylist()[0]
    assert [first[c] for c in ("open", "high", "low", "close")] == [4, 5, 2, 3]


@pytest.mark.parametrize(
    ("names", "declared", "places"),
    [
        (["Close", "Date-Time", "VOL."], {}, {"ts": [1], "close": [0], "volume": [2]}),
        (["close", "date", "time"], {}, {"ts": [1, 2], "close": [0]}),
        (["close", "day", "hour"], {"ts": ("day", "hour")}, {"ts": [1, 2], "close": [0]}),
        (["last", "Close", "ts"], {"close": ("LAST",)}, {"ts": [2], "close": [0]}),
    ],
)
def test_a_mapping_comes_before_the_usual_names(
    names: list[str], declared: dict[str, tuple[str, ...]], places: dict[str, list[int]]
) -> None:
    cells = Cells("a.csv", names)
    assert columns_of(cells, declared, USUAL, COLUMNS, ("ts", "close")) == places


def test_a_missing_column_is_named_with_the_nearest_and_those_there_are() -> None:
    with pytest.raises(SourceError, match="no column for close; its columns are ts, closed") as e:
        columns_of(Cells("a.csv", ["ts", "closed"]), {}, USUAL, COLUMNS, ("ts", "close"))
    assert "'columns: {close: closed}'" in e.value.hint


def test_a_name_that_two_columns_have_is_refused() -> None:
    cells = Cells("a.csv", ["Close", "close", "CLOSE"])
    assert place_of(cells, "close", "columns.close") == 1
    with pytest.raises(SourceError, match="more than one column 'cLOSE'"):
        place_of(cells, "cLOSE", "columns.close")
