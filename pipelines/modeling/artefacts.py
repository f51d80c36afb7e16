"""What is kept of a comparison besides its figures: files by name, each as its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from pipelines.labels.base import Label
from pipelines.modeling import class_pictures as pictures
from pipelines.modeling.compare import Comparison, Part, Result
from pipelines.modeling.forms import Form
from pipelines.modeling.importance import importances
from pipelines.modeling.kinds import Metrics, kind_of
from pipelines.modeling.scorer import OnnxScorer

MODEL = "model.onnx"


def of_candidate(found: Comparison, one: Result, form: Form) -> dict[str, bytes]:
    """Its pictures on selection rows, and its ONNX form; nothing of one that failed."""
    made = {MODEL: form.body} if form.body else {}
    if one.metrics is None or one.given is None:
        return made
    of = f"{one.name} on {one.metrics.rows:,} selection rows"
    kind = kind_of(found.label)
    made |= {f"selection_{n}.json": _json(told) for n, told in kind.tables(one.metrics).items()}
    return made | kind.pictures(of, one.metrics, found.selection.truth, one.given)


def of_comparison(found: Comparison, form: Form) -> dict[str, bytes]:
    """The winner on judging rows and what it leans on; the ranking, and the rows behind it all.

    `form` is the winner's.
    """
    metrics, name = found.judging_metrics, found.ranking[0].name
    of = f"{name} on {metrics.rows:,} judging rows"
    kind, label = kind_of(found.label), found.label
    judged = kind.pictures(of, metrics, found.judging.truth, found.given)
    leans = importances(
        _predicting(found, form),
        found.selection.rows.features,
        found.selection.truth,
        found.names,
        lambda truth, said: kind.fit_of(truth, said, label),
        kind.fit_name,
    )
    return {
        **{f"judging/{file}": body for file, body in judged.items()},
        "importance.png": pictures.importance(f"{name} on selection rows", leans),
        "importance.json": _json(asdict(leans)),
        "ranking.json": _json([_ranked(place, one) for place, one in enumerate(found.ranking, 1)]),
        "data.json": _json(told_of_data(found)),
        **{
            f"{part}_{name}.json": _json(told)
            for part, of_part in measured(found).items()
            for name, told in kind.tables(of_part).items()
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
    return {
        "thresholds": list(found.thresholds),
        "label_shares": dict(zip(found.label.classes, found.shares, strict=True)),
        "features": list(found.names),
        "symbols": len(found.symbols),
        "dropped": found.dropped,
        "parts": {name: _part(part, found.label) for name, part in parts.items()},
    }


def _part(part: Part, label: Label) -> dict[str, Any]:
    return {
        "rows": len(part),
        "sessions": len(np.unique(part.rows.session)),
        "first_close": _minute(part.rows.closes_at.min()),
        "last_close": _minute(part.rows.closes_at.max()),
        **kind_of(label).spread_of(part.truth, label),
    }


def _minute(at: np.datetime64) -> str:
    return f"{np.datetime_as_string(at, unit='m')}Z"


def _predicting(found: Comparison, form: Form) -> Callable[[np.ndarray], np.ndarray]:
    """What says of rows what the winner does; ONNX Runtime is two to three times as fast."""
    if form.body:
        scorer = OnnxScorer(form.body)
        return lambda rows: scorer.score(rows)[1]
    return lambda rows: found.winner.score(rows)[1]


def _ranked(place: int, one: Result) -> dict[str, Any]:
    return {
        "rank": place,
        "candidate": one.name,
        "figures": one.figures,
        "selection": one.metrics.figures if one.metrics else None,
        "folds": [fold.figures for fold in one.folds],
        "seconds": one.seconds,
        "failure": one.failure,
        "parameters": one.parameters,
    }


def _json(told: Any) -> bytes:
    return json.dumps(told, indent=1, default=str).encode()
