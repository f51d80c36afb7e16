"""Scoring of a file: each of its rows gets its predictions, or the reason why it has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from pipelines.core.errors import InvalidField, InvalidRequest
from pipelines.core.instants import to_numpy
from pipelines.core.intervals import utc
from pipelines.lake import View
from pipelines.requests import bars as rules
from pipelines.requests import predictions
from pipelines.requests.bars import VALUES, RequestBars
from pipelines.requests.csv_file import CsvFile, FileLine, Kind, file_error, quote_cell
from pipelines.requests.features import align_companions, compute_features, find_impossible
from pipelines.requests.model import Model, Models
from pipelines.requests.predictions import NEVER
from pipelines.requests.written import HOW, NUMBER

WARMING = "warm-up: fewer than {} bars of its symbol come before it"


def score_file(
    models: Models,
    file: CsvFile,
    symbol: str | None,
    now: datetime,
    view: View | None,
    timezone: ZoneInfo | None = None,
) -> None:
    """Score all lines of a file at once; a line without predictions gets the reason.

    What features read beside the file's bars comes from the view. `timezone` is that of times
    which name none; without it they are refused.
    """
    symbols = models.forecast.symbols
    if "symbol" not in file.columns and symbol is None:
        if len(symbols) > 1:
            raise InvalidField(
                "the file has no column symbol",
                "add one, or name the symbol: ?symbol=NVDA",
                "symbol",
            )
        symbol = symbols[0]
    known_symbols = {
        name for name in symbols if all(_knows(model, name) for model in models.by_target.values())
    }
    for line in file.lines:
        line.symbol = line.cells.get("symbol", "") or symbol or ""
        if not line.bad and line.symbol not in known_symbols:
            line.reject(f"the model knows no symbol {quote_cell(line.symbol)}")
    if "ts" in file.columns:
        _read_times(file.lines, models.main, timezone)
    blocks = BLOCKS[file.kind](models, file, now, view)
    _score_blocks(models, file.lines, blocks)


def _knows(model: Model, symbol: str) -> bool:
    description = model.scorer.description
    return symbol in description.symbols and symbol not in description.untrained


@dataclass(frozen=True, eq=False)
class FeatureBlock:
    """Lines that are scored together, as rows of features."""

    places: list[int]
    rows: np.ndarray
    ts: np.ndarray  # NaT: not known
    closes_at: np.ndarray
    warming: int = 0  # how many of the first lines have too few bars before them


def _bar_blocks(
    models: Models, file: CsvFile, now: datetime, view: View | None
) -> list[FeatureBlock]:
    """Compute the features of lines that are bars, symbol by symbol."""
    model, has_times = models.main, "ts" in file.columns
    values = _read_values(file.lines)
    if not has_times:
        file.notices.append(
            "the bars have no times: those of a symbol count as the newest closed ones of "
            f"{model.market.name}"
        )
    by_symbol: dict[str, list[int]] = {}
    for place, line in enumerate(file.lines):
        if line.symbol in model.forecast.symbols and (not has_times or line.ts is not None):
            by_symbol.setdefault(line.symbol, []).append(place)
    series_list = [
        series
        for places in by_symbol.values()
        if (series := _place_lines(model, file, places, values, has_times, now))
    ]
    if not series_list:
        return []
    of_symbols = [bars for _, bars in series_list]
    rows = compute_features(model, of_symbols, align_companions(model, of_symbols, view))
    cuts = np.cumsum([len(bars) for _, bars in series_list])[:-1]
    warming = models.look_back
    return [
        FeatureBlock(places, features, bars.ts, bars.closes_at, warming)
        for (places, bars), features in zip(series_list, np.split(rows, cuts), strict=True)
    ]


def _indicator_blocks(
    models: Models, file: CsvFile, now: datetime, view: View | None
) -> list[FeatureBlock]:
    """Read the features of lines that are indicators."""
    model, lines = models.main, file.lines
    rows = np.full((len(lines), len(model.forecast.features)), np.nan)
    read_names = set(models.feature_names)
    read_features = [(n, f) for n, f in enumerate(model.forecast.features) if f.name in read_names]
    for place, line in enumerate(lines):
        for column, feature in read_features:
            value = _number(line, feature.name)
            if value is None:
                break
            rows[place, column] = value
            reason = find_impossible(feature, value)
            if reason:
                line.reject(reason)
                break
    ts = np.array([NEVER if line.ts is None else line.ts for line in lines], "datetime64[us]")
    closes = np.full(len(lines), NEVER)
    if "ts" in file.columns:
        closes = _match_closes(model, lines, ts, now)
    good = [place for place, line in enumerate(lines) if not line.bad]
    return [FeatureBlock(good, rows[good], ts[good], closes[good])] if good else []


BLOCKS: Mapping[Kind, Callable[[Models, CsvFile, datetime, View | None], list[FeatureBlock]]] = {
    "bars": _bar_blocks,
    "indicators": _indicator_blocks,
}


def _number(line: FileLine, name: str) -> float | None:
    """Return a cell as a number, or reject its line."""
    if line.bad:
        return None
    cell = line.cells.get(name, "")
    if not NUMBER.fullmatch(cell):
        line.reject(f"{name} is {quote_cell(cell)}, not a number")
        return None
    return float(cell)


def _read_values(lines: Sequence[FileLine]) -> np.ndarray:
    """Read prices and volumes, and reject the lines that break a rule of silver."""
    values = np.full((len(lines), len(VALUES)), np.nan)
    absent = np.zeros(values.shape, bool)
    for place, line in enumerate(lines):
        for column, name in enumerate(VALUES):
            absent[place, column] = name in rules.OPTIONAL and not line.cells.get(name)
            if line.bad or absent[place, column]:
                continue
            value = _number(line, name)
            if value is not None:
                values[place, column] = value
    for fault in rules.find_faults(values, absent):
        if not lines[fault.row].bad:
            lines[fault.row].reject(f"{fault.detail} ({fault.reason})")
    return values


def _read_times(lines: Sequence[FileLine], model: Model, timezone: ZoneInfo | None) -> None:
    """Read the open of each line's bar, or reject the line."""
    for line in lines:
        cell = line.cells.get("ts", "")
        try:
            if NUMBER.fullmatch(cell):  # which utc would take for a day where it has eight digits
                raise InvalidRequest(f"{cell} is a number")
            line.ts = to_numpy(_read_instant(cell, timezone))
        except (InvalidRequest, OverflowError):
            if not line.bad:
                line.reject(f"ts is {quote_cell(cell)}, not a time with its zone: {HOW}")
    lines_with_time = [line for line in lines if line.ts is not None]
    times = np.array([line.ts for line in lines_with_time], "datetime64[us]")
    opens = rules.resolve_days(times, model.market, model.forecast.bar, model.grid)
    for line, at in zip(lines_with_time, opens, strict=True):
        line.ts = at


def _read_instant(cell: str, timezone: ZoneInfo | None) -> datetime:
    """Read a time; one without a zone is in `timezone`, where that is named. A day stays one."""
    if timezone is not None and len(cell) > len("2026-09-01"):
        with suppress(ValueError):
            moment = datetime.fromisoformat(cell)
            return utc(moment if moment.tzinfo else moment.replace(tzinfo=timezone))
    return utc(cell)


def _place_lines(
    model: Model,
    file: CsvFile,
    places: list[int],
    values: np.ndarray,
    has_times: bool,
    now: datetime,
) -> tuple[list[int], RequestBars] | None:
    """Place the good lines of one symbol on the calendar, oldest first; reject the others."""
    lines, interval = file.lines, model.forecast.bar
    if not has_times:
        newest = rules.newest_bars(len(places), model.market, interval, model.grid, now)
        if len(newest) < len(places):
            raise file_error(f"{model.market.name} has not had {len(places):,} bars", "send fewer")
        for place, at in zip(places, newest.ts, strict=True):
            lines[place].ts = at
    ts = np.array([lines[place].ts for place in places], "datetime64[us]")
    closes = _match_closes(model, [lines[place] for place in places], ts, now)
    order = [int(n) for n in np.argsort(ts, kind="stable") if not lines[places[n]].bad]
    good = [places[n] for n in order]
    if not good:
        return None
    bars = RequestBars(ts[order], closes[order], values[good])
    row = rules.find_leap(bars.values)
    if row is not None:
        for place in good[row:]:
            lines[place].reject(
                f"the close leaps at line {lines[good[row]].line}: adjust for splits and units"
            )
        bars, good = (
            RequestBars(ts[order][:row], closes[order][:row], values[good[:row]]),
            good[:row],
        )
    return good, bars


def _match_closes(
    model: Model, lines: Sequence[FileLine], ts: np.ndarray, now: datetime
) -> np.ndarray:
    """Return when the lines' bars close; reject lines that open no bar, or the same one again."""
    interval = model.forecast.bar
    on_grid, closes = rules.match_grid(ts, model.market, interval, model.grid)
    still_open = closes > np.datetime64(now.replace(tzinfo=None), "us")
    first_lines: dict[tuple[str, np.datetime64], int] = {}
    for line, at, on_calendar, is_open in zip(lines, ts, on_grid, still_open, strict=True):
        if line.bad:
            continue
        if not on_calendar:
            line.reject(f"no {interval} bar of {model.market.name} opens at that time")
        elif is_open:
            line.reject("the bar has not closed yet")
        elif (line.symbol, at) in first_lines:
            line.reject(f"the same bar as line {first_lines[line.symbol, at]}")
        else:
            first_lines[line.symbol, at] = line.line
    return closes


def _score_blocks(models: Models, lines: Sequence[FileLine], blocks: list[FeatureBlock]) -> None:
    if not blocks:
        return
    rows = np.concatenate([block.rows for block in blocks])
    places = [place for block in blocks for place in block.places]
    by_row = predictions.predict_rows(models, [lines[place].symbol for place in places], rows)
    times = (np.concatenate([getattr(block, n) for block in blocks]) for n in ("ts", "closes_at"))
    upcoming = predictions.next_bars(models, *times)
    warm = np.concatenate([np.arange(len(block.places)) >= block.warming for block in blocks])
    for n, place in enumerate(places):
        line = lines[place]
        line.next_bars = {target: bars[n] for target, bars in upcoming.items()}
        line.predictions = by_row[n]
        if line.predictions is None and not warm[n]:
            line.reason = WARMING.format(models.look_back)
        elif line.predictions is None:
            line.reason = predictions.missing_features_error(models, rows[n]).message
