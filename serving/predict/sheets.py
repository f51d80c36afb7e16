"""The rows of a file as predictions: each has them, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.core.intervals import utc
from serving.predict import bars as rules
from serving.predict import predict
from serving.predict.bars import VALUES, Placed
from serving.predict.predict import NEVER
from serving.predict.rows import features, impossible
from serving.predict.upload import Kind, Line, Sheet, refused, seen
from serving.schemas.errors import Refused
from serving.schemas.strict import HOW, NUMBER
from serving.state.model import Model, Models

WARMING = "warm-up: fewer than {} bars of its symbol come before it"


def score(models: Models, sheet: Sheet, symbol: str | None, now: datetime) -> None:
    """Give every line its predictions, or the reason why it has none: one matrix for all."""
    only = models.forecast.symbols
    if "symbol" not in sheet.columns and symbol is None:
        if len(only) > 1:
            raise Refused(
                "the file has no column symbol",
                "add one, or name the symbol: ?symbol=NVDA",
                "symbol",
            )
        symbol = only[0]
    known = {
        name for name in only if all(_knows(model, name) for model in models.by_target.values())
    }
    for line in sheet.lines:
        line.symbol = line.cells.get("symbol", "") or symbol or ""
        if not line.bad and line.symbol not in known:
            line.reject(f"the model knows no symbol {seen(line.symbol)}")
    if "ts" in sheet.columns:
        _times(sheet.lines, models.main)
    parts = KINDS[sheet.kind](models, sheet, now)
    _score(models, sheet.lines, parts)


def _knows(model: Model, symbol: str) -> bool:
    told = model.scorer.description
    return symbol in told.symbols and symbol not in told.untrained


@dataclass(frozen=True, eq=False)
class Part:
    """Lines that are scored together, as rows of features."""

    places: list[int]
    rows: np.ndarray
    ts: np.ndarray  # NaT: not known
    closes_at: np.ndarray
    warming: int = 0  # of the first of them, that have too few bars before


def _bars(models: Models, sheet: Sheet, now: datetime) -> list[Part]:
    """The lines as bars, symbol by symbol."""
    model, timed = models.main, "ts" in sheet.columns
    values = _values(sheet.lines)
    if not timed:
        sheet.notices.append(
            "the bars have no times: those of a symbol count as the newest closed ones of "
            f"{model.market.name}"
        )
    together: dict[str, list[int]] = {}
    for place, line in enumerate(sheet.lines):
        if line.symbol in model.forecast.symbols and (not timed or line.ts is not None):
            together.setdefault(line.symbol, []).append(place)
    parts = [
        part
        for places in together.values()
        if (part := _placed(model, sheet, places, values, timed, now))
    ]
    if not parts:
        return []
    rows = features(model, [made for _, made in parts])
    cuts = np.cumsum([len(made) for _, made in parts])[:-1]
    warming = model.forecast.look_back
    return [
        Part(places, part, made.ts, made.closes_at, warming)
        for (places, made), part in zip(parts, np.split(rows, cuts), strict=True)
    ]


def _indicators(models: Models, sheet: Sheet, now: datetime) -> list[Part]:
    """The lines as features that were sent."""
    model, lines = models.main, sheet.lines
    rows = np.full((len(lines), len(model.forecast.features)), np.nan)
    for place, line in enumerate(lines):
        for column, feature in enumerate(model.forecast.features):
            value = _number(line, feature.name)
            if value is None:
                break
            rows[place, column] = value
            reason = impossible(feature, value)
            if reason:
                line.reject(reason)
                break
    ts = np.array([NEVER if line.ts is None else line.ts for line in lines], "datetime64[us]")
    closes = np.full(len(lines), NEVER)
    if "ts" in sheet.columns:
        closes = _opens(model, lines, ts, now)
    good = [place for place, line in enumerate(lines) if not line.bad]
    return [Part(good, rows[good], ts[good], closes[good])] if good else []


KINDS: Mapping[Kind, Callable[[Models, Sheet, datetime], list[Part]]] = {
    "bars": _bars,
    "indicators": _indicators,
}


def _number(line: Line, name: str) -> float | None:
    """A cell as a number; a line where it is none is rejected."""
    if line.bad:
        return None
    cell = line.cells.get(name, "")
    if not NUMBER.fullmatch(cell):
        line.reject(f"{name} is {seen(cell)}, not a number")
        return None
    return float(cell)


def _values(lines: Sequence[Line]) -> np.ndarray:
    values = np.full((len(lines), len(VALUES)), np.nan)
    absent = np.zeros(len(lines), bool)
    for place, line in enumerate(lines):
        absent[place] = not line.cells.get("volume")
        for column, name in enumerate(VALUES):
            if line.bad or (name == "volume" and absent[place]):
                continue
            value = _number(line, name)
            if value is not None:
                values[place, column] = value
    for fault in rules.faults(values, absent):
        if not lines[fault.row].bad:
            lines[fault.row].reject(f"{fault.detail} ({fault.reason})")
    return values


def _times(lines: Sequence[Line], model: Model) -> None:
    for line in lines:
        cell = line.cells.get("ts", "")
        try:
            if NUMBER.fullmatch(cell):  # which utc would take for a day where it has eight digits
                raise InvalidRequest(f"{cell} is a number")
            line.ts = np.datetime64(utc(cell).replace(tzinfo=None), "us")
        except (InvalidRequest, OverflowError):
            if not line.bad:
                line.reject(f"ts is {seen(cell)}, not a time with its zone: {HOW}")
    told = [line for line in lines if line.ts is not None]
    given = np.array([line.ts for line in told], "datetime64[us]")
    opened = rules.opens(given, model.market, model.forecast.bar, model.grid)
    for line, at in zip(told, opened, strict=True):
        line.ts = at


def _placed(
    model: Model, sheet: Sheet, places: list[int], values: np.ndarray, timed: bool, now: datetime
) -> tuple[list[int], Placed] | None:
    """The good bars of one symbol in order; the bad ones are told why."""
    lines, interval = sheet.lines, model.forecast.bar
    if not timed:
        made = rules.newest(len(places), model.market, interval, model.grid, now)
        if len(made) < len(places):
            raise refused(f"{model.market.name} has not had {len(places):,} bars", "send fewer")
        for place, at in zip(places, made.ts, strict=True):
            lines[place].ts = at
    ts = np.array([lines[place].ts for place in places], "datetime64[us]")
    closes = _opens(model, [lines[place] for place in places], ts, now)
    order = [int(n) for n in np.argsort(ts, kind="stable") if not lines[places[n]].bad]
    good = [places[n] for n in order]
    if not good:
        return None
    made_of = Placed(ts[order], closes[order], values[good])
    row = rules.leap(made_of.values)
    if row is not None:
        for place in good[row:]:
            lines[place].reject(
                f"the close leaps at line {lines[good[row]].line}: adjust for splits and units"
            )
        made_of, good = Placed(ts[order][:row], closes[order][:row], values[good[:row]]), good[:row]
    return good, made_of


def _opens(model: Model, lines: Sequence[Line], ts: np.ndarray, now: datetime) -> np.ndarray:
    """When the lines' bars close; a line whose ts opens none, or one twice, is rejected."""
    interval = model.forecast.bar
    known, closes = rules.on_grid(ts, model.market, interval, model.grid)
    still = closes > np.datetime64(now.replace(tzinfo=None), "us")
    met: dict[tuple[str, np.datetime64], int] = {}
    for line, at, on, late in zip(lines, ts, known, still, strict=True):
        if line.bad:
            continue
        if not on:
            line.reject(f"no {interval} bar of {model.market.name} opens at that time")
        elif late:
            line.reject("the bar has not closed yet")
        elif (line.symbol, at) in met:
            line.reject(f"the same bar as line {met[line.symbol, at]}")
        else:
            met[line.symbol, at] = line.line
    return closes


def _score(models: Models, lines: Sequence[Line], parts: list[Part]) -> None:
    if not parts:
        return
    rows = np.concatenate([part.rows for part in parts])
    places = [place for part in parts for place in part.places]
    said = predict.say_all(models, [lines[place].symbol for place in places], rows)
    times = (np.concatenate([getattr(part, n) for part in parts]) for n in ("ts", "closes_at"))
    after = predict.about_next(models, *times)
    warm = np.concatenate([np.arange(len(part.places)) >= part.warming for part in parts])
    for n, place in enumerate(places):
        line = lines[place]
        line.after = {name: every[n] for name, every in after.items()}
        line.said = said[n]
        if line.said is None and not warm[n]:
            line.reason = WARMING.format(models.forecast.look_back)
        elif line.said is None:
            line.reason = predict.unscored(models, rows[n]).message
