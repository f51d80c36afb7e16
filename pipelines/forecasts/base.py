"""A forecast is one frozen declaration of objects; everything else follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from hashlib import sha256

from pipelines import words
from pipelines.combination import ComponentWeighted
from pipelines.contracts import Column, Table
from pipelines.errors import InvalidRequest, unknown
from pipelines.features.base import Feature, look_back
from pipelines.gates.base import Gate
from pipelines.intervals import Interval, interval_of
from pipelines.labels.base import Label
from pipelines.modeling.candidates import Candidate
from pipelines.modeling.dataset import Split
from pipelines.universes import universe


@dataclass(frozen=True)
class Schedule:
    """When a forecast is scored and trained, by the calendar of an exchange."""

    calendar: str = "XNYS"
    grace: timedelta = timedelta(minutes=1)  # after a bar's close, for the source to have it
    history: timedelta = timedelta(days=730)  # that is trained on

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.grace <= timedelta(hours=6):
            raise InvalidRequest(f"a grace of {self.grace}", "wait between nothing and 6 hours")
        if self.history < timedelta(days=30):
            raise InvalidRequest(f"{self.history} of history", "train on 30 days at the least")


@dataclass(frozen=True)
class Forecast:
    """What is forecast of which symbols, from which features."""

    name: str
    meaning: str
    universe: str  # the symbols whose bars are pooled
    interval: str
    features: tuple[Feature, ...]
    label: Label
    candidates: tuple[Candidate, ...]
    split: Split
    gates: tuple[Gate, ...]
    combinations: tuple[ComponentWeighted, ...] = ()  # each a signal of its own
    challengers: tuple[str, ...] = ()  # candidates whose predictions are written beside
    schedule: Schedule = Schedule()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise InvalidRequest(
                f"{self.name!r} cannot name a forecast",
                "use small letters, digits and _: it becomes a table, a model and a DAG",
            )
        interval_of(self.interval)
        universe(self.universe)
        if not self.features:
            raise InvalidRequest(f"{self.name} has no features", "name a set of pipelines.features")
        if not self.candidates:
            raise InvalidRequest(
                f"{self.name} has no candidates", "name some of pipelines.modeling.candidates"
            )
        if not any(gate.blocking for gate in self.gates):
            raise InvalidRequest(
                f"{self.name} has no gate that blocks", "begin with pipelines.gates.STANDARD"
            )
        names = [feature.name for feature in self.features]
        for name in names:
            if names.count(name) > 1:
                raise InvalidRequest(f"{self.name} has the feature {name} twice", "take one away")
        known = [candidate.name for candidate in self.candidates]
        for challenger in self.challengers:
            if challenger not in known:
                raise unknown(f"candidate of {self.name}", challenger, known)
        self._combines()

    def _combines(self) -> None:
        for one in self.combinations:
            strangers = set(universe(one.universe).symbols) - set(self.symbols)
            if strangers:
                raise InvalidRequest(
                    f"{self.name} combines {one.universe}, whose {', '.join(sorted(strangers))} "
                    f"it does not forecast",
                    f"combine a part of {self.universe}, or forecast a universe that has them",
                )
            if one.actions != self.label.classes or one.scores != self.label.scores:
                raise InvalidRequest(
                    f"{self.name} combines the actions {', '.join(one.actions)}, its label has "
                    f"{', '.join(self.label.classes)}",
                    "give the combination the label's classes and scores",
                )

    @property
    def bar(self) -> Interval:
        return interval_of(self.interval)

    @property
    def symbols(self) -> tuple[str, ...]:
        return universe(self.universe).symbols

    @property
    def look_back(self) -> int:
        """Bars before a bar that its features need."""
        return look_back(self.features)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @cached_property
    def definition(self) -> str:
        """Changes with whatever makes features, labels or the symbol's code mean another thing."""
        told = (
            self.interval,
            [feature.definition for feature in self.features],
            self.label.definition,
            "the symbol's code comes last",
        )
        return sha256(repr(told).encode()).hexdigest()[:16]

    @cached_property
    def table(self) -> Table:
        """gold.features_<forecast>: a row a bar, a column a feature."""
        return Table(
            "gold",
            f"features_{self.name}",
            f"Features of {self.name}, and what became of each bar",
            (
                words.SOURCE,
                words.SYMBOL,
                words.TS,
                words.CLOSES_AT,
                words.SESSION,
                Column("place", "SMALLINT", "which bar of its session, from 0", low=0),
                *(
                    Column(f.name, "FLOAT", f.meaning, f.unit, nullable=True) for f in self.features
                ),
                Column(
                    "outcome", "DOUBLE", "what the label makes of the bars after", "deviations",
                    nullable=True,
                ),
                Column(
                    "known_at", "TIMESTAMPTZ", "when the outcome was known", "UTC", nullable=True
                ),
                words.BATCH,
            ),
            key=("source", "symbol", "ts"),
            sort=("source", "ts", "symbol"),
            group_rows=words.SMALL_GROUP,
        )  # fmt: skip
