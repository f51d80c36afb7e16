"""What is kept of a comparison besides its figures: files by name, each as its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from pipelines.modeling import pictures
from pipelines.modeling.compare import Comparison, Part, Result
from pipelines.modeling.forms import Form
from pipelines.modeling.importance import importances
from pipelines.modeling.metrics import Metrics
from pipelines.modeling.scorer import OnnxScorer

MODEL = "model.onnx"


def of_candidate(found: Comparison, one: Result, form: Form) -> dict[str, bytes]:
    """Its pictures on selection rows, and its ONNX form; nothing of one that failed."""
    made = {MODEL: form.body} if form.body else {}
    if one.metrics is None or one.probabilities is None:
        return made
    of = f"{one.name} on {one.metrics.rows:,} selection rows"
    made["selection_confusion.json"] = _json(one.metrics.confusion.tolist())
    return made | pictures.judged(of, one.metrics, found.selection.classes, one.probabilities)


def of_comparison(found: Comparison, form: Form) -> dict[str, bytes]:
    """The winner on judging rows and what it leans on; the ranking, and the rows behind it all.

    `form` is the winner's.
    """
    metrics, name = found.judging_metrics, found.ranking[0].name
    of = f"{name} on {metrics.rows:,} judging rows"
    judged = pictures.judged(of, metrics, found.judging.classes, found.probabilities)
    leans = importances(
        _predicting(found, form),
        found.selection.rows.features,
        found.selection.classes,
        found.names,
        len(found.label.classes),
    )
    return {
        **{f"judging/{file}": body for file, body in judged.items()},
        "importance.png": pictures.importance(f"{name} on selection rows", leans),
        "importance.json": _json(asdict(leans)),
        "ranking.json": _json([_ranked(place, one) for place, one in enumerate(found.ranking, 1)]),
        "data.json": _json(told_of_data(found)),
        **{
            f"{part}_confusion.json": _json(of_part.confusion.tolist())
            for part, of_part in measured(found).items()
        },
    }


def measured(found: Comparison) -> dict[str, Metrics]:
    """The winner's figures on each part of time."""
    return {
        "training": found.training_metrics,
        "selection": found.selection_metrics,
        "judging": found.judging_metrics,
    }


def told_of_data(found: Comparison) -> dict[str, Any]:
    """What was learned from which rows, and which were left out."""
    parts = {"training": found.training, "selection": found.selection, "judging": found.judging}
    classes = found.label.classes
    return {
        "thresholds": list(found.thresholds),
        "label_shares": dict(zip(classes, found.shares, strict=True)),
        "features": list(found.names),
        "symbols": len(found.symbols),
        "dropped": found.dropped,
        "parts": {name: _part(part, classes) for name, part in parts.items()},
    }


def _part(part: Part, classes: tuple[str, ...]) -> dict[str, Any]:
    counts = np.bincount(part.classes, minlength=len(classes)).tolist()
    return {
        "rows": len(part),
        "sessions": len(np.unique(part.rows.session)),
        "first_close": _minute(part.rows.closes_at.min()),
        "last_close": _minute(part.rows.closes_at.max()),
        "rows_of_class": dict(zip(classes, counts, strict=True)),
    }


def _minute(at: np.datetime64) -> str:
    return f"{np.datetime_as_string(at, unit='m')}Z"


def _predicting(found: Comparison, form: Form) -> Callable[[np.ndarray], np.ndarray]:
    """What gives rows the winner's class; ONNX Runtime is two to three times as fast."""
    if form.body:
        scorer = OnnxScorer(form.body)
        return lambda rows: scorer.score(rows)[1]
    return lambda rows: found.winner.score(rows)[1]


def _ranked(place: int, one: Result) -> dict[str, Any]:
    return {
        "rank": place,
        "candidate": one.name,
        "macro_f1": one.macro_f1,
        "accuracy": one.accuracy,
        "selection_macro_f1": one.metrics.macro_f1 if one.metrics else None,
        "folds": [{"macro_f1": fold.macro_f1, "accuracy": fold.accuracy} for fold in one.folds],
        "seconds": one.seconds,
        "failure": one.failure,
        "parameters": one.parameters,
    }


def _json(told: Any) -> bytes:
    return json.dumps(told, indent=1, default=str).encode()
