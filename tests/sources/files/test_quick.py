"""The quick way through a clean file reads what the slow way reads, or leaves the file to it."""

from datetime import datetime

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.core.errors import BullionError
from pipelines.sources.base import Parsed
from pipelines.sources.files import bar_queries, bars, limits
from pipelines.sources.files.bars import BarSelection, bars_of
from pipelines.sources.files.mapping import series_of
from tests.laws import law
from tests.sources.files.folder import request

HEAD = "ts,open,high,low,close,volume,symbol,note\n"
ASKED = BarSelection((), request().start, request().end)
CLEAN = "2019-03-08 09:30:00+00:00"


def parsed(body: str, zone: str = "America/New_York", label: str = "open") -> Parsed | str:
    entry = {
        "files": "a.csv",
        "symbol": {"column": "symbol"},
        "interval": "1m",
        "timezone": zone,
        "label": label,
    }
    try:
        return bars_of("a.csv", body.encode(), series_of(entry, "a"), ASKED)
    except BullionError as error:
        return str(error)


def both(body: str, **keys: str) -> tuple[str, str]:
    """What the quick way leads to, and what the slow way alone does, in words."""
    quick = parsed(body, **keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bar_queries, "values_in", lambda *_: None)
        slow = parsed(body, **keys)
    return shown(quick), shown(slow)


def shown(result: Parsed | str) -> str:
    if isinstance(result, str):
        return result
    return f"{result.bars.to_pylist()} {result.rejects.to_pylist()} {result.bars.schema}"


def row(ts: str = CLEAN, close: str = "4", symbol: str = "ES", note: str = "") -> str:
    return f"{ts},4,5,3,{close},7,{symbol},{note}\n"


digits = st.integers(0, 61).map("{:02}".format)
dates = st.dates().map(str) | st.sampled_from(
    ["2019-03-10", "2019-11-03", "2019-02-30", "2019-3-10", "2019/03/10", "0000-01-01"]
)
clocks = st.builds("{}:{}:{}".format, digits, digits, digits) | st.sampled_from(
    ["01:30:00", "02:30:00", "24:00:00", "09:30", "093000.0", "09:30:1.5", "9:30:00  "]
)
offsets = st.sampled_from(
    ["+00:00", "-05:00", "+05:30", "+15:59", "-23:59", "+24:00", "+05:60", "Z", "+00", " +0000"]
)
times = st.builds(
    "{}{}{}{}".format, dates, st.sampled_from(" T"), clocks, offsets | st.just("")
) | st.sampled_from([CLEAN, CLEAN[:19], f'"{CLEAN}"', "", "epoch", '"', f"'{CLEAN}'"])
numbers = st.floats().map(repr) | st.sampled_from(
    ["", " ", " 4", "4 ", "+4", ".4", "4.", "4e2", "4e", "1e400", "1_0", "0x4", "nan", "n/a", "4,5",
     '"4"', '"4', "4\0", "\t4", "1234567890123456789012345.6", "-", "- 4", "4d", "٤"]
)  # fmt: skip
symbols = st.sampled_from(["ES", " ES ", "", " ", '"ES"', 'E"S', "É", "\tES", "NQ", "nan", "E\0S"])
notes = st.sampled_from(["", "x", '"', '"a,b"', '"a\nb"', 'a"b', '""', "\n", ",", "\r", '"a"b'])
usual = st.builds(row, st.datetimes().map(lambda t: f"{t:%Y-%m-%d %H:%M:%S}+00:00"))


@law(40)
@given(
    st.lists(st.builds(row, times, numbers, symbols, notes) | usual, max_size=6).map("".join),
    st.sampled_from(["America/New_York", "UTC", ""]),
    st.sampled_from(["open", "close"]),
)
@example(row('"' + CLEAN + '"') + row(CLEAN, note='""'), "UTC", "open")
@example(row(f'"{CLEAN}"', note='"') + row(f'"{CLEAN}"'), "UTC", "open")
@example(row(f'"{CLEAN[:19]}"{CLEAN[19:]}'), "UTC", "open")
def test_both_ways_agree_on_any_lines(lines: str, zone: str, label: str) -> None:
    quick, slow = both(HEAD + lines, zone=zone, label=label)
    assert quick == slow


CLEAN_LINES = st.lists(
    st.tuples(
        st.datetimes(datetime(1800, 1, 1)).map("{:%Y-%m-%d %H:%M:%S}".format),
        st.floats(allow_nan=False).map(repr) | st.just(""),
    ),
    min_size=1,
)


@law(40)
@given(CLEAN_LINES, st.sampled_from(["", "+00:00", "-05:00"]), st.booleans())
def test_a_clean_file_is_read_the_quick_way_alone(
    rows: list[tuple[str, str]], offset: str, quoted: bool
) -> None:
    sign = '"' if quoted else ""
    body = HEAD + "".join(row(f"{sign}{ts}{offset}{sign}", close) for ts, close in rows)
    with pytest.MonkeyPatch.context() as patch:
        tables = []
        read_values = bar_queries.values_in
        patch.setattr(
            bar_queries,
            "values_in",
            lambda *arguments: tables.append(read_values(*arguments)) or tables[-1],
        )
        parsed(body)
    assert tables[0] is not None
    quick, slow = both(body)
    assert quick == slow


def test_pieces_that_are_read_the_quick_way_open_no_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened, connect = [], duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda: opened.append(1) or connect())
    monkeypatch.setattr(limits, "PIECE", 100)
    monkeypatch.setattr(bars, "TIME_SAMPLES", 1)
    entry = {"files": "a", "symbol": {"column": "symbol"}, "interval": "1m", "timezone": "UTC"}
    body = (HEAD + row() * 50).encode()
    parsed_file = bars_of("a", body, series_of(entry, "a"), ASKED, 200)
    assert parsed_file.count_bars().total() == 50
    assert len(opened) == 1  # for the first times, which tell the file's format
