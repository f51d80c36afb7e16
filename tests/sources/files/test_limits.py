"""Hostile files and mappings: refused in a sentence and a moment; what is good beside them is read.

Each is read in a process of its own, so that one that hangs or eats memory fails its test alone.
"""

import gzip
import io
import os
import socket
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.lake import Lake
from pipelines.sources.files import bars, lines
from pipelines.sources.files.limits import MOST_COLUMNS, MOST_LINE, has_long_line
from pipelines.sources.files.mapping import load
from pipelines.steps import ingest
from tests.sources.files.folder import folder, parse_file, request
from tests.sources.files.folder import read as read_all

HEAD = "ts,open,high,low,close,volume\n"
GOOD = "2020-01-02 14:30,1,2,1,1,10\n"
SERIES = {"files": "*.csv*", "symbol": "AAPL", "interval": "1h", "timezone": "UTC"}


def make_pipe(path, outside):
    os.mkfifo(path)


def make_socket(path, outside):
    with socket.socket(socket.AF_UNIX) as endpoint:
        previous = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        endpoint.bind(path.name)
        os.chdir(previous)


def link_device(path, outside):
    path.symlink_to("/dev/zero")


def link_outside(path, outside):
    path.symlink_to(outside / "other.csv")


def link_a_link(path, outside):
    (path.parent / "hop").symlink_to(outside)
    path.symlink_to("hop/other.csv")


def link_a_pipe_inside(path, outside):
    os.mkfifo(path.parent / "pipe")
    path.symlink_to("pipe")


def link_itself(path, outside):
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (make_pipe, "is a pipe, not a regular file"),
        (make_socket, "is a socket, not a regular file"),
        (link_device, "leads out of its folder, to /dev/zero"),
        (link_outside, "leads out of its folder"),
        (link_a_link, "leads out of its folder"),
        (link_a_pipe_inside, "is a pipe, not a regular file"),
        (link_itself, "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_file_of_the_folder_is_never_read(tmp_path, jobs, make, says):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "other.csv").write_text(HEAD + GOOD)
    folder(inside, {"a.csv": HEAD + GOOD, "c.csv": HEAD + GOOD}, SERIES)
    make(inside / "b.csv", outside)
    result = jobs.run("read_files", str(inside))
    assert result["sizes"] == {"a.csv": [1, 0], "c.csv": [1, 0]}
    (error,) = result["errors"]
    assert "1 file of" in error
    assert f"{inside / 'b.csv'}" in error
    assert says in error


def test_links_within_the_folder_and_to_the_folder_are_followed(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/data").mkdir()
    files = folder(tmp_path / "in", {"data/x.csv": HEAD + GOOD}, SERIES)
    (tmp_path / "in/a.csv").symlink_to("data/x.csv")
    (tmp_path / "link").symlink_to("in")
    for path in (tmp_path / "in", tmp_path / "link"):
        (parsed,) = read_all(type(files)(path), request())
        assert parsed.bars.num_rows == 1


@pytest.mark.parametrize("glob", ["../*.csv", "sub/../../x.csv", "!../*.csv", "sub/.."])
def test_a_glob_does_not_climb_out_of_the_folder(tmp_path, glob):
    (tmp_path / "x.csv").write_text(HEAD + GOOD)
    (tmp_path / "in/sub").mkdir(parents=True)
    files = folder(tmp_path / "in", {"a.csv": HEAD + GOOD}, {**SERIES, "files": ["*.csv", glob]})
    with pytest.raises(InvalidRequest, match="leads out of the folder") as caught:
        read_all(files, request())
    assert glob in caught.value.message
    assert "globs within the folder" in caught.value.hint


def test_a_glob_that_is_too_long_for_a_name(tmp_path):
    files = folder(tmp_path, {"a.csv": HEAD + GOOD}, {**SERIES, "files": "a" * 300})
    with pytest.raises(InvalidRequest, match="cannot be looked for"):
        read_all(files, request())


LARGE = 300_000_000
COLUMNS = ",".join(f"c{n}" for n in range(100_000))


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("b.csv.gz", lambda: pack(HEAD.encode() + b"," * LARGE), "unpacks to more than"),
        ("b.csv.gz", lambda: pack(HEAD.encode() + b"\n" * LARGE + b"1"), "unpacks to more than"),
        ("b.csv.gz", lambda: pack(b"0" * LARGE), "unpacks to more than"),
        ("b.csv", lambda: b"," * 25_000_000, "first line has more than 1,048,576 bytes"),
        ("b.csv", lambda: f"{HEAD.strip()},{COLUMNS}\n".encode(), "has 100,006 columns"),
        ("b.csv", lambda: b"a," + b"b" * 200_000 + b"\n1,2\n", "is not CSV: field larger"),
        ("b.csv", lambda: HEAD.encode() + b"\n" * 101_000_000 + b"1", "has 101,000,001 lines"),
        ("b.csv", lambda: one_text_in_every_row(), "unpacks to more than"),
    ],
    ids=["commas", "blank lines", "zeros", "header", "columns", "cell", "lines", "parquet"],
)
def test_what_is_too_large_is_refused_in_little_memory(tmp_path, jobs, name, body, says):
    folder(tmp_path, {"a.csv": HEAD + GOOD, name: body(), "c.csv": HEAD + GOOD}, SERIES)
    result = jobs.run("read_files", str(tmp_path))
    assert result["sizes"] == {"a.csv": [1, 0], "c.csv": [1, 0]}
    (error,) = result["errors"]
    assert name in error
    assert says in error
    assert "Hint: " in error
    assert result["peak_mib"] < 400


def pack(body):
    return gzip.compress(body, 1)


def one_text_in_every_row():
    """Five gigabytes of Parquet, in a megabyte."""
    rows = 500_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 10_000])
    prices = {name: pa.array([1.0] * rows) for name in ("open", "high", "low", "close")}
    times = pa.array(range(rows), pa.timestamp("s", "UTC"))
    buffer = io.BytesIO()
    pq.write_table(pa.table({"ts": times, **prices, "note": text}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("cell", ["9" * (MOST_LINE + 1), "," * 25_000_000])
def test_a_line_that_is_too_long_is_rejected_alone(tmp_path, jobs, cell):
    line = f"2020-01-02 15:30,1,2,1,1,{cell}\n"
    folder(tmp_path, {"a.csv": HEAD + GOOD + line + GOOD}, SERIES)
    result = jobs.run("read_files", str(tmp_path))
    assert (result["sizes"], result["errors"]) == ({"a.csv": [2, 1]}, [])
    assert result["peak_mib"] < 400
    parsed = parse_file(tmp_path, HEAD + GOOD + line + GOOD)
    assert parsed.rejects["row"].to_pylist() == [3]
    detail, original = parsed.rejects["detail"][0].as_py(), parsed.rejects["original"][0].as_py()
    assert detail == f"{len(line) - 1:,} bytes where a line may have 1,048,576"
    assert original.startswith('{"line": "2020-01-02 15:30')
    assert len(original) < 2000


def test_lines_are_long_by_their_bytes_alone():
    fits = b"x" * MOST_LINE
    assert not any(
        map(has_long_line, (b"", b"\n", fits, fits + b"\n" + fits + b"\n", b"a\n" + fits))
    )
    for body in (fits + b"x", b"a\n" + fits + b"x", fits + b"\n" + fits + b"x\n", fits + b"x\na"):
        assert has_long_line(body)


def test_as_many_columns_as_may_be_are_read(tmp_path):
    more = MOST_COLUMNS - 6
    head = HEAD.strip() + "".join(f",c{n}" for n in range(more)) + "\n"
    parsed = parse_file(tmp_path, head + GOOD.strip() + ",1" * more + "\n")
    assert parsed.bars.num_rows == 1
    with pytest.raises(SourceError, match="2,001 columns"):
        parse_file(tmp_path, head.strip() + ",c\n" + GOOD.strip() + ",1" * more + ",1\n")


@pytest.mark.parametrize("line", ["1,2\n", "2020-01-02 15:30,x,2,1,1,0\n"])
def test_of_many_rejects_the_last_tells_how_many_more_there_are(tmp_path, monkeypatch, line):
    for module in (bars, lines):
        monkeypatch.setattr(module, "MOST_REJECTS", 3)
    parsed = parse_file(tmp_path, HEAD + GOOD + line * 10 + GOOD)
    assert parsed.bars["row"].to_pylist() == [2, 13]
    assert parsed.rejects["row"].to_pylist() == [3, 4, 5, 12]
    assert "the last of 7 more" in parsed.rejects["detail"][3].as_py()


@pytest.mark.parametrize("sign", ["\0", "\x07", "\u202e", "\u200b", "\ufffd"])
def test_a_symbol_with_signs_that_cannot_be_seen_is_quarantined(tmp_path, lake: Lake, sign):
    series = {**SERIES, "symbol": {"column": "s"}}
    head = "s," + HEAD
    line = "2026-09-01 13:30,1,2,1,1,10\n"
    odd = f"AA{sign}PL,2026-09-01 14:30,1,2,1,1,10\n"
    bodies = {"a.csv": head + "AAPL," + line + odd, "b.csv": head + "MSFT," + line}
    files = folder(tmp_path, bodies, series)
    ingest(lake, files, (), interval_of("1h"), None, utc("2026-09-02")).enforce()
    assert lake.rows("SELECT symbol FROM silver.bars ORDER BY 1") == [("AAPL",), ("MSFT",)]
    ((symbol, reason, detail),) = lake.rows(
        "SELECT symbol, reason, detail FROM silver.quarantine WHERE detail LIKE 'symbol is AA%'"
    )
    assert (symbol, reason) == (None, "unparsable")
    assert "which has signs not to be seen" in detail
    assert detail.isprintable()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("series: &a [&b [*b]]\n", "bars.yaml"),
        ("a: 2020-13-45\n", "month must be in"),
        ("a: !!int ''\n", "is not YAML"),
        ("a: !!timestamp x\n", "is not YAML"),
        ("a: !!bool maybe\n", "is not YAML"),
        ("[" * 100_000, "is not YAML"),
        ("#" * (1 << 20) + "\n", "more than the 1,048,576"),
        ('series: [{files: a.csv, symbol: "A\\0B", interval: 1h}]', "signs that cannot be seen"),
    ],
)
def test_a_mapping_that_is_made_to_break_the_reader(tmp_path, text, says):
    (tmp_path / "bars.yaml").write_text(text)
    with pytest.raises(InvalidRequest) as caught:
        load(tmp_path)
    assert says in caught.value.message


def test_aliases_that_stand_for_billions_are_told_in_a_line(tmp_path, jobs):
    levels = [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    bomb = "\n".join(["weights:", "- &a0 [1]", *levels, "series: [*a11]"])
    (tmp_path / "bars.yaml").write_text(bomb)
    (error,) = jobs.run("read_files", str(tmp_path))["errors"]
    assert "series 1 of" in error
    assert len(error) < 2000


def test_a_mapping_is_a_file_of_its_folder(tmp_path, jobs):
    (tmp_path / "in").mkdir()
    (tmp_path / "bars.yaml").write_text("series: []")
    (tmp_path / "in/bars.yaml").symlink_to("../bars.yaml")
    assert "leads out of its folder" in jobs.run("read_files", str(tmp_path / "in"))["errors"][0]
    (tmp_path / "in/bars.yaml").unlink()
    os.mkfifo(tmp_path / "in/bars.yaml")
    assert "is a pipe" in jobs.run("read_files", str(tmp_path / "in"))["errors"][0]


def test_a_header_beyond_the_end_of_a_file(tmp_path, jobs):
    folder(tmp_path, {"a.csv": HEAD + GOOD}, {**SERIES, "csv": {"skip": 10**12}})
    assert "has no header" in jobs.run("read_files", str(tmp_path))["errors"][0]
