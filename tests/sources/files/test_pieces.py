"""A file that is read in pieces gives what it gives in one, wherever it is cut."""

from __future__ import annotations

import gzip
import io
import itertools
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.core import stored_bars
from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import BullionError
from pipelines.lake import Lake
from pipelines.landing import batch
from pipelines.sources import files as files_module
from pipelines.sources.files import bars, limits, lines, pieces, read
from pipelines.sources.files.bars import BarSelection, bars_of
from pipelines.sources.files.mapping import series_of
from pipelines.sources.files.pieces import count_sign, cut_lines
from pipelines.steps import ingest
from tests.laws import law
from tests.sources.files.folder import folder, request

HEAD = "symbol,ts,open,high,low,close,volume,split,dividend\n"
ALWAYS = BarSelection((), request().start, request().end)
LINES = st.sampled_from(
    [
        "AAPL,2020-01-02 14:30,1,2,1,1,10,,\n",
        "AAPL,2020-01-02 15:30,1,2,1,1,10,4,0.25\n",
        "MSFT,2020-01-02 14:30:00,3,4,3,3,,,\n",
        "MSFT,2020-01-02 14:30:00+02:00,3,4,3,3,9,,\n",
        "MSFT,01/02/2020 14:30,3,4,3,3,9,,\n",
        "MSFT,13/02/2020 14:30,3,4,3,3,9,,\n",
        "AAPL,2020-03-08 02:30,1,2,1,1,10,,\n",
        "AAPL,2020-01-02 16:30,x,2,1,1,10,,\n",
        "VOD.L,2020-01-02 16:30,1,2,1,1,10,,\n",
        ",2020-01-02 16:30,1,2,1,1,10,,\n",
        "AAPL,soon,1,2,1,1,10,,\n",
        "A\0PL,2020-01-02 16:30,1,2,1,1,10,,\n",
        "AAPL,2020-01-02 17:30,1,2\n",
        '"AAPL","2020-01-02 18:30","1",2,1,1,10,,\n',
        'AAPL,"2020-01-02 18:30,1,2,1,1,10,,\n',
        "AAPL,2020-01-02 19:30,1,2,1,1,10,,\r\n",
        "AAPL,2020-01-02 20:30,1,2,1,1,1\r0,,\n",
        "\n",
        "\r\n",
        "AAPL,2020-01-02 21:30,1,2,1,1," + "9" * 80 + ",,\n",
        "\u00c4\u00d6,2020-01-02 21:30,1,2,1,1,9,,\n",
    ]
)
KEYS = st.fixed_dictionaries(
    {
        "interval": st.sampled_from(["1h", "1d"]),
        "timezone": st.sampled_from(["America/New_York", ""]),
        "label": st.sampled_from(["open", "close"]),
        "calendar": st.sampled_from(["XNYS", {"default": "XNYS", "L": "XLON"}, {"L": "XLON"}]),
    }
)


@pytest.fixture(autouse=True)
def _low_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits that small files reach."""
    for module in (bars, lines):
        monkeypatch.setattr(module, "MOST_REJECTS", 3)
    for module in (limits, lines, pieces):
        monkeypatch.setattr(module, "MOST_LINE", 90)
    for module in (lines, pieces):
        monkeypatch.setattr(module, "EXCERPT_BYTES", 60)  # less than a line, as it is
    monkeypatch.setattr(limits, "PIECE", 150)  # else a small file has two pieces at the most
    monkeypatch.setattr(bars, "TIME_SAMPLES", 4)
    monkeypatch.setattr(stored_bars, "MEMORY_ROWS", 3)
    return


def outcome(body: bytes, keys: dict, piece_bytes: int) -> object:
    """Everything that a file gives: bars, actions, rejects, calendar; or its error."""
    entry = {"files": "a", "symbol": {"column": "symbol"}, **keys}
    try:
        parsed = bars_of("a", body, series_of(entry, "a"), ALWAYS, piece_bytes)
    except BullionError as error:
        return str(error), error.hint
    rows = [row for table in parsed.bar_tables() for row in table.to_pylist()]
    return rows, parsed.actions.to_pylist(), parsed.rejects.to_pylist(), parsed.calendar


@law(150)
@given(st.lists(LINES, max_size=12), KEYS, st.integers(20, 600), st.sampled_from(["", "gz", "16"]))
@example(["AAPL,2020-01-02 14:30,1,2,1,1,10,,\n"] * 9,
         {"interval": "1h", "timezone": "UTC"}, 60, "")  # fmt: skip
def test_pieces_of_any_size_give_the_same(
    rows: list[str], keys: dict, piece_bytes: int, packing: str
) -> None:
    text = HEAD + "".join(rows)
    body = text.encode("utf-16" if packing == "16" else "utf-8")
    body = gzip.compress(body) if packing == "gz" else body
    assert outcome(body, keys, piece_bytes) == outcome(body, keys, 1 << 20)


def test_every_cut_of_a_file_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "".join(f"AAPL,2020-01-02 {h}:30,1,2,1,{h % 3 or 'x'},1,,\r\n" for h in range(24))
    keys = {"interval": "1h", "timezone": "UTC"}
    whole = outcome(text.encode(), keys, 1 << 20)
    for size in range(1, len(text), 61):
        monkeypatch.setattr(limits, "PIECE", size)
        assert outcome(text.encode(), keys, size) == whole, size


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
def test_a_long_line_is_rejected_alike_wherever_the_file_is_cut(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    line = "AAPL,2020-01-02 1{}:30,1,2,1,1,{},,".format
    rows = [line(3, 1), line(4, "9" * 80), line(5, "soon"), line(6, 2), line(7, "9" * 60)]
    line_end = end or "\n"
    body = (HEAD.replace("\n", line_end) + line_end.join(rows) + end).encode()
    keys = {"interval": "1h", "timezone": "UTC"}
    whole = outcome(body, keys, 1 << 20)
    assert [r["detail"] for r in whole[2]] == [  # type: ignore[index]
        "volume is soon",
        "112 bytes where a line may have 90",
        "92 bytes where a line may have 90",
    ]
    monkeypatch.setattr(limits, "PIECE", 40)
    sizes = (1, 90, 170, 250)
    assert [size for size in sizes if outcome(body, keys, size) != whole] == []


def test_a_header_is_long_alike_wherever_the_file_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    body = (HEAD + "AAPL,2020-01-02 14:30,1,2,1,1,10,,\n").encode()
    for limit, is_read in ((len(HEAD) - 1, True), (len(HEAD) - 2, False)):
        for module in (limits, lines, pieces, read):
            monkeypatch.setattr(module, "MOST_LINE", limit)
        keys = {"interval": "1h", "timezone": "UTC"}
        assert [len(outcome(body, keys, size)) == 4 for size in (len(HEAD) - 1, 1 << 20)] == [
            is_read,
            is_read,
        ]


@given(st.binary(max_size=40), st.sampled_from([b"\n", b"a"]), st.integers(1, 9))
def test_a_sign_is_counted_in_every_block(text: bytes, sign: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "COUNTED_BYTES", size)
        assert count_sign(text, sign) == text.count(sign)


@pytest.mark.parametrize("size", [1, 170, 333])
def test_a_file_of_many_pieces_gives_the_same(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    days = ("02/01/2020", "01/03/2020", "01/02/2020", "13/02/2020", "soon")
    rows = [f"S{n % 3},{day} 1{n}:30,1,2,1,1,10,4,\n" for n, day in enumerate(days)]
    rows[2:2] = [f"S1,02/01/2020 15:30,1,2,1,1,{'9' * 80},,\n"]
    body, keys = (HEAD + "".join(rows)).encode(), {"interval": "1h", "timezone": "UTC"}
    whole = outcome(body, keys, 1 << 20)
    assert [len(part) for part in whole[:3]] == [4, 4, 2]  # type: ignore[index]
    monkeypatch.setattr(limits, "PIECE", 60)
    assert outcome(body, keys, size) == whole


def test_a_parquet_file_in_pieces_gives_the_same() -> None:
    text = HEAD + "".join(f"S{h % 3},2020-01-02 {h:02}:30,1,2,1,1,1,,\n" for h in range(24))
    table = pa_csv.read_csv(io.BytesIO(text.encode()))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=10)
    body, keys = sink.getvalue().to_pybytes(), {"interval": "1h", "timezone": "UTC"}
    results = [outcome(body, keys, size) for size in (1, 500, 1000, 1 << 20)]
    assert len(results[0][0]) == 24  # type: ignore[index]
    assert results == [results[0]] * 4


@law(100)
@given(st.lists(st.sampled_from([b"a", b"bcd", b"\n", b"e\nf"]), max_size=30), st.integers(1, 9))
def test_lines_are_cut_and_none_is_lost(blocks: list[bytes], size: int) -> None:
    text = b"".join(blocks)
    if text.endswith(b"\n") or not text:
        return
    assert b"\n".join(cut_lines(blocks, size)) == text  # type: ignore[arg-type]


def test_parts_of_a_large_file_land_as_it_does_in_one(
    tmp_path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silver, quarantine, gaps, bronze, counts and a replay are the same, in one commit."""
    rows = [
        f"S{s},2024-03-{day:02} {hour}:30,{10 * (s + 1)},{10 * (s + 1)},{10 * (s + 1)},"
        f"{1000 if (s, day) == (1, 5) else 10 * (s + 1)},{day},,\n"
        for day in (1, 4, 5, 6, 7, 8)
        for hour in range(14, 21)
        for s in range(4)
        if (day, hour, s) != (6, 15, 2)
    ]
    rows += [
        "S0,2024-03-01 14:30,11,11,11,11,99,,\n",  # a fuller row for a bar that came before
        "S3,x,1,1,1,1,1,,\n",
        "S2,2024-03-02 15:30,1,1,1,1,1,,\n",  # a Saturday
    ]
    entry = {"files": "a.csv", "symbol": {"column": "symbol"}, "interval": "1h", "timezone": "UTC"}
    files = folder(tmp_path, {"a.csv": HEAD + "".join(rows)}, entry)

    def bring(source: str) -> list[object]:
        monkeypatch.setattr(type(files), "name", source)
        snapshots, counts = [lake.snapshot], []
        for _ in range(2):
            report = ingest(lake, files, (), interval_of("1h"), None, utc("2024-04-01"))
            counts.append((report.counts, report.landed.reasons, report.landed.hints,
                           report.landed.expected, report.landed.missing,
                           [(v.check, v.passed, v.rows_checked, v.offenders)
                            for v in report.landed.verdicts]))  # fmt: skip
            snapshots.append(lake.snapshot)
        assert [b - a for a, b in itertools.pairwise(snapshots)] == [1, 1]
        tables = [
            lake.rows(
                f"""SELECT COLUMNS(c -> c NOT IN ('received_at', 'batch', 'source')) FROM {table}
                    WHERE source = ? ORDER BY ALL""",
                [source],
            )
            for table in ("silver.bars", "silver.quarantine", "silver.gaps", "bronze.bars",
                          "bronze.actions")
        ]  # fmt: skip
        bodies = lake.rows("SELECT sha256, bytes FROM bronze.answers WHERE source = ?", [source])
        return [*tables, bodies, counts]

    whole = bring("whole")
    assert all(whole[:4])
    monkeypatch.setattr(batch, "PART_ROWS", 50)
    monkeypatch.setattr(files_module, "copy_file", lambda path, *_: path.open("rb"))
    monkeypatch.setattr(bars.bars_of, "__defaults__", (300,))
    assert bring("parts") == whole
