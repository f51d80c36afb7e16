"""Reading of CSV files: bars or indicators, a row each."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from pipelines.core.errors import InvalidField, InvalidRequest
from pipelines.forecasts import Forecast
from pipelines.requests.bars import OPTIONAL, VALUES
from pipelines.requests.features import hint_nearest
from pipelines.requests.predictions import NextBar, TargetRows
from pipelines.requests.written import HOW

NAMES = ("symbol", "ts", *VALUES)
TIMES = ("date", "datetime", "time", "timestamp")  # other names of ts, where it is not there
CLOCK = "ts, its time of day"  # where a file has the day in a column of its own
SHOWN_CHARACTERS = 40  # characters of a wrong value that an error shows
CELLS = 1000  # in one row: more than any forecast has features
LINES_PER_ROW = 10  # lines read for each row that is taken: files have a few empty ones
MOST_BYTES = 64 << 20  # of one file, whoever sends it; the API takes less
HEAD = 10_000  # characters of a header that are looked at
Kind = Literal["bars", "indicators"]


@dataclass
class FileLine:
    """One row of the file: its cells, and its predictions or the reason why it has none."""

    line: int
    cells: dict[str, str]
    symbol: str = ""
    ts: np.datetime64 | None = None
    next_bars: Mapping[str, NextBar] | None = None  # by target
    reason: str | None = None
    bad: bool = False
    predictions: TargetRows | None = None

    def reject(self, reason: str) -> None:
        self.reason, self.bad = f"line {self.line}: {reason}", True


@dataclass
class CsvFile:
    """The rows of a file, in its order."""

    lines: list[FileLine]
    columns: tuple[str, ...]
    kind: Kind  # of what its rows are
    notices: list[str] = field(default_factory=list)


class TooManyRows(InvalidRequest):
    """A file has more rows, lines or bytes than are read at once."""


def read_csv(content: bytes, max_rows: int, forecast: Forecast) -> CsvFile:
    """Read the rows of a CSV. A file that is not one is refused as a whole."""
    if len(content) > MOST_BYTES:
        raise TooManyRows(f"the file has more than {MOST_BYTES:,} bytes", "send it in parts")
    text = _text(content)
    head = text.lstrip()[:200].lower()
    if head.startswith(("<!doctype", "<html", "<?xml", "<head", "<body")):
        raise file_error("the file is a web page, not CSV", "save the data itself, not the page")
    if head.startswith(("{", "[")):
        raise file_error("the file is JSON, not CSV", "send JSON to POST /predict/batch")
    rows = _rows(text, LINES_PER_ROW * max_rows)
    columns, kind = _header(rows, forecast)
    lines = list(_lines(rows, columns, max_rows, {*NAMES, *forecast.feature_names}))
    if not lines:
        raise file_error("the file has a header and no row", "send a row a bar")
    return CsvFile(lines, columns, kind)


def file_error(message: str, hint: str) -> InvalidField:
    """Return the error of a file that cannot be read."""
    return InvalidField(message, hint, "file")


def _text(content: bytes) -> str:
    if not content.strip():
        raise file_error("the file is empty", "send a header line and a row a bar")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise file_error("the file is UTF-16", "save it as UTF-8: in Excel, CSV UTF-8")
    if content[:4] == b"PK\x03\x04" or content[:2] == b"\x1f\x8b":
        raise file_error("the file is compressed, or a workbook", "send plain CSV")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise file_error(f"line {line} is not UTF-8", "save the file as UTF-8") from error
    if "\0" in text:
        raise file_error("the file holds NUL characters: it is no text", "save it as UTF-8 CSV")
    return text


def _rows(text: str, max_lines: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, each with the line on which it ends.

    A row with too many cells is refused before its cells are made. Lines are counted too, since
    empty ones, or such as hold quotes or commas alone, make no row and cost as much.
    """
    cells = 0

    def count_cells() -> Iterator[str]:
        nonlocal cells
        for count, line in enumerate(io.StringIO(text, newline="")):
            if count == max_lines:
                raise TooManyRows(
                    f"the file has more than {max_lines:,} lines",
                    "take out the empty lines, or send it in parts",
                )
            cells += line.count(",") + 1
            if cells > CELLS:
                raise file_error(f"a row has more than {CELLS:,} cells", "send the columns needed")
            yield line

    reader = csv.reader(count_cells(), strict=True)
    try:
        for row in reader:
            cells = 0
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise file_error(
            f"line {reader.line_num} is not CSV: {error}", "check its quotes; write UTF-8 CSV"
        ) from error


def _header(
    rows: Iterator[tuple[int, list[str]]], forecast: Forecast
) -> tuple[tuple[str, ...], Kind]:
    """Return the names of the columns, and whether the rows are bars or indicators."""
    _, first = next(rows, (0, []))
    names = tuple(cell.strip().lower() for cell in first)
    prices, features = set(VALUES) - set(OPTIONAL), forecast.feature_names
    kind: Kind = "bars"
    if not prices <= set(names) and set(features) & set(names):
        kind = "indicators"
    required = prices if kind == "bars" else set(features)
    if not required <= set(names):
        for mark, name_of_mark in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            split = {cell.strip().lower() for cell in ",".join(first)[:HEAD].split(mark)}
            if prices <= split or set(features) <= split:
                raise file_error(
                    f"the columns are split by {name_of_mark}", "save the file with commas"
                )
        raise _missing_columns(
            kind, names, [n for n in (*VALUES, *features) if n in required - set(names)]
        )
    if "ts" not in names:
        time_columns = _time_columns([name for name in names if name not in features])
        names = tuple(time_columns.get(name, name) for name in names)
    repeated = [name for name in (*NAMES, *features) if names.count(name) > 1]
    if repeated:
        raise file_error(f"the column {min(repeated)} comes twice", "leave one of them out")
    return names, kind


def _time_columns(names: Sequence[str]) -> dict[str, str]:
    """Return the names for the columns that hold the bars' times; they are never guessed.

    Without such a column the bars would count as the newest ones, whatever the rows say.
    """
    time_names = [name for name in names if name in TIMES]
    if len(time_names) == 1:
        return {time_names[0]: "ts"}
    if sorted(time_names) == ["date", "time"]:
        return {"date": "ts", "time": CLOCK}
    similar = [name for name in names if set(re.split("[^a-z]+", name)) & set(TIMES)]
    if similar:
        candidates = ", ".join(name[:SHOWN_CHARACTERS] for name in similar[:10])
        raise file_error(
            f"which column has the bars' times: {candidates}?",
            f"call the column of their opens ts, and {HOW}; or send a date and a time",
        )
    return {}


def _missing_columns(kind: Kind, names: Sequence[str], absent: list[str]) -> InvalidField:
    close = hint_nearest(absent[0], names) if kind == "indicators" else ""
    first_names = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
    return file_error(
        f"the header has no column {first_names}{close}",
        f"the first line names the columns: {', '.join(NAMES)}, where symbol, ts and volume may "
        "lack; or every feature that GET /forecasts/{name}/features lists",
    )


def _lines(
    rows: Iterator[tuple[int, list[str]]],
    columns: tuple[str, ...],
    max_rows: int,
    known_names: set[str],
) -> Iterator[FileLine]:
    """Yield the rows after the header, with the cells of the known columns."""
    places = [
        (name, place) for place, name in enumerate(columns) if name in known_names or name == CLOCK
    ]
    for count, (line, row) in enumerate(rows):
        if count == max_rows:
            raise TooManyRows(f"the file has more than {max_rows:,} rows", "send it in parts")
        cells = {name: row[place].strip() for name, place in places if place < len(row)}
        if CLOCK in cells:
            cells["ts"] = f"{cells['ts']} {cells[CLOCK]}".strip()
        file_line = FileLine(line, cells)
        if len(row) != len(columns):
            file_line.reject(f"it has {len(row)} cells, the header {len(columns)}")
        yield file_line


def quote_cell(cell: str) -> str:
    """Return a wrong cell as an error shows it."""
    return repr(cell[:SHOWN_CHARACTERS]) if cell else "missing"
