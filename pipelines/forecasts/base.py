"""A forecast is one frozen declaration of objects; everything else follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from pipelines.contracts import columns
from pipelines.contracts.schema import Column, Table
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.intervals import Interval, interval_of
from pipelines.core.universes import universe
from pipelines.features.base import Feature, collect_references, look_back
from pipelines.features.inputs import BARS, NEWS, Reference
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.forecasts.names import check_name, check_universe, refuse_repetition
from pipelines.forecasts.target import Schedule, Target
from pipelines.gates.base import Gate
from pipelines.labels.base import Label
from pipelines.labels.sides import sides_of
from pipelines.modeling.candidates import Candidate
from pipelines.modeling.candidates.feature_choice import choice_of
from pipelines.modeling.dataset import Split
from pipelines.sources import news_source

LABEL_COLUMNS = ("open", "high", "low", "close", "volume")  # of silver.bars, which labels read


@dataclass(frozen=True)
class Forecast:
    """What is forecast of which symbols, from which features.

    A model is trained, judged and served for each of its targets by itself: `per_target()` and
    `target_forecast(name)` give the forecast of one target.
    """

    name: str
    meaning: str
    universe: str  # the symbols whose bars are pooled
    interval: str
    features: tuple[Feature, ...]
    targets: tuple[Target, ...]
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        check_name(self.name, "a forecast", "a table, a model and a DAG")
        self.schedule.check(self.name, self.bar)
        check_universe(self.name, self.universe)
        if not self.features:
            raise InvalidRequest(f"{self.name} has no features", "name a set of pipelines.features")
        if not self.targets:
            raise InvalidRequest(f"{self.name} has no targets", "name one: Target(label, ...)")
        refuse_repetition(f"{self.name} has the feature", self.feature_names)
        refuse_repetition(f"{self.name} has the target", self.target_names)
        self._check_references()
        for target in self.targets:
            self._check_target(target)

    def _check_references(self) -> None:
        by_name: dict[str, Reference] = {}
        for reference in self.references:
            if by_name.setdefault(reference.name, reference) != reference:
                raise InvalidRequest(
                    f"{self.name} reads {reference.name} as missing at two ages", "choose one"
                )
        flagged = {
            r.whole_row for feature in self.features if feature.is_flag for r in feature.references
        }
        for feature in self.features:
            rows = {r.whole_row for r in feature.references}
            if feature.neutral is not None and not flagged & rows:
                raise InvalidRequest(
                    f"{self.name}'s {feature.name} has a neutral value where "
                    f"{' or '.join(r.name for r in feature.references)} is missing, and no feature "
                    "says where that is",
                    "add is_there(...) of it, or of another column of the same subject",
                )

    def _check_target(self, target: Target) -> None:
        subject = f"{self.name}'s {target.name}"
        check_name(target.name, "a target", "columns and a model")
        if not target.candidates:
            raise InvalidRequest(
                f"{subject} has no candidates", "name some of pipelines.modeling.candidates"
            )
        if not any(gate.blocking for gate in target.gates):
            raise InvalidRequest(
                f"{subject} has no gate that blocks", "begin with pipelines.gates.STANDARD"
            )
        names = tuple(candidate.name for candidate in target.candidates)
        refuse_repetition(f"{subject} has the candidate", names)
        for candidate in target.candidates:
            try:
                choice_of(candidate).select(self.feature_names)
            except InvalidRequest as error:
                raise InvalidRequest(
                    f"{subject}'s {candidate.name}: {error.message}", error.hint
                ) from None
        for name in (*target.challengers, *filter(None, [target.baseline])):
            if name not in names:
                raise unknown(f"candidate of {subject}", name, names)
        for combination in target.combinations:
            check_universe(self.name, combination.universe)
            strangers = set(universe(combination.universe).symbols) - set(self.symbols)
            if strangers:
                raise InvalidRequest(
                    f"{self.name} combines {combination.universe}, whose "
                    f"{', '.join(sorted(strangers))} it does not forecast",
                    f"combine a part of {self.universe}, or forecast a universe that has them",
                )
            actions, scores = sides_of(target.label)
            if combination.actions != actions or combination.scores != scores:
                raise InvalidRequest(
                    f"{self.name} combines the actions {', '.join(combination.actions)}, its "
                    f"label has {', '.join(actions) or 'none with a direction'}",
                    "give the combination the label's classes and scores",
                )

    # -- its targets

    @property
    def target_names(self) -> tuple[str, ...]:
        return tuple(target.name for target in self.targets)

    def per_target(self) -> tuple[TargetForecast, ...]:
        """The forecast of each target, in the order of their declaration."""
        return tuple(TargetForecast(self, target) for target in self.targets)

    def target_forecast(self, name: str = "") -> TargetForecast:
        """The forecast of the target of that name; of the only target when none is named."""
        if not name and len(self.targets) > 1:
            raise InvalidRequest(
                f"{self.name} has the targets {', '.join(self.target_names)}", "name one of them"
            )
        for target in self.targets:
            if name in ("", target.name):
                return TargetForecast(self, target)
        raise unknown(f"target of {self.name}", name, self.target_names)

    @property
    def combinations(self) -> tuple[ComponentWeighted, ...]:
        """Of all targets: a universe has one signal, whichever of them makes it."""
        return tuple(rule for target in self.per_target() for rule in target.combinations)

    @cached_property
    def own_signal(self) -> tuple[Target, ComponentWeighted] | None:
        """The signal of a symbol that is forecast alone, and the target that makes it.

        That is the first target with a direction; where a target declares a combination, or none
        has a direction, there is no other signal.
        """
        if not universe(self.universe).stands_alone or any(t.combinations for t in self.targets):
            return None
        for target in self.targets:
            actions, scores = sides_of(target.label)
            if actions:
                return target, ComponentWeighted(self.universe, actions, scores)
        return None

    @property
    def combined_universes(self) -> tuple[str, ...]:
        """Those that have a signal; the first is the one of a request that names none."""
        return tuple(combination.universe for combination in self.combinations)

    @property
    def funds(self) -> tuple[str, ...]:
        """The funds whose bars show what the indexes did that it gives signals of, once each."""
        funds = dict.fromkeys(universe(rule.universe).fund for rule in self.combinations)
        return tuple(fund for fund in funds if fund and fund not in self.symbols)

    # -- what all its targets share

    @property
    def bar(self) -> Interval:
        return interval_of(self.interval)

    @property
    def cadence(self) -> Interval:
        """The length of a run: of a bar, or of the stretch of bars that its schedule names."""
        return self.schedule.cadence(self.bar)

    @property
    def symbols(self) -> tuple[str, ...]:
        return universe(self.universe).symbols

    @property
    def look_back(self) -> int:
        """Bars before a bar that its features need."""
        return look_back(self.features)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """What its features read beside its own bars."""
        return collect_references(self.features)

    @property
    def companions(self) -> tuple[str, ...]:
        """The other symbols whose bars its features read."""
        symbols = dict.fromkeys(r.subject for r in self.references if r.dataset == BARS)
        return tuple(symbol for symbol in symbols if symbol not in self.symbols)

    def news_source(self, source: str) -> str | None:
        """Return whose news its features read beside bars of a source; None: they read none."""
        if all(reference.dataset != NEWS for reference in self.references):
            return None
        return news_source(source) or source

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics whose news its features read."""
        return tuple(dict.fromkeys(r.subject for r in self.references if r.dataset == NEWS))

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The columns of silver.bars that features and labels read of its own bars."""
        inputs = {i for feature in self.features for i in feature.inputs if isinstance(i, str)}
        return tuple(c for c in BARS.columns if c in {*LABEL_COLUMNS, *inputs})

    def look_back_on(self, reference: Reference) -> int:
        """Bars before a bar that its features need of one subject's columns."""
        subject = (reference.dataset, reference.subject)
        readers = [
            feature
            for feature in self.features
            if subject in {(r.dataset, r.subject) for r in feature.references}
        ]
        return look_back(readers)

    @property
    def horizon(self) -> int:
        """Bars after a bar that the furthest of its labels needs."""
        return max(target.label.horizon for target in self.targets)

    @property
    def label_look_back(self) -> int:
        """Bars before a bar that its labels need."""
        return max(target.label.look_back for target in self.targets)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def flags(self) -> tuple[str, ...]:
        """The features that may be the same on all rows, as an input is there always or never."""
        return tuple(f.name for f in self.features if f.is_flag or f.neutral is not None)

    @cached_property
    def table_fingerprint(self) -> str:
        """A hash that changes when a column of its table changes its meaning."""
        labels = [target.label.definition for target in self.targets]
        return _hash((self.interval, [feature.definition for feature in self.features], labels))

    @cached_property
    def table(self) -> Table:
        """gold.features_<forecast>: a row a bar, a column a feature."""
        return Table(
            "gold",
            f"features_{self.name}",
            f"Features of {self.name}, and what became of each bar",
            (
                columns.SOURCE,
                columns.SYMBOL,
                columns.TS,
                columns.CLOSES_AT,
                columns.SESSION,
                Column("place", "SMALLINT", "which bar of its session, from 0", low=0),
                *(Column(f.name, "FLOAT", f.meaning, f.unit, nullable=True) for f in self.features),
                *(column for target in self.targets for column in _outcome_columns(target)),
                columns.BATCH,
            ),
            key=("source", "symbol", "ts"),
            sort=("source", "ts", "symbol"),
            group_rows=columns.SMALL_GROUP,
        )


@dataclass(frozen=True)
class TargetForecast:
    """A forecast as whoever trains, scores or judges a model sees it: with one of its targets."""

    forecast: Forecast
    target: Target

    def replace(self, **changes: Any) -> TargetForecast:
        """Return it with a target that differs in the named fields, in its forecast too."""
        target = replace(self.target, **changes)
        targets = tuple(target if t is self.target else t for t in self.forecast.targets)
        return TargetForecast(replace(self.forecast, targets=targets), target)

    @cached_property
    def model_fingerprint(self) -> str:
        """A hash that changes when a model's inputs or outputs change their meaning."""
        contents = (
            self.interval,
            [feature.definition for feature in self.features],
            self.label.definition,
            "the symbol's code comes last",
        )
        return _hash(contents)

    # -- of the target

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
        return self.target.all_gates

    @property
    def challengers(self) -> tuple[str, ...]:
        return self.target.challengers

    @property
    def combinations(self) -> tuple[ComponentWeighted, ...]:
        """Those that are declared; of a symbol that is forecast alone its own signal."""
        own_signal = self.forecast.own_signal
        if own_signal and own_signal[0].name == self.target.name:
            return (own_signal[1],)
        return self.target.combinations

    # -- of the forecast

    @property
    def name(self) -> str:
        return self.forecast.name

    @property
    def has_siblings(self) -> bool:
        """Whether its forecast has other targets, so that they must be distinguished."""
        return len(self.forecast.targets) > 1

    @property
    def universe(self) -> str:
        return self.forecast.universe

    @property
    def interval(self) -> str:
        return self.forecast.interval

    @property
    def bar(self) -> Interval:
        return self.forecast.bar

    @property
    def features(self) -> tuple[Feature, ...]:
        return self.forecast.features

    @property
    def feature_names(self) -> tuple[str, ...]:
        return self.forecast.feature_names

    @property
    def look_back(self) -> int:
        return self.forecast.look_back

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.forecast.symbols

    @property
    def schedule(self) -> Schedule:
        return self.forecast.schedule

    @property
    def table(self) -> Table:
        return self.forecast.table


def _outcome_columns(target: Target) -> tuple[Column, Column]:
    meaning = f"what the label {target.name} makes of the bars after"
    if target.label.within_session:
        meaning += ", as far as they are of its session"
    return (
        Column(target.outcome, "DOUBLE", meaning, target.label.unit, nullable=True),
        Column(target.known_at, "TIMESTAMPTZ", "when that outcome was known", "UTC", nullable=True),
    )


def _hash(contents: object) -> str:
    return sha256(repr(contents).encode()).hexdigest()[:16]
