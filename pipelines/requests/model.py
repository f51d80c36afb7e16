"""A model that serves: its scorer, and all that answers say about it.

It is never changed, only swapped as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.contracts.evidence import MODEL_RANKINGS
from pipelines.core.calendar import Calendar, Grid, calendar
from pipelines.features.base import Feature, look_back
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.lake import View
from pipelines.lake.series import series_calendar
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.decisions import ModelDecision, ServingModel, read_decisions
from pipelines.registry.mlflow import model_name
from pipelines.requests.kinds import target_suffix
from pipelines.scoring.predict import check_fingerprint, check_scorer
from pipelines.sources import is_sample

# Of a candidate: all but what the rows of one training share.
RANKING_COLUMNS = tuple(
    name
    for name in MODEL_RANKINGS.column_names
    if name not in ("forecast", "target", "source", "as_of", "model_version", "sha256", "batch")
)
PINNED = "pinned by MODEL_URI: no decision of the lake knows this file"


@dataclass(frozen=True, eq=False)
class TargetDecisions:
    """The decisions on one target's models at one snapshot, and the calendar of its bars."""

    source: str
    sample: bool = False
    rows: tuple[ModelDecision, ...] = ()
    calendar: str = "XNYS"
    grid: Grid = "session"
    mark: tuple[object, ...] = ()  # changes when the tables that were read do


@dataclass(frozen=True, eq=False)
class Model:
    """A model that serves one target of a forecast, verified and checked."""

    forecast: TargetForecast
    scorer: OnnxScorer
    source: str  # whose bars it was trained on, and whose stored bars complete a request
    sample: bool  # these are made up
    version: int | None  # None: a file that no decision knows
    candidate: str | None
    proven: bool
    unproven_reason: str | None
    as_of: datetime | None
    origin: str  # where it was found
    instead_of: str  # why it serves though another was decided on; mostly empty
    market: Calendar
    grid: Grid
    training: Mapping[str, Any] = field(default_factory=dict)  # gates, rankings, snapshot

    @property
    def target(self) -> str:
        return self.forecast.target.name

    @property
    def has_made_up_news(self) -> bool:
        """Whether it was trained on bars of a market, and on made-up news beside them."""
        return not self.sample and is_sample(self.forecast.forecast.news_source(self.source) or "")

    @property
    def notices(self) -> list[str]:
        """What every answer says about it in words."""
        subject = f"the model{target_suffix(self.forecast.forecast, self.target)}"
        notices = []
        if self.sample:
            notices.append(f"{subject} was trained on made-up data: it knows no market")
        if self.has_made_up_news:
            notices.append(f"{subject} was trained on made-up news: it knows no real ones")
        if not self.proven:
            notices.append(f"{subject} is unproven: {self.unproven_reason}")
        if self.instead_of:
            notices.append(self.instead_of)
        return notices

    @property
    def sha256(self) -> str:
        return self.scorer.checksum

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features that it reads: those of its forecast, or a part of them."""
        names = set(self.scorer.description.features)
        return tuple(f for f in self.forecast.features if f.name in names)

    @property
    def look_back(self) -> int:
        """Bars before a bar that its features need."""
        return look_back(self.features)

    @property
    def name(self) -> str:
        return f"{model_name(self.forecast)} version {self.version}"


@dataclass(frozen=True, eq=False)
class Models:
    """The models that serve a forecast's targets: all of them answer a request."""

    forecast: Forecast
    by_target: Mapping[str, Model]  # in the forecast's order, as far as there are any
    lacking: Mapping[str, str]  # why the other targets have none

    @property
    def main(self) -> Model:
        """The model of the first target: calendar and source are the same for all."""
        return next(iter(self.by_target.values()))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features that any of them reads."""
        names = {feature.name for model in self.by_target.values() for feature in model.features}
        return tuple(name for name in self.forecast.feature_names if name in names)

    @property
    def look_back(self) -> int:
        """Bars before a bar that they need."""
        return max(model.look_back for model in self.by_target.values())

    @property
    def notices(self) -> list[str]:
        """What every answer says about them in words."""
        notices = [notice for model in self.by_target.values() for notice in model.notices]
        return notices + [f"{name} is not answered: {why}" for name, why in self.lacking.items()]


def read_target_decisions(
    view: View, forecast: TargetForecast, source: str, previous: TargetDecisions | None
) -> TargetDecisions:
    """Read a target's decisions; return `before` itself while nothing of it has changed."""
    mark = view.rows(
        """SELECT (SELECT max(batch) FROM gold.model_decisions
                   WHERE forecast = ? AND target = ? AND source = ?),
                  (SELECT max(batch) FROM silver.series WHERE source = ? AND "interval" = ?)""",
        [forecast.name, forecast.target.name, source, source, forecast.interval],
    )[0]
    if previous is not None and previous.mark == mark:
        return previous
    series = series_calendar(
        view, source, forecast.interval, forecast.symbols, forecast.schedule.calendar
    )
    return TargetDecisions(
        source,
        is_sample(source),
        read_decisions(view, forecast, source),
        series.calendar,
        series.grid,
        mark,
    )


def check_decided_scorer(
    forecast: TargetForecast, scorer: OnnxScorer, definition: str | None
) -> OnnxScorer:
    """Return the scorer if it was made for this forecast, and its decision was too; else raise."""
    check_fingerprint(forecast, definition)
    return check_scorer(forecast, scorer)


def decided_model(
    forecast: TargetForecast, decisions: TargetDecisions, choice: ServingModel, scorer: OnnxScorer
) -> Model:
    """Return the model of a decision."""
    row = choice.decision
    return Model(
        forecast=forecast,
        scorer=scorer,
        source=decisions.source,
        sample=decisions.sample,
        version=row.model_version,
        candidate=row.candidate,
        proven=choice.proven,
        unproven_reason=choice.unproven_reason,
        as_of=row.as_of,
        origin="registry",
        instead_of=choice.instead_of or "",
        market=calendar(decisions.calendar),
        grid=decisions.grid,
    )


def pinned_model(forecast: TargetForecast, decisions: TargetDecisions, scorer: OnnxScorer) -> Model:
    """Return the model of MODEL_URI, with what the lake knows of the same file."""
    same_file = [row for row in decisions.rows if row.sha256 == scorer.checksum]
    row = same_file[-1] if same_file else None
    reason = PINNED if row is None else row.reason
    proven = row is not None and row.proven and row.verdict != "withdrawn"
    return Model(
        forecast=forecast,
        scorer=scorer,
        source=decisions.source,
        sample=decisions.sample,
        version=row.model_version if row else None,
        candidate=row.candidate if row else None,
        proven=proven,
        unproven_reason=None if proven else reason,
        as_of=row.as_of if row else None,
        origin="MODEL_URI",
        instead_of="",
        market=calendar(decisions.calendar),
        grid=decisions.grid,
    )


def read_training(view: View, model: Model) -> dict[str, Any]:
    """Read the gates, rankings and snapshot of a model's training from the lake."""
    key = [model.forecast.name, model.target, model.source, model.version]
    rows = view.rows(
        """SELECT gates, snapshot, verdict, reason, decided_at FROM gold.model_decisions
           WHERE forecast = ? AND target = ? AND source = ? AND model_version = ? AND sha256 = ?
           ORDER BY decided_at DESC""",
        [*key, model.scorer.checksum],
    )
    rankings = view.sql(
        f"""SELECT {", ".join(RANKING_COLUMNS)}
           FROM gold.model_rankings
           WHERE forecast = ? AND target = ? AND source = ? AND model_version = ? ORDER BY rank""",
        key,
    ).to_pylist()
    if not rows:
        return {"rankings": rankings}
    # A manual decision repeats the reason; the training that made the model has all the gates.
    gates, snapshot = max(rows, key=lambda row: len(row[0]))[:2]
    _, _, verdict, reason, decided_at = rows[0]
    return {
        "gates": json.loads(gates),
        "data_snapshot": snapshot,
        "rankings": rankings,
        "verdict": verdict,
        "reason": reason,
        "decided_at": decided_at,
    }
