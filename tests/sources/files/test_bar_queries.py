"""The queries over the cells of a file: values, unreadable cells, and what rejects were."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.sources.files.bar_queries import BarQueries, mask_of
from pipelines.sources.files.lines import Lines
from pipelines.sources.files.mapping import series_of
from pipelines.sources.files.read import Cells

NAMES = ["Ticker", "ts", "close"]
PLACES = {"symbol": [0], "ts": [1], "close": [2]}
BODY = b"AAPL,2020-01-02 14:30,1.5\nMSFT,2020-01-02 15:30,x\n,soon,\nA\x07L,2020-01-02,n/a\n"


def queries(body: bytes = BODY, **mapping: object) -> BarQueries:
    series = series_of(
        {"files": "*.csv", "symbol": {"column": "Ticker"}, "interval": "1h"} | mapping, "a test"
    )
    cells = Cells("a.csv", NAMES)
    cells.read_csv(Lines(body, 3, 0, ","))
    return BarQueries(cells, series, PLACES)


def test_the_first_times_are_returned_as_they_are_written() -> None:
    assert queries().sample_times(2) == ["2020-01-02 14:30", "2020-01-02 15:30"]


def test_a_cell_with_text_that_is_no_number_is_unreadable_and_a_null_is_not() -> None:
    sql = queries()
    close = pa.table({"close": pa.array([1.5, None, None, None])})
    assert sql.find_unreadable(close).tolist() == [False, True, False, False]
    assert not sql.find_unreadable(pa.table({"close": [1.0, 2.0, 3.0, 4.0]})).any()


def test_a_comma_can_be_the_decimal_sign() -> None:
    body = b'AAPL,2020-01-02 14:30,"1,5"\n'
    sql = queries(body, csv={"decimal": ","})
    assert not sql.find_unreadable(pa.table({"close": pa.array([None], pa.float64())})).any()


def test_rejects_say_what_was_wrong_and_what_stood_there() -> None:
    sql, lost = queries(), np.array([1, 2, 3])
    names = pa.array(["AAPL", "MSFT", None, None])
    ts = np.array(["2020-01-02T14:30", "2020-01-02T15:30", "NaT", "2020-01-02"], "datetime64[us]")
    faults = np.array(["", "", "", "a reason"], dtype=object)
    rows = sql.rejects(lost, names, ts, faults).to_pylist()
    assert [row["reason"] for row in rows] == ["unparsable", "unparsable", "a reason"]
    assert rows[0]["detail"] == "close is x"
    assert rows[1]["detail"] == "ts is soon; no symbol"
    assert rows[2]["detail"] == "symbol is A\\x07L, which has signs not to be seen"
    assert '"Ticker":"MSFT"' in rows[0]["original"]
    assert len(sql.rejects(np.array([], int), names, ts, faults)) == 0


def test_flags_become_a_mask() -> None:
    assert mask_of(pa.array([True, False])).tolist() == [True, False]
