"""Universes: named, dated lists of symbols, read from include/universes/*.csv."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.input_files import read_file
from pipelines.core.text import is_readable

MOST_BYTES = 1 << 20  # of a file: 20,000 members
HINT = "its columns are since (2026-09-01), symbol, name and sector, a member a line; mend it"
FOLDER = Path(__file__).resolve().parents[2] / "include" / "universes"


@dataclass(frozen=True)
class Member:
    """One constituent of a universe."""

    symbol: str
    name: str
    sector: str


@dataclass(frozen=True)
class Universe:
    """A list of members, valid from a date on, heaviest first."""

    name: str
    index: str  # the index or fund whose weights combine the members
    instrument: str  # what the combined signal is about
    since: date
    members: tuple[Member, ...]
    whole: str  # the universe that lists every member of the index
    fund: str = ""  # the fund whose bars show what the index did; empty: its members' bars do

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(member.symbol for member in self.members)


@cache
def _members(file: str) -> tuple[date, tuple[Member, ...]]:
    path = FOLDER / file
    try:
        text = read_file(path, FOLDER, MOST_BYTES).decode("utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        if not rows:
            raise InvalidRequest(f"{path} lists no members", HINT)
        since = date.fromisoformat(rows[0]["since"])
        members = tuple(Member(r["symbol"], r["name"], r["sector"]) for r in rows)
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}", HINT) from None
    for line, member in enumerate(members, 2):
        if not member.symbol or not is_readable(member.symbol):
            raise InvalidRequest(f"{path}, line {line}: {member.symbol!r} is no symbol", HINT)
    return since, members


def universes() -> dict[str, Universe]:
    """Return every universe by its name."""
    since, members = _members("nasdaq100.csv")
    return {
        "nasdaq100": Universe("nasdaq100", "QQQ", "/NQ", since, members, "nasdaq100", "QQQ"),
        "qqq": Universe("qqq", "QQQ", "/NQ", since, members[:10], "nasdaq100", "QQQ"),
    }


def universe(name: str) -> Universe:
    """Return the universe of that name; a listed symbol in small letters is one of its own."""
    by_name = universes()
    if name in by_name:
        return by_name[name]
    for parent in by_name.values():
        for member in parent.members:
            if member.symbol.lower() == name:
                symbol = member.symbol
                return Universe(name, symbol, symbol, parent.since, (member,), name)
    raise unknown("universe", name, by_name)
