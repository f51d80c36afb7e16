"""What is known about a trained model when its gates judge it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.dataset import Rows


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows that one of the judged models was fitted on."""

    rows: Rows
    truth: np.ndarray


@dataclass(frozen=True, eq=False)
class IndexEvidence:
    """What was published of an index, and what the index did: a row a bar."""

    universe: str
    wss: np.ndarray  # of the published scores
    expected_wss: np.ndarray
    next_return: np.ndarray  # of the index, from this close to the next
    session: np.ndarray


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that gates need to know about a challenger. Equal only to itself.

    The newest judging rows are the challenger's own. Those before them are of models that were
    chosen in the same way from older rows: together they judge the way in which models are chosen.
    """

    judging: Rows  # each seen by no fit, no selection and no calibration of its model
    truth: np.ndarray  # what each judging row became: its place in the label's classes, or a value
    # The model's outputs for each judging row: a column a class, in that order, with its
    # probability; or the value and the two ends of its interval.
    outputs: np.ndarray
    scores: tuple[float, ...]  # what each class is worth; empty where a value is forecast
    training: Rows  # training rows, or a fair sample of them
    training_truth: np.ndarray
    feature_names: tuple[str, ...]  # of every column of features but the last, the symbol's code
    training_fit: float  # macro F1, or R squared, on training rows
    selection_fit: float  # the same on selection rows
    onnx: bytes
    parity: float  # largest difference between the outputs of the original and of its ONNX form
    training_seconds: float
    latency_seconds: float  # of one request
    flags: tuple[str, ...] = ()  # features that may be the same on all rows
    objection: str = ""  # of the target's rule of selection to the challenger
    model_features: tuple[str, ...] = ()  # those that the challenger reads; empty: all of them
    predictions: np.ndarray | None = None  # the published class; None: the most probable class
    recent: np.ndarray | None = None  # features since judging began, of incomplete rows too
    # The champion's outputs for the challenger's own judging rows, NaN elsewhere and in rows of
    # symbols that it does not know; and the class that it publishes for them.
    champion: np.ndarray | None = None
    champion_predictions: np.ndarray | None = None
    earlier: tuple[TrainingRows, ...] = ()  # of the models before the challenger, oldest first
    # Which model predicted each judging row: its place in `earlier`, or their number for the
    # challenger. None: it predicted them all.
    model_of_row: np.ndarray | None = None
    indexes: tuple[IndexEvidence, ...] = ()  # what is combined of the judging rows' scores
    seed: int = 0

    @property
    def model_columns(self) -> list[tuple[int, str]]:
        """The columns of the features that the challenger reads, with their names."""
        return [
            (column, name)
            for column, name in enumerate(self.feature_names)
            if not self.model_features or name in self.model_features
        ]

    @property
    def trainings(self) -> tuple[TrainingRows, ...]:
        """The rows that each of the judged models was fitted on, the challenger's last."""
        return (*self.earlier, TrainingRows(self.training, self.training_truth))

    def rows_of_models(self) -> list[tuple[TrainingRows, np.ndarray]]:
        """The training rows of each judged model, and which judging rows it predicted."""
        if self.model_of_row is None:
            return [(self.trainings[-1], np.ones(len(self.judging), dtype=bool))]
        return [
            (training, self.model_of_row == place) for place, training in enumerate(self.trainings)
        ]

    def take(self, which: np.ndarray) -> Evidence:
        """The same evidence on some of the judging rows."""

        def rows(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[which]

        return replace(
            self,
            judging=self.judging.take(which),
            truth=self.truth[which],
            outputs=self.outputs[which],
            predictions=rows(self.predictions),
            champion=rows(self.champion),
            champion_predictions=rows(self.champion_predictions),
            model_of_row=rows(self.model_of_row),
        )

    @cached_property
    def own(self) -> Evidence:
        """The same evidence on the rows that the challenger itself predicted."""
        if not self.earlier:
            return self
        return replace(self.take(self.rows_of_models()[-1][1]), earlier=(), model_of_row=None)

    def for_champion(self) -> Evidence:
        """The same evidence on only the own rows whose symbol the champion knows."""
        evidence = self.own
        if evidence.champion is None:
            return evidence
        return evidence.take(np.asarray(~np.isnan(evidence.champion).all(axis=1)))

    @property
    def no_champion(self) -> str:
        """Why there is no champion to compare with; empty where there is one."""
        if self.champion is None:
            return "there is no champion yet"
        return "" if len(self.for_champion().judging) else "the champion knows none of the symbols"

    @property
    def published_classes(self) -> np.ndarray:
        """The class that the challenger publishes for each judging row."""
        if self.predictions is None:
            likeliest: np.ndarray
            likeliest = check_probabilities(self.outputs, self, "the model").argmax(axis=1)
            return likeliest
        if self.predictions.shape != self.truth.shape:
            raise InvalidRequest(
                f"{len(self.predictions)} predictions for {len(self.truth)} judging rows",
                "predict each judging row once",
            )
        return self.predictions

    @property
    def published_predictions(self) -> np.ndarray:
        """What the challenger publishes for each judging row: the place of a class, or a value."""
        if self.scores or self.predictions is None:
            return self.published_classes
        return self.predictions

    @property
    def published_score(self) -> np.ndarray:
        """The score of the class that the challenger publishes for each judging row."""
        return self._scores_of(self.published_classes)

    @property
    def champion_score(self) -> np.ndarray:
        """The score of the class that the champion publishes for each judging row."""
        if self.champion_predictions is None:
            raise InvalidRequest(
                "the champion's actions are not known", "give the evidence its predictions"
            )
        return self._scores_of(self.champion_predictions)

    def _scores_of(self, classes: np.ndarray) -> np.ndarray:
        places = check_classes(classes, self.judging, len(self.scores))
        scores: np.ndarray = np.asarray(self.scores, np.float64)[places]
        return scores


def check_probabilities(probabilities: np.ndarray, evidence: Evidence, owner: str) -> np.ndarray:
    """Return probabilities that can be judged: a row a judging row, finite, adding up to 1."""
    rows, classes = len(evidence.judging), len(evidence.scores)
    if rows == 0:
        raise InvalidRequest("there are no judging rows", "train on a longer span")
    if probabilities.shape != (rows, classes):
        raise InvalidRequest(
            f"{owner} gave probabilities of shape {probabilities.shape}, not {(rows, classes)}",
            "score the judging rows, with the label's classes in their order",
        )
    sound = np.isfinite(probabilities).all() and bool((probabilities >= -1e-6).all())
    if not sound or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3:
        raise InvalidRequest(
            f"{owner} gave numbers that are no probabilities",
            "each row is finite, not negative, and adds up to 1",
        )
    return probabilities.astype(np.float64)


def check_classes(classes: np.ndarray, rows: Rows, count: int) -> np.ndarray:
    """Return classes that can be counted: one class a row, each between 0 and `count` - 1."""
    if len(classes) != len(rows):
        raise InvalidRequest(f"{len(classes)} classes for {len(rows)} rows", "give one a row")
    if len(classes) and not (classes.min() >= 0 and classes.max() < count):
        raise InvalidRequest(
            f"classes reach from {classes.min()} to {classes.max()}",
            "leave out the rows whose outcome is not known",
        )
    return classes.astype(np.int64)


def check_values(outputs: np.ndarray, evidence: Evidence, owner: str) -> np.ndarray:
    """Return values that can be judged: a row a judging row, finite, inside their interval."""
    rows = len(evidence.judging)
    if rows == 0:
        raise InvalidRequest("there are no judging rows", "train on a longer span")
    if outputs.shape != (rows, 3):
        raise InvalidRequest(
            f"{owner} gave values of shape {outputs.shape}, not {(rows, 3)}",
            "score the judging rows: the value, and the lower and the upper end",
        )
    value, low, high = outputs.T
    if not (np.isfinite(outputs).all() and (low <= value).all() and (value <= high).all()):
        raise InvalidRequest(
            f"{owner} gave values that are no numbers, or lie outside their interval",
            "look at the first such row of the judging rows",
        )
    return outputs.astype(np.float64)


def check_truth(truth: np.ndarray, count: int, part: str) -> np.ndarray:
    """Return the values that rows became, where these are known for all of the part's rows."""
    if truth.shape != (count,) or count == 0:
        raise InvalidRequest(f"{truth.shape} values for {count} {part} rows", "give one a row")
    if not np.isfinite(truth).all():
        raise InvalidRequest(
            f"{int((~np.isfinite(truth)).sum())} {part} rows have no outcome",
            "leave out the rows whose outcome is not known",
        )
    return truth.astype(np.float64)
