"""Build the files that are stored of a comparison: pictures, tables and models, by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from pipelines.labels.base import Label
from pipelines.modeling import class_pictures as pictures
from pipelines.modeling.candidates.base import select_columns
from pipelines.modeling.comparison import Comparison, Part, Result
from pipelines.modeling.forms import Form
from pipelines.modeling.importance import Importances, importances
from pipelines.modeling.kinds import Metrics, kind_of
from pipelines.modeling.scorer import OnnxScorer

MODEL = "model.onnx"


def candidate_files(comparison: Comparison, result: Result, form: Form) -> dict[str, bytes]:
    """A candidate's pictures on selection rows, and its ONNX form; no files where it failed."""
    files = {MODEL: form.body} if form.body else {}
    if result.metrics is None or result.outputs is None:
        return files
    subject = f"{result.name} on {result.metrics.rows:,} selection rows"
    kind = kind_of(comparison.label)
    files |= {
        f"selection_{n}.json": _json(table) for n, table in kind.tables(result.metrics).items()
    }
    return files | kind.pictures(
        subject, result.metrics, comparison.selection.truth, result.outputs
    )


def measure_importances(comparison: Comparison, form: Form | None = None) -> Importances:
    """Measure the importance of the winner's features on selection rows; `form` is the winner's."""
    kind, label = kind_of(comparison.label), comparison.label
    return importances(
        _predictor(comparison, form or Form()),
        select_columns(comparison.selection.rows.features, comparison.winner.fitted.places),
        comparison.selection.truth,
        comparison.winner_features,
        lambda truth, predictions: kind.measure_fit(truth, predictions, label),
        kind.fit_name,
    )


def comparison_files(comparison: Comparison, feature_importances: Importances) -> dict[str, bytes]:
    """Pictures of the winner on judging rows, feature importances, the ranking, and the data."""
    metrics, name = comparison.judging_metrics, comparison.ranking[0].name
    subject = f"{name} on {metrics.rows:,} judging rows"
    kind = kind_of(comparison.label)
    judging_files = kind.pictures(subject, metrics, comparison.judging.truth, comparison.outputs)
    return {
        **{f"judging/{file}": body for file, body in judging_files.items()},
        "importance.png": pictures.importance(f"{name} on selection rows", feature_importances),
        "importance.json": _json(asdict(feature_importances)),
        "ranking.json": _json(
            [_describe_result(place, result) for place, result in enumerate(comparison.ranking, 1)]
        ),
        "data.json": _json(describe_data(comparison)),
        **{
            f"{part}_{name}.json": _json(table)
            for part, part_metrics in metrics_by_part(comparison).items()
            for name, table in kind.tables(part_metrics).items()
        },
    }


def metrics_by_part(comparison: Comparison) -> dict[str, Metrics]:
    """The winner's metrics on each part of time."""
    return {
        "training": comparison.training_metrics,
        "selection": comparison.selection_metrics,
        "judging": comparison.judging_metrics,
    }


def describe_data(comparison: Comparison) -> dict[str, Any]:
    """Thresholds and class shares, the rows of each part of time, and how many were dropped."""
    parts = {
        "training": comparison.training,
        "selection": comparison.selection,
        "judging": comparison.judging,
    }
    return {
        "thresholds": list(comparison.thresholds),
        "label_shares": dict(zip(comparison.label.classes, comparison.shares, strict=True)),
        **kind_of(comparison.label).learned(comparison.winner),
        "features": list(comparison.winner_features),
        "symbols": len(comparison.symbols),
        "dropped": comparison.dropped,
        "stretches": [
            {"candidate": stretch.candidate, **_describe_part(stretch.judging, comparison.label)}
            for stretch in comparison.stretches
        ],
        "parts": {name: _describe_part(part, comparison.label) for name, part in parts.items()},
    }


def _describe_part(part: Part, label: Label) -> dict[str, Any]:
    return {
        "rows": len(part),
        "sessions": len(np.unique(part.rows.session)),
        "first_close": _format_minute(part.rows.closes_at.min()),
        "last_close": _format_minute(part.rows.closes_at.max()),
        **kind_of(label).summarize_truth(part.truth, label),
    }


def _format_minute(at: np.datetime64) -> str:
    return f"{np.datetime_as_string(at, unit='m')}Z"


def _predictor(comparison: Comparison, form: Form) -> Callable[[np.ndarray], np.ndarray]:
    """A function that predicts as the winner does, from the columns that it reads.

    ONNX Runtime is two to three times as fast.
    """
    if form.body:
        scorer = OnnxScorer(form.body)
        return lambda rows: scorer.score(rows)[1]
    places = comparison.winner.fitted.places
    if places is None:
        return lambda rows: comparison.winner.score(rows)[1]
    columns = len(comparison.feature_names) + 1

    def predict(rows: np.ndarray) -> np.ndarray:
        all_columns = np.zeros((len(rows), columns), np.float32)
        all_columns[:, list(places)] = rows
        return comparison.winner.score(all_columns)[1]

    return predict


def _describe_result(place: int, result: Result) -> dict[str, Any]:
    return {
        "rank": place,
        "candidate": result.name,
        "figures": result.figures,
        "selection": result.metrics.figures if result.metrics else None,
        "folds": [fold.figures for fold in result.folds],
        "aucs": asdict(result.aucs) if result.aucs else None,
        "features": len(result.features),
        "objection": result.objection,
        "seconds": result.seconds,
        "failure": result.failure,
        "parameters": result.parameters,
    }


def _json(content: Any) -> bytes:
    return json.dumps(content, indent=1, default=str).encode()
