"""A file of bars: read line by line with a reason for each that is no bar, and written back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from pipelines.errors import InvalidRequest
from pipelines.intervals import utc
from serving.errors import TooLarge
from serving.scoring import bars as rules
from serving.scoring import predict
from serving.scoring.bars import VALUES, Placed
from serving.scoring.errors import Refused
from serving.scoring.model import Model
from serving.scoring.predict import Next, Scored
from serving.times import instant

NAMES = ("symbol", "ts", *VALUES)
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
WARMING = "warm-up: fewer than {} bars of its symbol come before it"
SEEN = 40  # characters of a wrong value that are told


@dataclass
class Line:
    """One row of the file, and what becomes of it."""

    line: int
    cells: dict[str, str]
    symbol: str = ""
    ts: np.datetime64 | None = None
    after: Next | None = None
    reason: str | None = None
    bad: bool = False
    scored: Scored | None = None

    def reject(self, reason: str) -> None:
        self.reason, self.bad = f"line {self.line}: {reason}", True


@dataclass
class Sheet:
    """The rows of a file, in its order."""

    lines: list[Line]
    columns: tuple[str, ...]
    notices: list[str] = field(default_factory=list)


def read(content: bytes, most: int) -> Sheet:
    """The rows of a CSV; what is no such file is refused as a whole."""
    text = _text(content)
    head = text.lstrip()[:200].lower()
    if head.startswith(("<!doctype", "<html", "<?xml", "<head", "<body")):
        raise _refused("the file is a web page, not CSV", "save the data itself, not the page")
    if head.startswith(("{", "[")):
        raise _refused("the file is JSON, not CSV", "send JSON to POST /predict/batch")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = _header(reader)
        lines = list(_lines(reader, columns, most))
    except csv.Error as error:
        raise _refused(
            f"line {reader.line_num} is not CSV: {error}", "check its quotes; write UTF-8 CSV"
        ) from error
    if not lines:
        raise _refused("the file has a header and no row", "send a row a bar")
    return Sheet(lines, columns)


def _refused(message: str, hint: str) -> Refused:
    return Refused(message, hint, "file")


def _text(content: bytes) -> str:
    if not content.strip():
        raise _refused("the file is empty", "send a header line and a row a bar")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _refused("the file is UTF-16", "save it as UTF-8: in Excel, CSV UTF-8")
    if content[:4] == b"PK\x03\x04" or content[:2] == b"\x1f\x8b":
        raise _refused("the file is compressed, or a workbook", "send plain CSV")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _refused(f"line {line} is not UTF-8", "save the file as UTF-8") from error
    if "\0" in text:
        raise _refused("the file holds NUL characters: it is no text", "save it as UTF-8 CSV")
    return text


def _header(reader: Iterable[list[str]]) -> tuple[str, ...]:
    first: list[str] = next((row for row in reader if any(cell.strip() for cell in row)), [])
    names = tuple(cell.strip().lower() for cell in first)
    wanted = set(VALUES) - {"volume"}
    if not wanted <= set(names):
        for mark, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if wanted <= {cell.strip().lower() for cell in ",".join(first).split(mark)}:
                raise _refused(f"the columns are split by {called}", "save the file with commas")
        lacking = ", ".join(name for name in VALUES if name in wanted - set(names))
        raise _refused(
            f"the header has no column {lacking}",
            f"the first line names the columns: {', '.join(NAMES)}; symbol, ts and volume may lack",
        )
    twice = {name for name in names if names.count(name) > 1 and name in NAMES}
    if twice:
        raise _refused(f"the column {min(twice)} comes twice", "leave one away")
    return names


def _lines(reader: Iterable[list[str]], columns: tuple[str, ...], most: int) -> Iterable[Line]:
    count, line = 0, 1
    for row in reader:
        line = reader.line_num  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in row):
            continue
        count += 1
        if count > most:
            raise TooLarge(f"the file has more than {most:,} rows", "send it in parts")
        made = Line(line, dict(zip(columns, (cell.strip() for cell in row), strict=False)))
        if len(row) != len(columns):
            made.reject(f"it has {len(row)} cells, the header {len(columns)}")
        yield made


def score(model: Model, sheet: Sheet, symbol: str | None, now: datetime) -> None:
    """Give every line a prediction, or the reason why it has none: one matrix for all."""
    if "symbol" not in sheet.columns and symbol is None:
        raise Refused(
            "the file has no column symbol", "add one, or name the symbol: ?symbol=NVDA", "symbol"
        )
    timed = "ts" in sheet.columns
    told = model.scorer.description
    for line in sheet.lines:
        line.symbol = line.cells.get("symbol", "") or symbol or ""
        if not line.bad and (line.symbol not in told.symbols or line.symbol in told.untrained):
            line.reject(f"the model knows no symbol {_seen(line.symbol)}")
    values = _values(sheet.lines)
    if timed:
        _times(sheet.lines)
    together: dict[str, list[int]] = {}
    for place, line in enumerate(sheet.lines):
        if line.symbol in told.symbols and (not timed or line.ts is not None):
            together.setdefault(line.symbol, []).append(place)
    parts = [
        part
        for places in together.values()
        if (part := _placed(model, sheet, places, values, timed, now))
    ]
    _score(model, sheet.lines, parts)


def _values(lines: Sequence[Line]) -> np.ndarray:
    values = np.full((len(lines), len(VALUES)), np.nan)
    absent = np.zeros(len(lines), bool)
    for place, line in enumerate(lines):
        absent[place] = not line.cells.get("volume")
        for column, name in enumerate(VALUES):
            cell = line.cells.get(name, "")
            if line.bad or (name == "volume" and absent[place]):
                continue
            try:
                values[place, column] = float(cell if "_" not in cell else "")
            except ValueError:
                line.reject(f"{name} is {_seen(cell)}, not a number")
    for fault in rules.faults(values, absent):
        if not lines[fault.row].bad:
            lines[fault.row].reject(f"{fault.detail} ({fault.reason})")
    return values


def _times(lines: Sequence[Line]) -> None:
    for line in lines:
        cell = line.cells.get("ts", "")
        try:
            line.ts = np.datetime64(utc(cell).replace(tzinfo=None), "us")
        except (InvalidRequest, OverflowError):
            if not line.bad:
                line.reject(f"ts is {_seen(cell)}, not a time with its zone")


def _placed(
    model: Model, sheet: Sheet, places: list[int], values: np.ndarray, timed: bool, now: datetime
) -> tuple[list[int], Placed] | None:
    """The good bars of one symbol in order; the bad ones are told why."""
    lines, interval = sheet.lines, model.forecast.bar
    if not timed:
        made = rules.newest(len(places), model.market, interval, model.grid, now)
        if len(made) < len(places):
            raise _refused(f"{model.market.name} has not had {len(places):,} bars", "send fewer")
        for place, at in zip(places, made.ts, strict=True):
            lines[place].ts = at
        sheet.notices.append(
            f"the bars of {lines[places[0]].symbol} have no times: they count as the newest "
            f"{len(places)} closed ones of {model.market.name}"
        )
    ts = np.array([lines[place].ts for place in places], "datetime64[us]")
    known, closes = rules.on_grid(ts, model.market, interval, model.grid)
    still = closes > np.datetime64(now.replace(tzinfo=None), "us")
    seen: dict[np.datetime64, int] = {}
    for place, at, on, late in zip(places, ts, known, still, strict=True):
        line = lines[place]
        if line.bad:
            continue
        if not on:
            line.reject(f"no {interval} bar of {model.market.name} opens at that time")
        elif late:
            line.reject("the bar has not closed yet")
        elif at in seen:
            line.reject(f"the same bar as line {seen[at]}")
        else:
            seen[at] = line.line
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


def _score(model: Model, lines: Sequence[Line], parts: list[tuple[list[int], Placed]]) -> None:
    if not parts:
        return
    rows = predict.features(model, [made for _, made in parts])
    places = [place for group, _ in parts for place in group]
    nth = np.concatenate([np.arange(len(group)) for group, _ in parts])
    said = predict.scored(model, [lines[place].symbol for place in places], rows)
    times = zip(*((made.ts, made.closes_at) for _, made in parts), strict=True)
    after = predict.about_next(model, *(np.concatenate(part) for part in times))
    for place, before, one, row, at in zip(places, nth, said, rows, after, strict=True):
        line = lines[place]
        line.after = at
        if one.action >= 0:
            line.scored = one
        elif before < model.forecast.look_back:
            line.reason = WARMING.format(model.forecast.look_back)
        else:
            line.reason = predict.unscored(model, row).message


def _seen(cell: str) -> str:
    return repr(cell[:SEEN]) if cell else "missing"


def as_csv(model: Model, lines: Sequence[Line], min_confidence: float | None) -> str:
    """The answer as CSV, a row for each row of the file; nothing in it is run by a spreadsheet."""
    classes = model.forecast.label.classes
    said = ("action", "score", "confidence", "expected_score", "said")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = (*(f"p_{name}" for name in classes), "model_version", "proven", "reason")
    writer.writerow(("line", "symbol", "ts", "timestamp_next", "spans_night", *said, *names))
    for line in lines:
        told = predict.told(model, line.scored, min_confidence) if line.scored else {}
        shares = told.get("probabilities", {})
        assert isinstance(shares, dict)
        writer.writerow(
            (
                line.line,
                safe(line.symbol),
                instant(line.ts).isoformat() if line.ts is not None else "",
                line.after.closes_at.isoformat() if line.after else "",
                str(line.after.spans_night).lower() if line.after else "",
                *(told.get(name) for name in said),
                *(shares.get(name) for name in classes),
                model.version,
                str(model.proven).lower(),
                safe(line.reason or ""),
            )
        )
    return out.getvalue()


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text


def as_json(model: Model, sheet: Sheet, min_confidence: float | None) -> dict[str, object]:
    """The answer with a row for each row of the file."""
    lines = sheet.lines
    rows = [
        {
            "line": line.line,
            "symbol": line.symbol or None,
            "ts": instant(line.ts) if line.ts is not None else None,
            "timestamp_next": line.after and line.after.closes_at,
            "spans_night": line.after and line.after.spans_night,
            "prediction": predict.told(model, line.scored, min_confidence) if line.scored else None,
            "reason": line.reason,
        }
        for line in lines
    ]
    scored, bad = sum(line.scored is not None for line in lines), sum(line.bad for line in lines)
    return predict.marks(model, sheet.notices) | {
        "data_source": "caller",
        "rows": rows,
        "scored": scored,
        "warming_up": len(lines) - scored - bad,
        "bad": bad,
    }
