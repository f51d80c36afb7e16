"""How a target is monitored by its kind: a target of classes, or one of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.errors import InvalidRequest, unknown
from pipelines.gates.skill import macro_f1
from pipelines.labels import Label
from pipelines.modeling.answers import VALUES
from pipelines.modeling.metrics import confusion, rank_ic
from pipelines.modeling.spread import COVERAGE
from pipelines.modeling.value_metrics import is_inside, measure
from pipelines.monitoring.live_rows import LiveRows
from pipelines.monitoring.performance import (
    CalibrationGroup,
    class_calibration,
    interval_coverage,
)

if TYPE_CHECKING:
    import pandas as pd

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]  # outputs, predictions, truth: see LiveRows


class KindMonitor(Protocol):
    """How one kind of target is monitored."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its figures."""
        ...

    def read_arrays(self, label: Label, table: pa.Table) -> Arrays:
        """Read rows of gold.predictions joined with `actual` and `outcome` of gold.outcomes."""
        ...

    def is_comparable(self, predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Whether each row has a prediction and an outcome that can be compared."""
        ...

    def figures(self, label: Label, live: LiveRows) -> Mapping[str, float]: ...

    def calibration(
        self, label: Label, outputs: np.ndarray, truth: np.ndarray, session: np.ndarray
    ) -> list[CalibrationGroup]:
        """What the outputs promised of the truth, and what came."""
        ...

    def report_inputs(self, label: Label, live: LiveRows) -> tuple[pd.DataFrame, Any, Any]:
        """Predictions beside outcomes, Evidently's definition of the columns, and its preset."""
        ...


class ClassMonitor:
    """Monitors classes by their F1, accuracy, hit rate and rank IC.

    The hit rate is the share of predictions with a side whose outcome lay on that side. A class
    has the sign of its score as its side. Classes that are all on one side, such as risks, have no
    hit rate.
    """

    names = ("macro_f1", "accuracy", "hit_rate", "published_rank_ic", "rank_ic")

    def read_arrays(self, label: Label, table: pa.Table) -> Arrays:
        # A label of another definition had other classes: its rows cannot be compared.
        place = {name: number for number, name in enumerate(label.classes)}
        predictions, truth = (
            np.array([place.get(name, -1) for name in table[column].to_pylist()], np.int64)
            for column in ("action", "actual")
        )
        maps = table["probabilities"]
        outputs = [pc.map_lookup(maps, pa.scalar(name), "first").to_numpy() for name in place]
        return np.column_stack(outputs).astype(np.float64), predictions, truth

    def is_comparable(self, predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return (predictions >= 0) & (truth >= 0)

    def figures(self, label: Label, live: LiveRows) -> Mapping[str, float]:
        scores, outcome = np.asarray(label.scores, float), live.rows.outcome
        counts = confusion(live.truth, live.predictions, len(label.classes))
        return {
            "macro_f1": float(macro_f1(counts)),
            "accuracy": float(np.mean(live.truth == live.predictions)),
            "hit_rate": _hit_rate(np.sign(scores), live.predictions, outcome),
            "published_rank_ic": rank_ic(scores[live.predictions], outcome),
            "rank_ic": rank_ic(live.outputs @ scores, outcome),
        }

    def calibration(
        self, label: Label, outputs: np.ndarray, truth: np.ndarray, session: np.ndarray
    ) -> list[CalibrationGroup]:
        return [
            group
            for place, name in enumerate(label.classes)
            for group in class_calibration(name, truth == place, outputs[:, place], session)
        ]

    def report_inputs(self, label: Label, live: LiveRows) -> tuple[pd.DataFrame, Any, Any]:
        if len(np.unique(live.truth)) < 2:
            outcomes = f"only {label.classes[int(live.truth[0])]}" if len(live) else "nothing"
            raise InvalidRequest(
                f"{outcomes} happened in {len(live)} live rows: there are no classes to tell apart",
                "wait for more sessions",
            )
        import pandas as pd
        from evidently import BinaryClassification, DataDefinition, MulticlassClassification
        from evidently.presets import ClassificationPreset

        names = np.asarray(label.classes)
        frame = pd.DataFrame({"actual": names[live.truth], "action": names[live.predictions]})
        columns = {"target": "actual", "prediction_labels": "action"}
        classes = np.unique(np.concatenate([live.truth, live.predictions]))
        # Evidently counts two classes as yes and no, and asks which of them is yes.
        task = (
            BinaryClassification(**columns, pos_label=label.classes[classes[-1]])
            if len(classes) == 2
            else MulticlassClassification(**columns)
        )
        definition = DataDefinition(classification=[task], categorical_columns=["actual", "action"])
        return frame, definition, ClassificationPreset()


class ValueMonitor:
    """Monitors values; R squared is against the mean of the live rows, which no model knew."""

    names = ("rmse", "mae", "r2", "hit_rate", "coverage", "rank_ic")

    def read_arrays(self, label: Label, table: pa.Table) -> Arrays:
        outputs = np.column_stack([table[name].to_numpy() for name in VALUES]).astype(np.float64)
        return outputs, outputs[:, 0], table["outcome"].to_numpy().astype(np.float64)

    def is_comparable(self, predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
        comparable: np.ndarray = np.isfinite(predictions) & np.isfinite(truth)
        return comparable

    def figures(self, label: Label, live: LiveRows) -> Mapping[str, float]:
        return measure(live.truth, live.predictions, live.outputs).figures

    def calibration(
        self, label: Label, outputs: np.ndarray, truth: np.ndarray, session: np.ndarray
    ) -> list[CalibrationGroup]:
        return interval_coverage(is_inside(truth, outputs), session, COVERAGE)

    def report_inputs(self, label: Label, live: LiveRows) -> tuple[pd.DataFrame, Any, Any]:
        if not len(live) or np.ptp(live.truth) == 0:
            raise InvalidRequest(
                f"the outcome is the same in {len(live)} live rows: there is nothing to tell apart",
                "wait for more sessions",
            )
        import pandas as pd
        from evidently import DataDefinition, Regression
        from evidently.presets import RegressionPreset

        frame = pd.DataFrame({"outcome": live.truth, "value": live.predictions})
        task = Regression(target="outcome", prediction="value")
        definition = DataDefinition(regression=[task], numerical_columns=["outcome", "value"])
        return frame, definition, RegressionPreset()


def _hit_rate(sides: np.ndarray, predictions: np.ndarray, outcome: np.ndarray) -> float:
    predicted_side = sides[predictions]
    has_side = (predicted_side != 0) & np.isfinite(outcome) & (outcome != 0)
    if sides.min() >= 0 or sides.max() <= 0 or not has_side.any():
        return float("nan")
    return float(np.mean(np.sign(outcome[has_side]) == predicted_side[has_side]))


MONITORS: Mapping[str, KindMonitor] = {"classes": ClassMonitor(), "value": ValueMonitor()}


def monitor_of(kind: str) -> KindMonitor:
    """Look up the monitor of a kind of target."""
    if kind not in MONITORS:
        raise unknown("kind of target", kind, MONITORS)
    return MONITORS[kind]


def measure_live(label: Label, live: LiveRows) -> dict[str, float | int | None]:
    """Measure the published predictions over all rows; None where a figure is not defined."""
    monitor = monitor_of(label.kind)
    figures = monitor.figures(label, live) if len(live) else {}
    known = {name: value for name, value in figures.items() if np.isfinite(value)}
    return {
        "rows": len(live),
        "sessions": live.sessions,
        **{name: known.get(name) for name in monitor.names},
    }
