"""What differs in monitoring between targets that ask for different things."""

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
from pipelines.modeling.value_metrics import measure
from pipelines.monitoring.live import LiveRows

if TYPE_CHECKING:
    import pandas as pd

Read = tuple[np.ndarray, np.ndarray, np.ndarray]  # given, said and truth, as LiveRows has them


class Watched(Protocol):
    """How one kind of target is watched."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its figures."""
        ...

    def read(self, label: Label, found: pa.Table) -> Read:
        """From rows of gold.predictions with their actual and outcome of gold.outcomes."""
        ...

    def counted(self, said: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """The rows of which something was said, and became something, that can be compared."""
        ...

    def figures(self, label: Label, live: LiveRows) -> Mapping[str, float]: ...

    def page(self, label: Label, live: LiveRows) -> tuple[pd.DataFrame, Any, Any]:
        """What was said beside what happened, what its columns are, and Evidently's preset."""
        ...


class WatchedClasses:
    """Hit rate: the share of the actions that took a side whose outcome was on it.

    A class takes the side of its score. Classes that are all on one side, such as risks, have no
    hit rate.
    """

    names = ("macro_f1", "accuracy", "hit_rate", "rank_ic")

    def read(self, label: Label, found: pa.Table) -> Read:
        # A label that was cut otherwise had other classes: its rows cannot be counted with these.
        place = {name: number for number, name in enumerate(label.classes)}
        said, truth = (
            np.array([place.get(name, -1) for name in found[column].to_pylist()], np.int64)
            for column in ("action", "actual")
        )
        maps = found["probabilities"]
        given = [pc.map_lookup(maps, pa.scalar(name), "first").to_numpy() for name in place]
        return np.column_stack(given).astype(np.float64), said, truth

    def counted(self, said: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return (said >= 0) & (truth >= 0)

    def figures(self, label: Label, live: LiveRows) -> Mapping[str, float]:
        scores, outcome = np.asarray(label.scores, float), live.rows.outcome
        counts = confusion(live.truth, live.said, len(label.classes))
        return {
            "macro_f1": float(macro_f1(counts)),
            "accuracy": float(np.mean(live.truth == live.said)),
            "hit_rate": _hits(np.sign(scores), live.said, outcome),
            "rank_ic": rank_ic(live.given @ scores, outcome),
        }

    def page(self, label: Label, live: LiveRows) -> tuple[pd.DataFrame, Any, Any]:
        if len(np.unique(live.truth)) < 2:
            happened = f"only {label.classes[int(live.truth[0])]}" if len(live) else "nothing"
            raise InvalidRequest(
                f"{happened} happened in {len(live)} live rows: there are no classes to tell apart",
                "wait for more sessions",
            )
        import pandas as pd
        from evidently import DataDefinition, MulticlassClassification
        from evidently.presets import ClassificationPreset

        names = np.asarray(label.classes)
        frame = pd.DataFrame({"actual": names[live.truth], "action": names[live.said]})
        task = MulticlassClassification(target="actual", prediction_labels="action")
        definition = DataDefinition(classification=[task], categorical_columns=["actual", "action"])
        return frame, definition, ClassificationPreset()


class WatchedValues:
    """R squared is told against the mean of the live rows themselves, which no model knew."""

    names = ("rmse", "mae", "r2", "hit_rate", "coverage", "rank_ic")

    def read(self, label: Label, found: pa.Table) -> Read:
        given = np.column_stack([found[name].to_numpy() for name in VALUES]).astype(np.float64)
        return given, given[:, 0], found["outcome"].to_numpy().astype(np.float64)

    def counted(self, said: np.ndarray, truth: np.ndarray) -> np.ndarray:
        made: np.ndarray = np.isfinite(said) & np.isfinite(truth)
        return made

    def figures(self, label: Label, live: LiveRows) -> Mapping[str, float]:
        return measure(live.truth, live.said, live.given).figures

    def page(self, label: Label, live: LiveRows) -> tuple[pd.DataFrame, Any, Any]:
        if not len(live) or np.ptp(live.truth) == 0:
            raise InvalidRequest(
                f"the outcome is the same in {len(live)} live rows: there is nothing to tell apart",
                "wait for more sessions",
            )
        import pandas as pd
        from evidently import DataDefinition, Regression
        from evidently.presets import RegressionPreset

        frame = pd.DataFrame({"outcome": live.truth, "value": live.said})
        task = Regression(target="outcome", prediction="value")
        definition = DataDefinition(regression=[task], numerical_columns=["outcome", "value"])
        return frame, definition, RegressionPreset()


def _hits(sides: np.ndarray, said: np.ndarray, outcome: np.ndarray) -> float:
    taken = sides[said]
    counted = (taken != 0) & np.isfinite(outcome) & (outcome != 0)
    if sides.min() >= 0 or sides.max() <= 0 or not counted.any():
        return float("nan")
    return float(np.mean(np.sign(outcome[counted]) == taken[counted]))


WATCHED: Mapping[str, Watched] = {"classes": WatchedClasses(), "value": WatchedValues()}


def watched(kind: str) -> Watched:
    if kind not in WATCHED:
        raise unknown("kind of target", kind, WATCHED)
    return WATCHED[kind]


def figures(label: Label, live: LiveRows) -> dict[str, float | int | None]:
    """How what was published did, over all rows; None where these rows cannot tell."""
    kind = watched(label.kind)
    found = kind.figures(label, live) if len(live) else {}
    known = {name: value for name, value in found.items() if np.isfinite(value)}
    return {
        "rows": len(live),
        "sessions": live.sessions,
        **{name: known.get(name) for name in kind.names},
    }
