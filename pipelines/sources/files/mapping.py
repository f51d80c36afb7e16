"""The mapping of a folder: which files hold which bars, and how to read them (bars.yaml)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import yaml

from pipelines.core.calendar import GRIDS, INTERVALS, Grid, Interval, utc
from pipelines.core.errors import InvalidRequest, SourceError, unknown
from pipelines.core.input_files import read_file
from pipelines.sources.base import MISSING_BARS, MOST_SHARES
from pipelines.sources.files.entries import (
    abbreviate,
    check_choice,
    check_keys,
    check_readable,
    check_text,
    check_texts,
    check_zone,
    list_entries,
    read_values,
)

NAME = "bars.yaml"
NEWS_NAME = "news.yaml"
MOST_DAYS_UNKNOWN = 366  # from the date of weights until they were known
MOST_BYTES = 1 << 20  # of the mapping: some thousand entries, and YAML is slow
# PyYAML also raises these for values that do not match their tags.
YAML_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError,
               RecursionError)  # fmt: skip
COLUMNS = ("ts", "open", "high", "low", "close", "volume", "bid", "ask", "split", "dividend")
WEIGHT_COLUMNS = ("symbol", "name", "weight", "effective", "known_at")
NULLS = ("", "-", "--", "n/a", "#n/a", "na", "nan", "null", "none")
SPELLINGS = {i.yahoo: i.name for i in INTERVALS} | {
    "1min": "1m", "5min": "5m", "15min": "15m", "30min": "30m", "60min": "1h", "60m": "1h",
    "minute": "1m", "hourly": "1h", "hour": "1h", "daily": "1d", "day": "1d",
    "weekly": "1w", "monthly": "1mo",
}  # fmt: skip


@dataclass(frozen=True)
class Csv:
    """The CSV format of a file."""

    delimiter: str = ""  # empty: found from the first line
    names: tuple[str, ...] = ()  # the columns of a file that has no header line
    skip: int = 0  # lines before the header
    decimal: str = "."
    null_values: tuple[str, ...] = NULLS  # cells that mean "no value", in any case


@dataclass(frozen=True)
class Symbol:
    """Where the symbol of a bar is found: in a column, in the file's name, or here."""

    column: str = ""
    file: str = ""  # regex with (?P<symbol>..), optionally (?P<exchange>..), (?P<interval>..)
    constant: str = ""


@dataclass(frozen=True)
class Split:
    """A split that the files do not have: `ratio` shares for one, from `date` on."""

    symbol: str
    date: str
    ratio: float


@dataclass(frozen=True)
class Series:
    """Files that are read in the same way."""

    files: tuple[str, ...]  # globs; one that begins with ! excludes files
    symbol: Symbol
    interval: str = ""  # may come from the file's name instead
    columns: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # our name -> names in the file
    timezone: str = ""  # of times that carry no offset
    time_format: str = ""  # strptime; empty: found from the times
    calendar: Mapping[str, str] = field(default_factory=lambda: {"default": "XNYS"})
    grid: Grid = "session"
    label: str = "open"  # whether a time names the bar's open or its close
    csv: Csv = field(default_factory=Csv)
    split_adjusted: bool = True
    splits: tuple[Split, ...] = ()
    # What follows when a tenth of a symbol's bars is missing; by symbol, "default" for the others.
    missing_bars: Mapping[str, str] = field(default_factory=lambda: {"default": "fail"})

    def to_dict(self) -> dict[str, Any]:
        """Return this entry as values for JSON, from which `series_of` builds it again."""
        return {**asdict(self), "files": list(self.files)}

    @cached_property
    def _file_pattern(self) -> re.Pattern[str]:
        return re.compile(self.symbol.file)

    def of_file(self, path: str) -> tuple[str, Interval]:
        """Return a file's symbol ("" if a column has it) and interval, from its name."""
        symbol, interval = self.symbol.constant, self.interval
        if self.symbol.file:
            match = self._file_pattern.search(path.rsplit("/", 1)[-1])
            if match is None or not match["symbol"]:
                raise InvalidRequest(
                    f"{path}: its name does not fit symbol.file {self.symbol.file!r}",
                    f"change that pattern, or take the file away with a glob '!{path}' in files",
                )
            groups = match.groupdict()
            # A suffix such as .L names the exchange, as it does in the symbols of Yahoo.
            symbol = ".".join(g.upper() for g in (groups["symbol"], groups.get("exchange")) if g)
            check_readable(symbol, f"symbol of {path}")
            interval = groups.get("interval") or interval
        spelled = SPELLINGS.get(interval.lower(), interval)
        for candidate in INTERVALS:
            if spelled == candidate.name:
                return symbol, candidate
        raise unknown(f"interval of {path}:", interval, (i.name for i in INTERVALS))

    def calendar_of(self, symbol: str, path: str) -> str:
        suffix = symbol.rsplit(".", 1)[1] if "." in symbol else "default"
        name = self.calendar.get(suffix, self.calendar.get("default"))
        if name is None:
            raise InvalidRequest(
                f"{path}: no calendar for {symbol}",
                f"add '{suffix}: <calendar>' to calendar in {NAME}",
            )
        return name


@dataclass(frozen=True)
class WeightFiles:
    """Files with the weights of a universe's members."""

    files: tuple[str, ...]
    universe: str
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    effective: str = ""  # the date they hold from, when neither a column nor a line above has it
    date_format: str = ""  # strptime; empty: one of the usual ones
    known_at: str = ""  # when they became known, with its offset, when no column has it
    known_after_days: int = 1  # else: the midnight (UTC) this many days after the effective date
    unit: str = ""  # fraction or percent; empty: percent with a % sign or a sum above 1.5
    csv: Csv = field(default_factory=Csv)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "files": list(self.files)}


@dataclass(frozen=True)
class Folder:
    """The mapping of one folder."""

    series: tuple[Series, ...] = ()
    weights: tuple[WeightFiles, ...] = ()


def load(folder: Path) -> Folder:
    """Read the mapping of a folder. Raises InvalidRequest naming the offending key."""
    path = folder / NAME
    document = read_document(path, f"copy include/sample/{NAME} there and change it")
    where = str(path)
    check_keys(document, ("series", "weights"), where)
    mapping = Folder(
        tuple(
            series_of(e, f"series {n} of {where}")
            for n, e in list_entries(document, "series", where)
        ),
        tuple(
            weights_of(e, f"weights {n} of {where}")
            for n, e in list_entries(document, "weights", where)
        ),
    )
    if not mapping.series and not mapping.weights:
        raise InvalidRequest(f"{where} lists no series", "start from include/sample/bars.yaml")
    return mapping


def read_document(path: Path, hint: str) -> Any:
    """Read the YAML of a mapping."""
    folder = path.parent
    setting = f"set BULLION_FILES to a folder that holds your files and their {path.name}"
    if not folder.is_dir():
        raise InvalidRequest(f"there is no folder {folder}", setting)
    if not os.path.lexists(path):
        raise InvalidRequest(f"{folder} has no {path.name}", f"{hint}, or {setting}")
    try:
        return yaml.safe_load(read_file(path, folder, MOST_BYTES).decode("utf-8"))
    except SourceError as error:
        raise InvalidRequest(error.message, error.hint) from None
    except YAML_ERRORS as error:
        raise InvalidRequest(f"{path} is not YAML: {error}", "mend that line") from None


def series_of(entry: Any, where: str) -> Series:
    """Check a series entry and return it."""
    values = read_values(Series, entry, where)
    values["files"] = check_texts(values["files"], f"files of {where}")
    values["symbol"] = _read_symbol(values["symbol"], where)
    values["columns"] = read_columns(values.get("columns"), COLUMNS, where)
    values["csv"] = read_csv(values.get("csv"), where)
    splits = list_entries(values, "splits", where)
    values["splits"] = tuple(_read_split(e, f"split {n} of {where}") for n, e in splits)
    calendar = values.get("calendar", "XNYS")
    calendar = {"default": calendar} if isinstance(calendar, str) else calendar
    check_keys(calendar, None, f"calendar of {where}")
    values["calendar"] = {k: check_text(v, f"calendar of {where}") for k, v in calendar.items()}
    check_choice("grid", values.get("grid", "session"), GRIDS, where)
    check_choice("label", values.get("label", "open"), ("open", "close"), where)
    if not isinstance(values.get("split_adjusted", True), bool):
        raise InvalidRequest(f"split_adjusted of {where} is not true or false", "write one of them")
    missing = values.get("missing_bars", "fail")
    missing = {"default": missing} if isinstance(missing, str) else missing
    check_keys(missing, None, f"missing_bars of {where}")
    for choice in missing.values():
        check_choice("missing_bars", choice, MISSING_BARS, where)
    values["missing_bars"] = dict(missing)
    for key in ("interval", "timezone", "time_format"):
        values[key] = check_text(values.get(key, ""), f"{key} of {where}")
    if values["timezone"]:
        check_zone(values["timezone"], where)
    series = Series(**values)
    if not series.interval and "(?P<interval>" not in series.symbol.file:
        raise InvalidRequest(f"{where} names no interval", "add for example 'interval: 1h'")
    return series


def weights_of(entry: Any, where: str) -> WeightFiles:
    """Check a weights entry and return it."""
    values = read_values(WeightFiles, entry, where)
    values["files"] = check_texts(values["files"], f"files of {where}")
    values["columns"] = read_columns(values.get("columns"), WEIGHT_COLUMNS, where)
    values["csv"] = read_csv(values.get("csv"), where)
    values["effective"] = str(values.get("effective", ""))
    check_text(values.get("date_format", ""), f"date_format of {where}")
    values["known_at"] = str(values.get("known_at", ""))
    if values["known_at"]:
        try:
            utc(values["known_at"])
        except InvalidRequest as error:
            raise InvalidRequest(f"known_at of {where}: {error.message}", error.hint) from None
    days = values.get("known_after_days", 1)
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= MOST_DAYS_UNKNOWN:
        raise InvalidRequest(
            f"known_after_days of {where} is not a number of days but {abbreviate(days)}",
            f"write 0 to {MOST_DAYS_UNKNOWN}; 1, the midnight after the date, is the default",
        )
    check_choice("unit", values.get("unit", ""), ("", "fraction", "percent"), where)
    return WeightFiles(**values)


def matching(folder: Path, globs: tuple[str, ...], mapping: str = NAME) -> list[Path]:
    """Return the files of a folder that match the globs of a mapping, sorted, each once."""
    for glob in globs:
        path = PurePath(glob.removeprefix("!"))
        if not path.is_absolute() and ".." not in path.parts:
            continue
        leads = "is a path of its own" if path.is_absolute() else "leads out of the folder by '..'"
        raise InvalidRequest(
            f"files of {folder / mapping}: {glob} {leads}",
            "write globs within the folder, for example '*.csv' or 'hourly/*.csv.gz'",
        )
    try:
        paths = {p for g in globs if g[:1] != "!" for p in folder.glob(g) if not p.is_dir()}
        excluded = {p for g in globs if g[:1] == "!" for p in folder.glob(g[1:])}
    except (ValueError, OSError) as error:  # OSError: a name that is too long
        raise InvalidRequest(
            f"files of {folder / mapping} cannot be looked for: {error}",
            "write globs within the folder, for example '*.csv' or 'hourly/*.csv.gz'",
        ) from None
    return sorted(paths - excluded - {folder / NAME, folder / NEWS_NAME})


def read_csv(entry: Any, where: str) -> Csv:
    values = read_values(Csv, entry or {}, f"csv of {where}")
    for key in ("names", "null_values"):
        if key in values:
            values[key] = check_texts(values[key], f"{key} of {where}")
    if "null_values" in values:
        values["null_values"] = tuple(v.lower() for v in values["null_values"])
    check_choice("decimal", values.get("decimal", "."), (".", ","), where)
    if len(check_text(values.get("delimiter", ""), f"delimiter of {where}")) > 1:
        raise InvalidRequest(f"delimiter of {where} is longer than one sign", 'tabs are "\\t"')
    skip = values.get("skip", 0)
    if not isinstance(skip, int) or skip < 0:
        raise InvalidRequest(f"skip of {where} is not a number of lines but {abbreviate(skip)}")
    return Csv(**values)


def _read_symbol(entry: Any, where: str) -> Symbol:
    if isinstance(entry, str) and entry:
        return Symbol(constant=check_readable(entry, f"symbol of {where}"))
    values = read_values(Symbol, entry, f"symbol of {where}")
    symbol = Symbol(**{k: check_text(v, f"symbol.{k} of {where}") for k, v in values.items()})
    if sum(map(bool, (symbol.column, symbol.file, symbol.constant))) != 1:
        raise InvalidRequest(
            f"symbol of {where} is not one of a text, {{column: X}} or {{file: regex}}",
            "write exactly one",
        )
    check_readable(symbol.constant, f"symbol of {where}")
    if symbol.file:
        try:
            groups = re.compile(symbol.file).groupindex
        except re.error as error:
            raise InvalidRequest(f"symbol.file of {where} is no regex: {error}") from None
        if "symbol" not in groups:
            raise InvalidRequest(
                f"symbol.file of {where} has no group (?P<symbol>...)",
                r"for example '(?P<symbol>[a-z]+)\.csv'",
            )
    return symbol


def _read_split(entry: Any, where: str) -> Split:
    values = read_values(Split, entry, where)
    try:
        split = Split(
            str(values["symbol"]),
            date.fromisoformat(str(values["date"])).isoformat(),
            float(values["ratio"]),
        )
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"{where}: {error}", "date is YYYY-MM-DD, ratio a number") from None
    if not 1 / MOST_SHARES <= split.ratio <= MOST_SHARES:
        raise InvalidRequest(
            f"{where}: {split.ratio:g} is no ratio of shares",
            "write the new shares for one old: 4 for a 4:1 split, 0.1 for a 1:10 reverse split",
        )
    return split


def read_columns(entry: Any, allowed: tuple[str, ...], where: str) -> dict[str, tuple[str, ...]]:
    check_keys(entry or {}, allowed, f"columns of {where}")
    columns = {k: check_texts(v, f"columns.{k} of {where}") for k, v in (entry or {}).items()}
    for column, names in columns.items():
        if not names:
            raise InvalidRequest(f"columns.{column} of {where} names no column", "name one")
    return columns
