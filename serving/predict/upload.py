"""A file of bars or of indicators: its rows, and what is no such file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from python_multipart.multipart import parse_options_header

from pipelines.forecasts import Forecast
from serving.predict.bars import VALUES
from serving.predict.predict import Next, Said
from serving.predict.rows import nearest
from serving.schemas.errors import Refused, TooLarge
from serving.schemas.strict import HOW

NAMES = ("symbol", "ts", *VALUES)
TIMES = ("date", "datetime", "time", "timestamp")  # other names of ts, where it is not there
CLOCK = "ts, its time of day"  # where a file has the day in a column of its own
SEEN = 40  # characters of a wrong value that are told
CELLS = 1000  # in one row: more than any forecast has features
FIELDS = 10  # of a form that are looked at
HEAD = 10_000  # characters of a header that are looked at
Kind = Literal["bars", "indicators"]


@dataclass
class Line:
    """One row of the file, and what becomes of it."""

    line: int
    cells: dict[str, str]
    symbol: str = ""
    ts: np.datetime64 | None = None
    after: Mapping[str, Next] | None = None  # by target
    reason: str | None = None
    bad: bool = False
    said: Said | None = None

    def reject(self, reason: str) -> None:
        self.reason, self.bad = f"line {self.line}: {reason}", True


@dataclass
class Sheet:
    """The rows of a file, in its order."""

    lines: list[Line]
    columns: tuple[str, ...]
    kind: Kind  # of what its rows are
    notices: list[str] = field(default_factory=list)


def file_of(content: bytes, kind: str) -> bytes:
    """The file that was sent: as the body, or in a form as the field `file`."""
    if not kind.lower().startswith("multipart/"):
        return content
    _, options = parse_options_header(kind)
    border = b"\r\n--" + options.get(b"boundary", b"")
    for part in (b"\r\n" + content).split(border, FIELDS)[1:]:
        head, _, value = part.partition(b"\r\n\r\n")
        if _name(head) == b"file":
            return value.split(border, 1)[0]
    raise refused("the form has no file", "send it as the field `file`")


def _name(head: bytes) -> bytes:
    """What the headers of a field name it."""
    for line in head[:HEAD].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            return parse_options_header(value)[1].get(b"name", b"")
    return b""


def read(content: bytes, most: int, forecast: Forecast) -> Sheet:
    """The rows of a CSV; what is no such file is refused as a whole."""
    text = _text(content)
    head = text.lstrip()[:200].lower()
    if head.startswith(("<!doctype", "<html", "<?xml", "<head", "<body")):
        raise refused("the file is a web page, not CSV", "save the data itself, not the page")
    if head.startswith(("{", "[")):
        raise refused("the file is JSON, not CSV", "send JSON to POST /predict/batch")
    rows = _rows(text)
    columns, kind = _header(rows, forecast)
    lines = list(_lines(rows, columns, most, {*NAMES, *forecast.feature_names}))
    if not lines:
        raise refused("the file has a header and no row", "send a row a bar")
    return Sheet(lines, columns, kind)


def refused(message: str, hint: str) -> Refused:
    return Refused(message, hint, "file")


def _text(content: bytes) -> str:
    if not content.strip():
        raise refused("the file is empty", "send a header line and a row a bar")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise refused("the file is UTF-16", "save it as UTF-8: in Excel, CSV UTF-8")
    if content[:4] == b"PK\x03\x04" or content[:2] == b"\x1f\x8b":
        raise refused("the file is compressed, or a workbook", "send plain CSV")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise refused(f"line {line} is not UTF-8", "save the file as UTF-8") from error
    if "\0" in text:
        raise refused("the file holds NUL characters: it is no text", "save it as UTF-8 CSV")
    return text


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line that it ends on.

    One of too many cells is refused before they are made.
    """
    cells = 0

    def count_cells() -> Iterator[str]:
        nonlocal cells
        for line in io.StringIO(text, newline=""):
            cells += line.count(",") + 1
            if cells > CELLS:
                raise refused(f"a row has more than {CELLS:,} cells", "send the columns needed")
            yield line

    reader = csv.reader(count_cells(), strict=True)
    try:
        for row in reader:
            cells = 0
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise refused(
            f"line {reader.line_num} is not CSV: {error}", "check its quotes; write UTF-8 CSV"
        ) from error


def _header(
    rows: Iterator[tuple[int, list[str]]], forecast: Forecast
) -> tuple[tuple[str, ...], Kind]:
    """The columns, and by them what the rows are."""
    _, first = next(rows, (0, []))
    names = tuple(cell.strip().lower() for cell in first)
    prices, features = set(VALUES) - {"volume"}, forecast.feature_names
    kind: Kind = "bars"
    if not prices <= set(names) and set(features) & set(names):
        kind = "indicators"
    wanted = prices if kind == "bars" else set(features)
    if not wanted <= set(names):
        for mark, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            split = {cell.strip().lower() for cell in ",".join(first)[:HEAD].split(mark)}
            if prices <= split or set(features) <= split:
                raise refused(f"the columns are split by {called}", "save the file with commas")
        raise _lacking(kind, names, [n for n in (*VALUES, *features) if n in wanted - set(names)])
    if "ts" not in names:
        time_columns = _time_columns([name for name in names if name not in features])
        names = tuple(time_columns.get(name, name) for name in names)
    twice = [name for name in (*NAMES, *features) if names.count(name) > 1]
    if twice:
        raise refused(f"the column {min(twice)} comes twice", "leave one away")
    return names, kind


def _time_columns(names: Sequence[str]) -> dict[str, str]:
    """What the columns with the bars' times are called here; it is never guessed which they are.

    Bars of a file without any would count as the newest, whatever its rows say.
    """
    known = [name for name in names if name in TIMES]
    if len(known) == 1:
        return {known[0]: "ts"}
    if sorted(known) == ["date", "time"]:
        return {"date": "ts", "time": CLOCK}
    similar = [name for name in names if set(re.split("[^a-z]+", name)) & set(TIMES)]
    if similar:
        raise refused(
            f"which column has the bars' times: {', '.join(name[:SEEN] for name in similar[:10])}?",
            f"call the column of their opens ts, and {HOW}; or send a date and a time",
        )
    return {}


def _lacking(kind: Kind, names: Sequence[str], lacking: list[str]) -> Refused:
    close = nearest(lacking[0], names) if kind == "indicators" else ""
    few = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
    return refused(
        f"the header has no column {few}{close}",
        f"the first line names the columns: {', '.join(NAMES)}, where symbol, ts and volume may "
        "lack; or every feature that GET /forecasts/{name}/features lists",
    )


def _lines(
    rows: Iterator[tuple[int, list[str]]], columns: tuple[str, ...], most: int, known: set[str]
) -> Iterator[Line]:
    """The rows after the header, with the cells of the columns that are known."""
    places = [(name, place) for place, name in enumerate(columns) if name in known or name == CLOCK]
    for count, (line, row) in enumerate(rows):
        if count == most:
            raise TooLarge(f"the file has more than {most:,} rows", "send it in parts")
        cells = {name: row[place].strip() for name, place in places if place < len(row)}
        if CLOCK in cells:
            cells["ts"] = f"{cells['ts']} {cells[CLOCK]}".strip()
        made = Line(line, cells)
        if len(row) != len(columns):
            made.reject(f"it has {len(row)} cells, the header {len(columns)}")
        yield made


def seen(cell: str) -> str:
    """A wrong cell as it is told."""
    return repr(cell[:SEEN]) if cell else "missing"
