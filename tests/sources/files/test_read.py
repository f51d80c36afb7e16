"""Bad files: what is lost is told, what is good is kept."""

import csv
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import SourceError
from pipelines.sources.files.bars import BarSelection, bars_of
from pipelines.sources.files.mapping import series_of
from pipelines.sources.files.read import Cells
from tests.laws import law
from tests.side_by_side import with_every_optimizer
from tests.sources.files.folder import parse_file, request

HEAD = "ts,open,high,low,close,volume\n"
GOOD = "2020-01-02 14:30,1,2,1,1,10\n"
SERIES = {"files": "*.csv*", "symbol": "AAPL", "interval": "1h", "timezone": "UTC"}
ALWAYS = request()


@pytest.mark.parametrize(
    ("body", "says", "hint"),
    [
        (b"", "is empty", "again"),
        (b"\n\n", "is empty", "again"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page", "download"),
        (b'{"chart": 1}', "JSON", "CSV"),
        (b"PK\x03\x04rest", "zip or Excel", "CSV"),
        (gzip.compress(HEAD.encode() * 9, mtime=0)[:-9], "broken gzip", "again"),
        (b"PAR1 nothing", "broken Parquet", "again"),
        (b"ts,opem,high,low,close\n" + GOOD.encode(), "no column for open", "'opem'"),
        (b"day,price\n1,2\n", "no column for ts, open, high, low, close", "columns: {ts:"),
        (b"ts#open#high#low#close\n1#2#3#4#5\n", "one column when cut", "csv.delimiter"),
        (HEAD.encode() + b"soon,1,2,1,1,0\n", "times such as 'soon'", "time_format"),
    ],
)
def test_a_file_that_is_no_table_of_bars(tmp_path, body, says, hint):
    with pytest.raises(SourceError, match=r"a\.(csv|parquet)") as caught:
        parse_file(tmp_path, body)
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_a_wrong_delimiter_proposes_the_right_one(tmp_path):
    body = HEAD.replace(",", ";") + GOOD.replace(",", ";")
    with pytest.raises(SourceError, match="one column when cut") as caught:
        parse_file(tmp_path, body, csv={"delimiter": ","})
    assert "set csv.delimiter to ';'" in caught.value.hint


def test_cells_that_are_no_numbers_reject_their_line(tmp_path):
    body = (
        HEAD + GOOD + "2020-01-02 15:30,abc,2,1,1,1\nepoch,1,2,1,1,1\n2020-01-02 17:30,1,2\n" + GOOD
    )
    parsed = parse_file(tmp_path, body)
    assert parsed.bars["row"].to_pylist() == [2, 6]
    assert parsed.rejects["row"].to_pylist() == [3, 4, 5]
    assert set(parsed.rejects["reason"].to_pylist()) == {"unparsable"}
    assert parsed.rejects["detail"].to_pylist() == [
        "open is abc",
        "ts is epoch",
        "3 cells where 6 are due",
    ]
    assert [ts is None for ts in parsed.rejects["ts"].to_pylist()] == [False, True, True]
    assert json.loads(parsed.rejects["original"][0].as_py())["open"] == "abc"
    assert json.loads(parsed.rejects["original"][2].as_py()) == {"line": "2020-01-02 17:30,1,2"}


@pytest.mark.parametrize("nothing", ["", "N/A", "-", "null", "NaN", '""', " "])
def test_cells_with_nothing_in_them_are_missing_values(tmp_path, nothing):
    parsed = parse_file(tmp_path, HEAD + f"2020-01-02 14:30,{nothing},2,1,1,{nothing}\n")
    assert parsed.rejects.num_rows == 0
    value = parsed.bars["open"][0].as_py()
    assert value is None or value != value  # null or NaN


def test_missing_values_of_a_mapping_may_be_numbers(tmp_path):
    body = HEAD + "2020-01-02 14:30,-999,2,1,1,x\n"
    parsed = parse_file(tmp_path, body, csv={"null_values": ["-999", "X"]})
    assert parsed.bars.select(["open", "volume"]).to_pylist() == [{"open": None, "volume": None}]


def test_bytes_that_are_not_text_reject_their_line_alone(tmp_path):
    body = HEAD.encode() + b"2020-01-02 15:30,1,\xff,1,1,0\n" + GOOD.encode()
    parsed = parse_file(tmp_path, body)
    assert parsed.rejects["detail"].to_pylist() == ["not UTF-8 text"]
    assert parsed.bars["row"].to_pylist() == [3]


def test_bytes_that_are_not_text_count_in_columns_that_nobody_reads(tmp_path):
    body = b"note," + HEAD.encode() + b"ok," + GOOD.encode() + b"\xff," + GOOD.encode()
    parsed = parse_file(
        tmp_path, body + b"ok,2020-01-02 15:30,abc,1,1,1,0\n" + b"ok," + GOOD.encode()
    )
    assert parsed.bars["row"].to_pylist() == [2, 5]
    assert sorted(parsed.rejects["row"].to_pylist()) == [3, 4]


@pytest.mark.parametrize(
    "last", [GOOD.strip() + ",", "," + GOOD.strip(), '"' + GOOD[:16] + '"' + GOOD[16:]]
)
def test_lines_cut_one_by_one_keep_their_places(tmp_path, last):
    parsed = parse_file(tmp_path, HEAD + GOOD + "1,2\n\n" + GOOD + last)
    rejected = [3, 6] if last.startswith(",") else [3]
    assert parsed.rejects["row"].to_pylist() == rejected
    assert parsed.bars["row"].to_pylist() == [n for n in (2, 5, 6) if n not in rejected]
    assert parsed.bars["open"].to_pylist() == [1.0] * parsed.bars.num_rows


def test_an_open_quote_swallows_its_line_and_no_other(tmp_path):
    parsed = parse_file(tmp_path, HEAD + '2020-01-02 15:30,"1,2,1,1,0\n\n' + GOOD * 3)
    assert parsed.rejects["row"].to_pylist() == [2]
    assert parsed.bars["row"].to_pylist() == [4, 5, 6]


def test_a_header_alone_is_a_file_without_bars(tmp_path):
    parsed = parse_file(tmp_path, HEAD)
    assert (parsed.bars.num_rows, parsed.rejects.num_rows) == (0, 0)


def test_symbols_of_two_exchanges_in_one_file_are_refused(tmp_path):
    body = "Ticker,ts,open,high,low,close\nA,2020-01-02,1,1,1,1\nA.L,2020-01-02,1,1,1,1\n"
    with pytest.raises(SourceError, match=r"A\.L of XLON and A of XNYS"):
        parse_file(
            tmp_path,
            body,
            interval="1d",
            symbol={"column": "Ticker"},
            calendar={"L": "XLON", "default": "XNYS"},
        )


def test_the_first_pass_joins_nothing_for_a_join_forgets_the_order(tmp_path, monkeypatch):
    plans, query = [], Cells.query
    monkeypatch.setattr(
        Cells, "query", lambda self, sql, per_row=False: (
            plans.append(str(query(self, "EXPLAIN " + sql)[1][0])) if per_row else None,
            query(self, sql, per_row),
        )[1],
    )  # fmt: skip
    with with_every_optimizer():
        parse_file(tmp_path, HEAD + GOOD + "2020-01-02 15:30,,2,1,1,0\n")
    assert len(plans) == 2
    assert not any("JOIN" in plan for plan in plans)


CELL = st.one_of(
    st.text(max_size=8),
    st.text(st.sampled_from(',;"\n\r\t 0123456789.-e:'), max_size=8),
    st.floats().map(str),
    st.sampled_from(["", "2020-01-02 15:30", "epoch", "infinity", "NaN", "-", "1e999", "\0"]),
)
LINE = st.lists(CELL, min_size=6, max_size=6)


@law(60)
@given(lines=st.lists(LINE, max_size=6), raw=st.booleans(), ends=st.sampled_from(["\n", "\r\n"]))
def test_every_line_is_a_bar_or_a_reject(lines, raw, ends):
    text = io.StringIO()
    if raw:
        text.writelines(",".join(line) + ends for line in lines)
    else:
        csv.writer(text, lineterminator=ends).writerows(lines)
    body = (HEAD + GOOD + text.getvalue()).encode("utf-8", "surrogatepass")
    parsed = bars_of(
        "a.csv", body, series_of(SERIES, "x"), BarSelection((), ALWAYS.start, ALWAYS.end)
    )
    lost = sum(
        ts is not None and not ALWAYS.start <= ts <= ALWAYS.end
        for ts in parsed.bars["ts"].to_pylist()
    )
    data = body.replace(b"\r\n", b"\n").rstrip(b"\r\n\x1a").split(b"\n")[1:]
    full = [n for n, line in enumerate(data, 2) if line.strip()]
    rows = parsed.bars["row"].to_pylist() + parsed.rejects["row"].to_pylist()
    assert lost == 0
    assert sorted(rows) == full
