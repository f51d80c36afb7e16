"""Read a universe from its CSV file: settings, and a membership a line.

include/universes/README.md is the page of the format. Whatever is wrong in a file is an error
with the file, the line and what to do; nothing of such a file is used.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from pipelines.core.errors import InvalidRequest, SourceError, unknown
from pipelines.core.input_files import read_file
from pipelines.core.text import is_readable

COLUMNS = ("symbol", "name", "sector", "from", "to")
SETTINGS = ("index", "instrument", "fund", "part_of", "listed")
PAGE = "include/universes/README.md"
MOST_BYTES = 1 << 20  # of a file: 20,000 members
LONGEST = 64  # characters of a symbol
SETTING = re.compile(r"#\s*(\w+)\s*=\s*(.*)")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Member:
    """A symbol, and from when to when it was a member. It is one from `start`, and not on `end`."""

    symbol: str
    name: str = ""
    sector: str = ""
    start: date | None = None  # the first day as a member; None: from the beginning
    end: date | None = None  # the first day not as a member any more; None: still one

    @property
    def span(self) -> tuple[date, date]:
        return self.start or date.min, self.end or date.max


@dataclass(frozen=True)
class UniverseFile:
    """What a file says: its settings, and its members in the order of its lines."""

    settings: Mapping[str, str]
    members: tuple[Member, ...]


def read_universe_file(path: Path, folder: Path) -> UniverseFile:
    """Read a file of a folder. Raises InvalidRequest with the line that cannot be used."""
    settings: dict[str, str] = {}
    members: list[tuple[int, Member]] = []
    header: list[str] | None = None
    for number, line in enumerate(_read_lines(path, folder), 1):
        if line.startswith("#"):
            settings |= _read_setting(path, number, line)
        elif line.strip(", \t"):
            cells = _read_cells(path, number, line)
            if header is None:
                header = _check_header(path, number, cells)
            else:
                members.append((number, _read_member(path, number, header, cells)))
    if header is None:
        raise _error(path, 0, "is empty", f"begin it with the line {','.join(COLUMNS)}")
    if not members:
        raise _error(path, 0, "lists no members", "write a line for each member")
    _check_overlaps(path, members)
    return UniverseFile(settings, tuple(member for _, member in members))


def _read_lines(path: Path, folder: Path) -> list[str]:
    try:
        text = read_file(path, folder, MOST_BYTES).decode("utf-8-sig")
    except SourceError as error:
        raise InvalidRequest(error.message, error.hint) from None
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text: {error.reason}"
        raise _error(path, 0, message, "save it as CSV in UTF-8") from None
    return [line.removesuffix("\r") for line in text.split("\n")]


def _read_setting(path: Path, number: int, line: str) -> dict[str, str]:
    """Read a line such as `# index = QQQ`; any other line with a # is a remark."""
    match = SETTING.fullmatch(line.rstrip(", \t"))  # a spreadsheet writes a comma for each column
    if match is None:
        return {}
    key, value = match.groups()
    if key not in SETTINGS:
        error = unknown("setting", key, SETTINGS)
        raise _error(path, number, error.message, f"{error.hint}; a remark has no = after its word")
    if not value or not is_readable(value):
        raise _error(path, number, f"{key} has no value", "write one, or take the line away")
    if key == "listed":
        _read_day(path, number, key, value)
    return {key: value}


def _read_cells(path: Path, number: int, line: str) -> list[str]:
    try:
        [cells] = csv.reader([line], strict=True)
    except (csv.Error, ValueError) as error:
        raise _error(
            path, number, f"is not CSV: {error}", "separate cells with commas, and end each quote"
        ) from None
    return [cell.strip() for cell in cells]


def _check_header(path: Path, number: int, cells: list[str]) -> list[str]:
    for name in cells:
        if name not in COLUMNS:
            hint = f"the columns are {','.join(COLUMNS)}, with commas between; see {PAGE}"
            raise _error(path, number, f"unknown column {name!r}", hint)
        if cells.count(name) > 1:
            raise _error(path, number, f"the column {name!r} is there twice", "take one away")
    for name in COLUMNS:
        if name not in cells:
            hint = f"add it, empty where nothing is known: {','.join(COLUMNS)}"
            raise _error(path, number, f"the column {name!r} is missing", hint)
    return cells


def _read_member(path: Path, number: int, header: list[str], cells: list[str]) -> Member:
    if len(cells) != len(header):
        hint = f"write a cell for each of {','.join(header)}, and quote a name that has a comma"
        raise _error(path, number, f"{len(cells)} cells under {len(header)} columns", hint)
    row = dict(zip(header, cells, strict=True))
    symbol = row["symbol"]
    if not symbol or not is_readable(symbol) or len(symbol) > LONGEST:
        raise _error(path, number, f"{symbol!r} is no symbol", "write it as the source does: AAPL")
    for name in ("name", "sector"):
        if not is_readable(row[name]):
            raise _error(path, number, f"{row[name]!r} has hidden characters", "take them out")
    start, end = (_read_day(path, number, name, row[name]) for name in ("from", "to"))
    if start and end and end <= start:
        hint = "'to' is the first day it was no member any more, and comes after 'from'"
        raise _error(path, number, f"{symbol} is a member from {start} to {end}", hint)
    return Member(symbol, row["name"], row["sector"], start, end)


def _read_day(path: Path, number: int, name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
        message = "it is not written as 2026-09-01"
    except ValueError as error:
        message = str(error)
    raise _error(path, number, f"{name} {text!r} is no date: {message}", "write it as 2026-09-01")


def _check_overlaps(path: Path, members: list[tuple[int, Member]]) -> None:
    """Refuse a symbol that is a member twice on one day. One that left and came back is fine."""
    in_order = sorted(members, key=lambda entry: (entry[1].symbol, entry[1].span))
    for (earlier, before), (later, after) in pairwise(in_order):
        if before.symbol == after.symbol and after.span[0] < before.span[1]:
            first, second = sorted((earlier, later))
            hint = "keep one line; of a symbol that left and came back, end the first with its 'to'"
            message = f"{after.symbol} is a member already by line {first}, at the same time"
            raise _error(path, second, message, hint)


def _error(path: Path, number: int, message: str, hint: str) -> InvalidRequest:
    """Return the error of a file, and of one of its lines unless the number is 0."""
    place = f"{path}, line {number}:" if number else str(path)
    return InvalidRequest(f"{place} {message}", f"{hint}; then run it again")
