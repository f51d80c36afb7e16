"""Universes: named lists of symbols with the dates of their membership, one CSV file each.

They lie in include/universes and in the folder that BULLION_UNIVERSES names, where a file takes
the place of a shipped one of the same name. No code knows a universe. The members at a bar are
those of the date of its session. A file is read once by a process.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.named_files import NamedFiles
from pipelines.core.universe_files import Member, read_universe_file

SETTING = "BULLION_UNIVERSES"
FOLDER = Path(__file__).resolve().parents[2] / "include" / "universes"
FILES = NamedFiles("universes", FOLDER, SETTING, ".csv")
MOST_NAMES = 5  # members that a count names


@dataclass(frozen=True)
class Universe:
    """A list of members, heaviest first, with the dates of their membership."""

    name: str
    index: str  # the index or fund whose weights combine the members
    instrument: str  # what the combined signal is about
    members: tuple[Member, ...]  # a symbol that left and came back is there twice
    whole: str  # the universe that lists every member of the index
    listed: date | None = None  # the day whose list this is, of members without dates
    # The fund whose bars show what the index did; empty: its members' bars do. A symbol that
    # stands alone is its own.
    fund: str = ""

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that is or was a member, once."""
        return tuple(dict.fromkeys(member.symbol for member in self.members))

    @cached_property
    def stands_alone(self) -> bool:
        """Whether it is one symbol by itself, which weighs 1 whatever any source says."""
        return self.symbols == (self.index,)

    @cached_property
    def is_dated(self) -> bool:
        """Whether anyone joined or left: else the members are the same at every bar."""
        return any(member.start or member.end for member in self.members)

    def symbols_between(self, first: date, last: date) -> tuple[str, ...]:
        """Return the symbols that were members on any day from `first` to `last`."""
        there = [m.symbol for m in self.members if m.span[0] <= last and first < m.span[1]]
        return tuple(dict.fromkeys(there))

    def membership(self, session: np.ndarray) -> np.ndarray:
        """Mark who is a member: a row for each session, a column for each of `symbols`."""
        if not self.is_dated:
            return np.ones((len(session), len(self.symbols)), bool)
        is_member = np.zeros((len(session), len(self.symbols)), bool)
        column = {symbol: place for place, symbol in enumerate(self.symbols)}
        days = session.astype("datetime64[D]")
        for member in self.members:
            start, end = (np.datetime64(day, "D") for day in member.span)
            is_member[:, column[member.symbol]] |= (days >= start) & (days < end)
        return is_member

    def mark_members(self, symbols: Sequence[str], session: np.ndarray) -> np.ndarray:
        """Mark the rows whose symbol is a member on the date of their session."""
        column = {symbol: place for place, symbol in enumerate(self.symbols)}
        code = np.array([column.get(symbol, -1) for symbol in symbols], np.int64)
        if not self.is_dated:
            return code >= 0
        days, day_of_row = np.unique(session, return_inverse=True)
        is_member: np.ndarray = self.membership(days)[day_of_row, code] & (code >= 0)
        return is_member


@dataclass(frozen=True)
class MemberCount:
    """How many of a universe's members had bars in a span, and which had none."""

    members: int
    absent: tuple[str, ...] = ()

    @property
    def with_bars(self) -> int:
        return self.members - len(self.absent)

    def describe(self, noun: str = "members") -> str:
        """Say how many had bars, and name those that had none."""
        text = f"{self.with_bars:,} of {self.members:,} {noun} had bars"
        return f"{text}; without bars: {name_some(self.absent)}" if self.absent else text


def count_members(
    members: Universe, with_bars: Collection[str], session: np.ndarray
) -> MemberCount:
    """Count those with bars among the members from the first of these sessions to the last."""
    symbols: tuple[str, ...] = ()
    if len(session):
        days = (session.min(), session.max())
        first, last = (day.astype("datetime64[D]").item() for day in days)
        symbols = members.symbols_between(first, last)
    present = set(with_bars)
    return MemberCount(len(symbols), tuple(s for s in symbols if s not in present))


def name_some(symbols: Sequence[str]) -> str:
    """Name the first symbols of a list, and say how many more there are."""
    more = len(symbols) - MOST_NAMES
    return ", ".join(symbols[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def universe_names() -> tuple[str, ...]:
    """Return the name of every universe, without reading their files."""
    return tuple(sorted(FILES.list_files(FILES.folder)))


def universe(name: str) -> Universe:
    """Return the universe of that name; a listed symbol in small letters is one of its own."""
    return _universe(name, FILES.folder)


def members_between(name: str, first: datetime | None, last: datetime) -> tuple[str, ...]:
    """Return the members of a universe from one instant (None: the beginning) to another.

    A day more at each end, as a session has the date of its exchange; never none.
    """
    day, members = timedelta(days=1), universe(name)
    since = first.date() - day if first else date.min
    symbols = members.symbols_between(since, last.date() + day)
    if not symbols:
        raise InvalidRequest(
            f"{name} has no member from {since} to {last:%Y-%m-%d}",
            "name another span, or look at the columns from and to of its file",
        )
    return symbols


@cache
def _universe(name: str, folder: str) -> Universe:
    files = FILES.list_files(folder)
    if name in files:
        return _read(name, files)
    unreadable, mend = "", ""
    for listed in files:
        try:
            members = _read(listed, files).members
        except InvalidRequest as broken:  # another universe, which need not stop this one
            unreadable = f"; not looked into: {broken.message}"
            mend = f"; or mend that file: {broken.hint}"
            continue
        for member in members:
            if member.symbol.lower() == name:
                alone = Member(member.symbol, member.name, member.sector)
                symbol = member.symbol
                return Universe(name, symbol, symbol, (alone,), name, fund=symbol)
    error = unknown("universe", name, files)
    place = FILES.place_for(name, folder)
    hint = error.hint if error.hint.endswith("?") else f"{error.hint};"
    raise InvalidRequest(
        f"{error.message}{unreadable}",
        f"{hint} or write {place}, see include/universes/README.md{mend}",
    )


def _read(name: str, files: dict[str, Path]) -> Universe:
    path = files[name]
    content = read_universe_file(path, path.parent)
    settings, members = content.settings, content.members
    whole, defaults = name, {"index": name.upper()}
    if "part_of" in settings:
        whole = settings["part_of"]
        defaults = _check_part(path, members, whole, files)
    index = settings.get("index", defaults["index"])
    instrument = settings.get("instrument", defaults.get("instrument", index))
    listed = date.fromisoformat(settings["listed"]) if "listed" in settings else None
    is_alone = {member.symbol for member in members} == {index}
    fund = settings.get("fund", defaults.get("fund", index if is_alone else ""))
    return Universe(name, index, instrument, members, whole, listed, fund)


def _check_part(
    path: Path, members: Sequence[Member], whole: str, files: dict[str, Path]
) -> dict[str, str]:
    """Return the settings of the universe that this is a part of, which must have its members."""
    if whole not in files:
        error = unknown("universe", whole, files)
        raise InvalidRequest(f"{path} is part_of an {error.message}", error.hint)
    parent = read_universe_file(files[whole], files[whole].parent)
    if "part_of" in parent.settings:
        raise InvalidRequest(
            f"{path} is part_of {whole}, which is a part itself",
            f"write part_of = {parent.settings['part_of']}, the universe with every member",
        )
    strangers = {m.symbol for m in members} - {m.symbol for m in parent.members}
    if strangers:
        raise InvalidRequest(
            f"{path} is part_of {whole}, which does not list {name_some(sorted(strangers))}",
            f"add them to {files[whole]}, or take the line part_of away",
        )
    return {"index": whole.upper(), **parent.settings}
