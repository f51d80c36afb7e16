"""A forecast is one frozen declaration of objects; everything else follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any

from pipelines.contracts import columns as words
from pipelines.contracts.schema import Column, Table
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.intervals import Interval, interval_of
from pipelines.core.universes import universe
from pipelines.features.base import Feature, look_back
from pipelines.gates.base import Gate
from pipelines.labels.base import Label
from pipelines.modeling.candidates import Candidate
from pipelines.modeling.dataset import Split
from pipelines.scoring.combine import ComponentWeighted


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
class Target:
    """One thing that is forecast, who competes to forecast it, and what must be shown."""

    label: Label
    candidates: tuple[Candidate, ...]
    split: Split
    gates: tuple[Gate, ...]
    combinations: tuple[ComponentWeighted, ...] = ()  # each a signal of its own
    challengers: tuple[str, ...] = ()  # candidates whose predictions are written beside
    # The candidate that serves while none is proven, marked as such; "": the winner, refused.
    baseline: str = ""

    @property
    def name(self) -> str:
        return self.label.name

    @property
    def outcome(self) -> str:
        """The column of what became of a bar."""
        return f"outcome_{self.name}"

    @property
    def known_at(self) -> str:
        """The column of when that was known."""
        return f"known_at_{self.name}"


@dataclass(frozen=True)
class Forecast:
    """What is forecast of which symbols, from which features.

    One of several targets is, for whoever trains, scores or judges a model, several of one: each
    of `each` has one of them in focus, and `label`, `candidates` and the rest are that one's.
    """

    name: str
    meaning: str
    universe: str  # the symbols whose bars are pooled
    interval: str
    features: tuple[Feature, ...]
    targets: tuple[Target, ...]
    schedule: Schedule = Schedule()
    focus: str = ""  # the target in focus; with one target it always is

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
        if not self.targets:
            raise InvalidRequest(f"{self.name} has no targets", "name one: Target(label, ...)")
        _once(f"{self.name} has the feature", self.feature_names)
        _once(f"{self.name} has the target", self.target_names)
        for target in self.targets:
            self._sound(target)
        if self.focus and self.focus not in self.target_names:
            raise unknown(f"target of {self.name}", self.focus, self.target_names)

    def _sound(self, target: Target) -> None:
        told = f"{self.name}'s {target.name}"
        if not target.candidates:
            raise InvalidRequest(
                f"{told} has no candidates", "name some of pipelines.modeling.candidates"
            )
        if not any(gate.blocking for gate in target.gates):
            raise InvalidRequest(
                f"{told} has no gate that blocks", "begin with pipelines.gates.STANDARD"
            )
        known = [candidate.name for candidate in target.candidates]
        for wanted in (*target.challengers, *filter(None, [target.baseline])):
            if wanted not in known:
                raise unknown(f"candidate of {told}", wanted, known)
        for one in target.combinations:
            strangers = set(universe(one.universe).symbols) - set(self.symbols)
            if strangers:
                raise InvalidRequest(
                    f"{self.name} combines {one.universe}, whose {', '.join(sorted(strangers))} "
                    f"it does not forecast",
                    f"combine a part of {self.universe}, or forecast a universe that has them",
                )
            if one.actions != target.label.classes or one.scores != target.label.scores:
                raise InvalidRequest(
                    f"{self.name} combines the actions {', '.join(one.actions)}, its label has "
                    f"{', '.join(target.label.classes)}",
                    "give the combination the label's classes and scores",
                )

    # -- its targets

    @property
    def target_names(self) -> tuple[str, ...]:
        return tuple(target.name for target in self.targets)

    @property
    def each(self) -> tuple[Forecast, ...]:
        """The same with each target in focus."""
        return tuple(self.on(name) for name in self.target_names)

    def on(self, target: str) -> Forecast:
        """The same with that target in focus."""
        return replace(self, focus=target)

    @property
    def target(self) -> Target:
        """The one in focus."""
        if not self.focus and len(self.targets) > 1:
            raise InvalidRequest(
                f"{self.name} has the targets {', '.join(self.target_names)}", "name one of them"
            )
        return next(t for t in self.targets if t.name == (self.focus or t.name))

    def but(self, **changes: Any) -> Forecast:
        """The same with another target in the place of the one in focus."""
        old = self.target
        new = replace(old, **changes)
        focus = new.name if self.focus else ""
        made = tuple(new if one is old else one for one in self.targets)
        return replace(self, targets=made, focus=focus)

    @property
    def label(self) -> Label:
        return self.target.label

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self.target.candidates

    @property
    def split(self) -> Split:
        return self.target.split

    @property
    def gates(self) -> tuple[Gate, ...]:
        return self.target.gates

    @property
    def challengers(self) -> tuple[str, ...]:
        return self.target.challengers

    @property
    def combinations(self) -> tuple[ComponentWeighted, ...]:
        """Of all targets: a universe has one signal, whichever of them makes it."""
        chosen = [self.target] if self.focus else self.targets
        return tuple(one for target in chosen for one in target.combinations)

    @cached_property
    def definition(self) -> str:
        """Changes with whatever makes a model's inputs, or what it says, mean another thing."""
        told = (
            self.interval,
            [feature.definition for feature in self.features],
            self.label.definition,
            "the symbol's code comes last",
        )
        return _hash(told)

    # -- what all its targets share

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
    def horizon(self) -> int:
        """Bars after a bar that the furthest of its labels needs."""
        return max(target.label.horizon for target in self.targets)

    @property
    def reach(self) -> int:
        """Bars before a bar that its labels need."""
        return max(target.label.reach for target in self.targets)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @cached_property
    def contents(self) -> str:
        """Changes with whatever makes a column of its table mean another thing."""
        labels = [target.label.definition for target in self.targets]
        return _hash((self.interval, [one.definition for one in self.features], labels))

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
                *(Column(f.name, "FLOAT", f.meaning, f.unit, nullable=True) for f in self.features),
                *(column for target in self.targets for column in _outcome(target)),
                words.BATCH,
            ),
            key=("source", "symbol", "ts"),
            sort=("source", "ts", "symbol"),
            group_rows=words.SMALL_GROUP,
        )


def _outcome(target: Target) -> tuple[Column, Column]:
    told = f"what the label {target.name} makes of the bars after"
    return (
        Column(target.outcome, "DOUBLE", told, target.label.unit, nullable=True),
        Column(target.known_at, "TIMESTAMPTZ", "when that outcome was known", "UTC", nullable=True),
    )


def _once(told: str, names: tuple[str, ...]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"{told} {name} twice", "take one away")


def _hash(told: object) -> str:
    return sha256(repr(told).encode()).hexdigest()[:16]
