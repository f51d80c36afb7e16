"""Train the model that ships: python -m pipelines.sentiment.train_headlines SEntFiN.csv [FOLDER]

Kinds of the same linear model are compared by cross-validation on the training part, the
best is fitted on all of it, its temperature is that of the predictions across the folds, and only
then is it judged on the held-out fifth, beside TextBlob and the dictionary (whose thresholds are
chosen on the training part) and the most frequent label. The same file gives the same model to
the bit. scikit-learn is needed here alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.errors import writing_to
from pipelines.sentiment.base import LABELS
from pipelines.sentiment.headlines import DESCRIPTION, FOLDER, MODEL, HeadlineModel
from pipelines.sentiment.linear_graph import LinearModel
from pipelines.sentiment.ngrams import BUCKETS, title_buckets
from pipelines.sentiment.sentfin import Headlines, held_out_rows, parts_of, read_sentfin
from pipelines.sentiment.tones import title_tones

NAME, VERSION = "headlines", "1"
FOLDS = 4
THRESHOLDS = np.arange(0.0, 0.85, 0.05)
TEMPERATURES = np.arange(0.5, 2.0, 0.01)
TRAINING_DATA = {
    "name": "SEntFiN 1.0",
    "url": "https://github.com/pyRis/SEntFiN",
    "licence": "MIT",
    "copyright": "Copyright (c) 2021 Ankur Sinha, Satishwar Kedas, Rishu Kumar, Pekka Malo",
}
EXAMPLES = (
    "Shares surge to a record high after strong quarterly profit",
    "Maker of chips plunges as losses widen",
    "Board to meet on Tuesday",
    "",
)


@dataclass(frozen=True)
class Kind:
    """A kind of linear model: which parts of a title it has, and how they are scaled."""

    name: str
    pieces: bool  # of words, beside words and runs of words
    by_separation: bool  # scaled by how a part separates the labels; else by how rare it is
    c: float  # scikit-learn's inverse strength of L2

    def fit(self, matrix: Any, labels: np.ndarray) -> LinearModel:
        """Fit the model to a sparse matrix, a row a title and a column a bucket."""
        from scipy.sparse import diags
        from sklearn.linear_model import LogisticRegression

        scales = _separation(matrix, labels) if self.by_separation else _rarity(matrix)
        scaled = matrix @ diags(scales)
        lengths = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
        rows = diags(1 / np.maximum(lengths, 1e-6)) @ scaled
        fitted = LogisticRegression(C=self.c, max_iter=1_000).fit(rows, labels)
        return LinearModel(scales, fitted.coef_.T, fitted.intercept_)


KINDS = (
    Kind("words by rarity", pieces=False, by_separation=False, c=10),
    Kind("words and pieces by rarity", pieces=True, by_separation=False, c=10),
    Kind("words and pieces by separation, C=2", pieces=True, by_separation=True, c=2),
    Kind("words and pieces by separation, C=6", pieces=True, by_separation=True, c=6),
    Kind("words and pieces by separation, C=20", pieces=True, by_separation=True, c=20),
)


def train(content: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return the ONNX file and its description."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    headlines = read_sentfin(content)
    held_out = held_out_rows(headlines)
    training, judging = headlines.take(~held_out), headlines.take(held_out)
    with threadpool_limits(1):  # sums over several threads depend on their number
        predictions = {kind: cross_validate(kind, training) for kind in KINDS}
        compared = {kind: _measure(p, training.labels) for kind, p in predictions.items()}
        best = max(KINDS, key=lambda kind: compared[kind]["macro_f1"])
        model = best.fit(bucket_matrix(training.titles, best.pieces), training.labels)
    temperature = best_temperature(predictions[best], training.labels)
    model = replace(model, temperature=temperature)
    onnx = model.to_onnx(
        {
            "name": NAME,
            "version": VERSION,
            "labels": json.dumps(LABELS),
            "training_data": json.dumps(TRAINING_DATA),
        }
    )
    scorer = HeadlineModel(onnx, NAME, VERSION)
    probabilities = scorer.score(judging.titles)
    description = {
        "name": NAME,
        "version": VERSION,
        "sha256": scorer.sha256,
        "labels": list(LABELS),
        "kind": best.name,
        "training_data": TRAINING_DATA | {"sha256": sha256(content).hexdigest()},
        "headlines": {"training": len(training), "held_out": len(judging)},
        "temperature": temperature,
        "cross_validation": {kind.name: figures for kind, figures in compared.items()},
        "held_out": {
            NAME: _measure(probabilities, judging.labels)
            | {"calibration_error": _round(calibration_error(probabilities, judging.labels))},
            "textblob": _judge_tone("polarity", training, judging),
            "dictionary": _judge_tone("financial_tone", training, judging),
            "most_frequent": _judge_most_frequent(training, judging),
        },
        "examples": {
            title: [round(float(value), 4) for value in row]
            for title, row in zip(EXAMPLES, scorer.score(EXAMPLES), strict=True)
        },
    }
    return onnx, description


def bucket_matrix(titles: Sequence[str], pieces: bool) -> Any:
    """Return a sparse matrix of which buckets each title has."""
    from scipy.sparse import csr_matrix

    rows = [title_buckets(title, pieces=pieces) for title in titles]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    places = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
    return csr_matrix((np.ones(len(places)), places, ends), shape=(len(rows), BUCKETS))


def cross_validate(kind: Kind, training: Headlines) -> np.ndarray:
    """Return the probabilities of each headline by a model that was fitted without its fold."""
    matrix, folds = bucket_matrix(training.titles, kind.pieces), parts_of(training, FOLDS, "fold")
    probabilities = np.empty((len(training), len(LABELS)))
    for fold in range(FOLDS):
        others, own = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        model = kind.fit(matrix[others], training.labels[others])
        scales = matrix[own].multiply(model.scales[None, :]).tocsr()
        lengths = np.sqrt(np.asarray(scales.multiply(scales).sum(axis=1)).ravel())
        logits = (scales @ model.weights) / np.maximum(lengths, 1e-6)[:, None] + model.biases
        probabilities[own] = _softmax(logits)
    return probabilities


def best_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature at which the probabilities have the least log loss."""
    logits = np.log(np.maximum(probabilities, 1e-12))
    losses = [
        -np.log(_softmax(logits / t)[np.arange(len(labels)), labels]).mean() for t in TEMPERATURES
    ]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 2)


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 10) -> float:
    """Return the mean distance of confidence and accuracy, over ten bins of confidence."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(places, correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _rarity(matrix: Any) -> np.ndarray:
    counts = np.asarray(matrix.sum(axis=0)).ravel()
    return np.asarray(np.log((1 + matrix.shape[0]) / (1 + counts)) + 1)


def _separation(matrix: Any, labels: np.ndarray) -> np.ndarray:
    """Return how far the log ratio of a part's shares in a label and outside is from zero."""
    squares = np.zeros(matrix.shape[1])
    for label in range(len(LABELS)):
        shares = []
        for rows in (labels == label, labels != label):
            counts = 1 + np.asarray(matrix[np.flatnonzero(rows)].sum(axis=0)).ravel()
            shares.append(counts / counts.sum())
        squares += np.log(shares[0] / shares[1]) ** 2
    return np.sqrt(squares)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _judge_tone(name: str, training: Headlines, judging: Headlines) -> dict[str, float]:
    """Measure a tone as a classifier; its two thresholds have the best macro F1 in training."""
    tone = title_tones(training.titles)[name]
    pairs = [(low, high) for low in THRESHOLDS for high in THRESHOLDS]
    scores = [_measure(_by_tone(tone, *pair), training.labels)["macro_f1"] for pair in pairs]
    low, high = pairs[int(np.argmax(scores))]
    figures = _measure(_by_tone(title_tones(judging.titles)[name], low, high), judging.labels)
    return figures | {"negative_below": _round(0.0 - low), "positive_above": _round(high)}


def _by_tone(tone: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.eye(len(LABELS))[np.where(tone > high, 0, np.where(tone < -low, 1, 2))]


def _judge_most_frequent(training: Headlines, judging: Headlines) -> dict[str, float]:
    label = int(np.bincount(training.labels).argmax())
    return _measure(np.eye(len(LABELS))[np.full(len(judging), label)], judging.labels)


def _measure(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import f1_score

    predicted = probabilities.argmax(axis=1)
    every = np.arange(len(LABELS))
    f1 = f1_score(labels, predicted, average="macro", labels=every, zero_division=0)
    return {"accuracy": _round((predicted == labels).mean()), "macro_f1": _round(f1)}


def _round(value: float) -> float:
    return round(float(value), 4)


def main(arguments: Sequence[str]) -> None:
    """Train on the named file; write the model and its description, and print the latter."""
    if len(arguments) not in (1, 2):
        raise SystemExit("usage: python -m pipelines.sentiment.train_headlines CSV [FOLDER]")
    folder = Path(arguments[1]) if len(arguments) == 2 else FOLDER
    onnx, description = train(Path(arguments[0]).read_bytes())
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL).write_bytes(onnx)
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
