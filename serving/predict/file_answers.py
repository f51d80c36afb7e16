"""The answer to a file, as CSV and as JSON: a row for each of its rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import orjson

from serving.predict import predictions
from serving.predict.csv_file import CsvFile, FileLine
from serving.state.answers import OPTIONS
from serving.state.kinds import KINDS
from serving.state.model import Model, Models
from serving.state.times import instant

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(models: Models, lines: Sequence[FileLine], min_confidence: float | None) -> str:
    """Write the answer as CSV, in which a spreadsheet finds no formula.

    Each target has columns of its own, which begin with its name where there are several.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    has_several = len(models.forecast.targets) > 1
    names = ["line", "symbol", "ts"]
    for target, model in models.by_target.items():
        names += [f"{target}.{name}" if has_several else name for name in _columns(model)]
    writer.writerow([*names, "reason"])
    for line in lines:
        open_time = instant(line.ts).isoformat() if line.ts is not None else ""
        cells = [line.line, escape_formula(line.symbol), open_time]
        for target, model in models.by_target.items():
            cells += _cells(target, model, line, min_confidence)
        writer.writerow([*cells, escape_formula(line.reason or "")])
    return out.getvalue()


def _columns(model: Model) -> tuple[str, ...]:
    label = model.forecast.label
    prediction = KINDS[label.kind].columns(label)
    about_model = ("model_version", "proven", "unproven_reason", "trained_on")
    return ("timestamp_next", "spans_night", *prediction, *about_model)


def _cells(target: str, model: Model, line: FileLine, min_confidence: float | None) -> list[Any]:
    label = model.forecast.label
    next_bar = line.next_bars[target] if line.next_bars else None
    kind = KINDS[label.kind]
    prediction: list[Any] = [""] * len(kind.columns(label))
    if line.predictions is not None:
        fields = kind.fields(label, line.predictions[target], min_confidence)
        prediction = kind.cells(label, fields)
    is_known = next_bar is not None and next_bar.closes_at is not None
    return [
        next_bar.closes_at.isoformat() if next_bar and next_bar.closes_at else "",
        str(next_bar.spans_night).lower() if next_bar and is_known else "",
        *prediction,
        model.version,
        str(model.proven).lower(),
        escape_formula(model.unproven_reason or ""),
        escape_formula(model.source),
    ]


def escape_formula(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text


def build_json(models: Models, file: CsvFile, min_confidence: float | None) -> dict[str, object]:
    """Build the answer as JSON, with a row for each row of the file."""
    lines = file.lines
    scored, bad = (
        sum(line.predictions is not None for line in lines),
        sum(line.bad for line in lines),
    )
    return predictions.build_marks(models, file.notices) | {
        "models": predictions.describe_models(models),
        "data_source": "caller",
        "rows": [_encode_row(models, line, min_confidence) for line in lines],
        "scored": scored,
        "warming_up": len(lines) - scored - bad,
        "bad": bad,
    }


def _encode_row(models: Models, line: FileLine, min_confidence: float | None) -> orjson.Fragment:
    """Encode one row now: all rows at once would keep the interpreter from the event loop."""
    main = line.next_bars[models.main.target] if line.next_bars else None
    prediction = None
    if line.predictions is not None and line.next_bars is not None:
        prediction = predictions.describe_prediction(
            models, line.predictions, line.next_bars, min_confidence
        )
    row = {
        "line": line.line,
        "symbol": line.symbol or None,
        "ts": instant(line.ts) if line.ts is not None else None,
        "timestamp_next": main and main.closes_at,
        "spans_night": main and main.spans_night,
        "prediction": prediction,
        "reason": line.reason,
    }
    return orjson.Fragment(orjson.dumps(row, option=OPTIONS))
