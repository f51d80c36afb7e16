"""A file's predictions as CSV and as JSON, a row for each of its rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import orjson

from serving.predict import predict
from serving.predict.upload import Line, Sheet
from serving.state.answers import OPTIONS
from serving.state.kinds import KINDS
from serving.state.model import Model, Models
from serving.state.times import instant

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(models: Models, lines: Sequence[Line], min_confidence: float | None) -> str:
    """The answer as CSV; nothing in it is run by a spreadsheet.

    Each target has its columns, which begin with its name where there are several.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    several = len(models.forecast.targets) > 1
    names = ["line", "symbol", "ts"]
    for target, model in models.by_target.items():
        names += [f"{target}.{name}" if several else name for name in _columns(model)]
    writer.writerow([*names, "reason"])
    for line in lines:
        opened = instant(line.ts).isoformat() if line.ts is not None else ""
        cells = [line.line, safe(line.symbol), opened]
        for target, model in models.by_target.items():
            cells += _cells(target, model, line, min_confidence)
        writer.writerow([*cells, safe(line.reason or "")])
    return out.getvalue()


def _columns(model: Model) -> tuple[str, ...]:
    label = model.forecast.label
    said = KINDS[label.kind].columns(label)
    about_model = ("model_version", "proven", "unproven_reason", "trained_on")
    return ("timestamp_next", "spans_night", *said, *about_model)


def _cells(target: str, model: Model, line: Line, least: float | None) -> list[Any]:
    label, after = model.forecast.label, line.after[target] if line.after else None
    kind = KINDS[label.kind]
    said: list[Any] = [""] * len(kind.columns(label))
    if line.said is not None:
        said = kind.cells(label, kind.told(label, line.said[target], least))
    known = after is not None and after.closes_at is not None
    return [
        after.closes_at.isoformat() if after and after.closes_at else "",
        str(after.spans_night).lower() if after and known else "",
        *said,
        model.version,
        str(model.proven).lower(),
        safe(model.unproven_reason or ""),
        safe(model.source),
    ]


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text


def as_json(models: Models, sheet: Sheet, min_confidence: float | None) -> dict[str, object]:
    """The answer with a row for each row of the file."""
    lines = sheet.lines
    scored, bad = sum(line.said is not None for line in lines), sum(line.bad for line in lines)
    return predict.marks(models, sheet.notices) | {
        "models": predict.of_models(models),
        "data_source": "caller",
        "rows": [_row(models, line, min_confidence) for line in lines],
        "scored": scored,
        "warming_up": len(lines) - scored - bad,
        "bad": bad,
    }


def _row(models: Models, line: Line, least: float | None) -> orjson.Fragment:
    """One row as JSON already: all rows at once would keep the interpreter from the event loop."""
    main = line.after[models.main.target] if line.after else None
    said = None
    if line.said is not None and line.after is not None:
        said = predict.told(models, line.said, line.after, least)
    row = {
        "line": line.line,
        "symbol": line.symbol or None,
        "ts": instant(line.ts) if line.ts is not None else None,
        "timestamp_next": main and main.closes_at,
        "spans_night": main and main.spans_night,
        "prediction": said,
        "reason": line.reason,
    }
    return orjson.Fragment(orjson.dumps(row, option=OPTIONS))
