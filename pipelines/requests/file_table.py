"""The predictions of a file as a table: a row for each of its rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from pipelines.core.instants import from_numpy
from pipelines.requests.csv_file import FileLine
from pipelines.requests.kinds import KINDS
from pipelines.requests.model import Model, Models

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
        open_time = from_numpy(line.ts).isoformat() if line.ts is not None else ""
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
