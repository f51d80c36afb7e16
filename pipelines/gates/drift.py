"""Drift between training and recent rows, by Evidently; and inputs that are broken.

Verdicts rest on distances, not on significance: with enough rows any market differs
significantly from itself a year ago. A feature's distance is Wasserstein's, in standard
deviations of its training rows; the labels' is Jensen and Shannon's, where values are cut into
fifths of the training rows. Samples have a fixed size, as small ones look further apart than they
are.

On five US symbols' hourly bars of 1998 to 2021 each year was compared with the year before: in 20
of 23 pairs at most 0.10 of the features moved by more than half a deviation, in 2018 0.24, and
in the two crises, 2008 and 2020, 0.71 and 0.67. So 0.3 is worth a warning, and 0.8 is another
kind of data.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates.base import GateVerdict
from pipelines.gates.evidence import Evidence, check_classes, check_truth

LABEL = "label"  # the column of the classes in a report
CUTS = (0.2, 0.4, 0.6, 0.8)  # quantiles of training rows that make classes of values


@dataclass(frozen=True)
class Distances:
    """How far recent rows lie from training rows."""

    features: dict[str, float]  # in standard deviations of the training rows
    labels: float  # 0: the same shares, 0.83: no class in common
    report: bytes  # HTML


@dataclass(frozen=True)
class Measure:
    """What counts as drifted, and how many rows are looked at."""

    feature_distance: float = 0.5
    label_distance: float = 0.1
    rows: int = 4000  # of each side, at the most

    def drifted_features(self, distances: Distances) -> list[str]:
        """The features that moved, furthest first."""
        moved = [name for name, by in distances.features.items() if by > self.feature_distance]
        return sorted(moved, key=lambda name: -distances.features[name])


# Two gates need the same rows, and a report takes seconds.
_cache: WeakKeyDictionary[Evidence, dict[Measure, Distances]] = WeakKeyDictionary()


def measure_distances(evidence: Evidence, measure: Measure) -> Distances:
    """Measure the drift from training rows to the own judging rows, once for each evidence."""
    evidence = evidence.own
    of_evidence = _cache.setdefault(evidence, {})
    if measure not in of_evidence:
        of_evidence[measure] = _measure_distances(evidence, measure)
    return of_evidence[measure]


def _measure_distances(evidence: Evidence, measure: Measure) -> Distances:
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    random = np.random.default_rng(evidence.seed)
    training, recent = split_features(evidence)
    older = _sample(len(training), measure.rows, random)
    newer = _sample(len(recent), measure.rows, random)
    columns = np.array([column for column, _ in evidence.model_columns])
    training, recent = (
        values[np.ix_(rows, columns)].astype(np.float64)
        for values, rows in ((training, older), (recent, newer))
    )
    # Evidently norms by the deviation, but by no less than 0.001, and small returns have less.
    middle, spread = np.nanmean(training, axis=0), np.nanstd(training, axis=0)
    # A flag that was the same on all training rows has no distance; InputsSound sees it change.
    measured = [
        place
        for place, (_, name) in enumerate(evidence.model_columns)
        if name not in evidence.flags or spread[place] > 0
    ]
    names = [evidence.feature_names[columns[place]] for place in measured]
    training, recent, middle, spread = (
        values[..., measured] for values in (training, recent, middle, spread)
    )
    if not (np.isfinite(spread) & (spread > 0)).all():
        constant = [
            name for name, deviation in zip(names, spread, strict=True) if not deviation > 0
        ]
        raise InvalidRequest(
            f"no distance for features that are constant or missing in training rows: {constant}",
            "leave them out of the forecast, or train on rows that have them",
        )
    definition = DataDefinition(numerical_columns=names, categorical_columns=[LABEL])

    def dataset(values: np.ndarray, classes: np.ndarray) -> Dataset:
        frame = pd.DataFrame((values - middle) / spread, columns=names)
        frame[LABEL] = classes.astype(str)
        return Dataset.from_pandas(frame, data_definition=definition)

    recent_labels, training_labels = label_classes(evidence)
    report = Report(
        [
            *(
                ValueDrift(column=n, method="wasserstein", threshold=measure.feature_distance)
                for n in names
            ),
            ValueDrift(column=LABEL, method="jensenshannon", threshold=measure.label_distance),
        ]
    )
    result = report.run(
        dataset(recent, recent_labels[newer]),
        dataset(training, training_labels[older]),
    )
    values = {m["config"]["column"]: float(m["value"]) for m in result.dict()["metrics"]}
    missing = [name for name in (*names, LABEL) if not np.isfinite(values.get(name, np.nan))]
    if missing:
        raise InvalidRequest(f"Evidently gave no distance for {missing}", "look at these columns")
    labels = values.pop(LABEL)
    return Distances(values, labels, result.get_html_str(as_iframe=False).encode())


def label_classes(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """The classes of recent and of training rows; a value's is its fifth of the training rows."""
    count, truth, training_truth = len(evidence.scores), evidence.truth, evidence.training_truth
    if count:
        recent = check_classes(truth, evidence.judging, count)
        return recent, check_classes(training_truth, evidence.training, count)
    recent = check_truth(truth, len(evidence.judging), "judging")
    training_values = check_truth(training_truth, len(evidence.training), "training")
    cuts = np.quantile(training_values, CUTS)
    return np.searchsorted(cuts, recent), np.searchsorted(cuts, training_values)


def split_features(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Training and recent features, without the symbol's code: a new mix of symbols is no drift."""
    parts = evidence.training.features, evidence.judging.features
    for rows in parts:
        if rows.ndim != 2 or rows.shape[1] != len(evidence.feature_names) + 1:
            raise InvalidRequest(
                f"{len(evidence.feature_names)} feature names for rows of shape {rows.shape}",
                "name every column but the last, which is the symbol's code",
            )
        if len(rows) < 2:
            raise InvalidRequest(f"{len(rows)} rows are too few to compare", "give more rows")
    training, recent = (rows[:, :-1] for rows in parts)
    return training, recent


def _sample(rows: int, most: int, random: np.random.Generator) -> np.ndarray:
    return np.sort(random.permutation(rows)[:most])


@dataclass(frozen=True)
class Drift:
    """Warn when many features have moved since training, or the labels' shares have changed."""

    limit: float = 0.3  # share of the features
    measure: Measure = Measure()
    blocking: bool = False
    name: str = "drift"

    def judge(self, evidence: Evidence) -> GateVerdict:
        distances = measure_distances(evidence, self.measure)
        moved = self.measure.drifted_features(distances)
        value = len(moved) / len(distances.features)
        passed = value <= self.limit and distances.labels <= self.measure.label_distance
        names = ", ".join(f"{name} by {distances.features[name]:.2f}" for name in moved[:5])
        examples = f" ({names})" if names else ""
        reason = (
            f"{len(moved)} of {len(distances.features)} features moved by more than"
            f" {self.measure.feature_distance:g} deviations{examples}, a share of {value:.2f} where"
            f" {self.limit:g} is allowed; labels lie {distances.labels:.3f} apart where"
            f" {self.measure.label_distance:g} is allowed"
        )
        return GateVerdict(
            self.name, passed, value, self.limit, self.blocking, reason, report=distances.report
        )


@dataclass(frozen=True)
class InputsSound:
    """Refuse broken features, and recent rows that are another kind of data."""

    missing: float = 0.2  # share of a feature's recent values
    outside: float = 0.5  # share of a feature's recent values beyond what training rows had
    drifted: float = 0.8  # share of the features
    measure: Measure = Measure()
    blocking: bool = True
    name: str = "inputs_sound"

    def judge(self, evidence: Evidence) -> GateVerdict:
        problems = self.find_problems(evidence)
        if problems:
            reason = "; ".join(problems[:10])
            value = len(problems) / len(evidence.model_columns)
            return GateVerdict(self.name, False, value, 0.0, self.blocking, reason)
        moved = self.measure.drifted_features(measure_distances(evidence, self.measure))
        value = len(moved) / len(evidence.model_columns)
        passed = value <= self.drifted
        reason = (
            f"no feature is constant, missing or out of range; a share of {value:.2f} has drifted"
            f" where {self.drifted:g} is allowed"
        )
        return GateVerdict(self.name, passed, value, self.drifted, self.blocking, reason)

    def find_problems(self, evidence: Evidence) -> list[str]:
        """Describe what is wrong with each feature that cannot be used."""
        training, recent = split_features(evidence.own)
        if evidence.recent is not None:  # judging rows are those that lack nothing
            recent = evidence.recent[:, : training.shape[1]]
        before, now = _Ranges.of(training), _Ranges.of(recent)
        outside_rows = _count_outside(recent, before)
        problems = []
        for column, name in evidence.model_columns:
            missing = 1 - now.rows[column] / len(recent)
            if missing > self.missing or not before.rows[column]:
                problems.append(
                    f"{name} is missing in {missing if before.rows[column] else 1:.0%} of the rows"
                )
            elif name not in evidence.flags and (
                now.is_constant[column] or before.is_constant[column]
            ):
                where = "recent" if now.is_constant[column] else "training"
                problems.append(f"{name} is the same in all {where} rows")
            else:
                outside = float(outside_rows[column] / now.rows[column])
                if outside > self.outside:
                    problems.append(
                        f"{name} is outside its training range in {outside:.0%} of the rows"
                    )
        return problems


@dataclass(frozen=True, eq=False)
class _Ranges:
    """Of each column how many values are finite, the smallest and the largest of them."""

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def is_constant(self) -> np.ndarray:
        constant: np.ndarray = self.low == self.high
        return constant

    @staticmethod
    def of(features: np.ndarray) -> _Ranges:
        """Go through the rows block by block: column by column would read all rows each time."""
        columns = features.shape[1]
        rows = np.zeros(columns, np.int64)
        low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
        for block in _blocks(features):
            finite = np.isfinite(block)
            rows += finite.sum(axis=0)
            low = np.minimum(low, np.where(finite, block, np.inf).min(axis=0))
            high = np.maximum(high, np.where(finite, block, -np.inf).max(axis=0))
        return _Ranges(rows, low, high)


def _count_outside(features: np.ndarray, ranges: _Ranges) -> np.ndarray:
    """Count the finite values of each column beyond a range."""
    counts = np.zeros(features.shape[1], np.int64)
    low, high = ranges.low[: features.shape[1]], ranges.high[: features.shape[1]]
    for block in _blocks(features):
        outside = ((block < low) | (block > high)) & np.isfinite(block)
        counts += outside.sum(axis=0)
    return counts


def _blocks(features: np.ndarray) -> list[np.ndarray]:
    return [features[first : first + 20_000] for first in range(0, len(features), 20_000)]
