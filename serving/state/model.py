"""A model that serves: its scorer, and all that an answer tells of it.

It is never changed, only swapped as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.core.calendar import Calendar, Grid, calendar
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.lake import View
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.decisions import ModelDecision, ServingModel, read_decisions
from pipelines.registry.mlflow import model_name
from pipelines.scoring.predict import fitting, same_definition
from serving.predict.kinds import whose
from serving.state.reader import made_up

PINNED = "pinned by MODEL_URI: no decision of the lake knows this file"


@dataclass(frozen=True, eq=False)
class Told:
    """What one snapshot says about the models of a forecast's target."""

    source: str
    sample: bool = False
    decisions: tuple[ModelDecision, ...] = ()
    calendar: str = "XNYS"
    grid: Grid = "session"
    mark: tuple[object, ...] = ()  # changes with what it was read from


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
    more: Mapping[str, Any] = field(default_factory=dict)  # gates, rankings, snapshot

    @property
    def target(self) -> str:
        return self.forecast.target.name

    @property
    def notices(self) -> list[str]:
        """What every answer of it says in words."""
        which = f"the model{whose(self.forecast.forecast, self.target)}"
        told = [f"{which} was trained on made-up data: it knows no market"] if self.sample else []
        if not self.proven:
            told.append(f"{which} is unproven: {self.unproven_reason}")
        if self.instead_of:
            told.append(self.instead_of)
        return told

    @property
    def sha256(self) -> str:
        return self.scorer.checksum

    @property
    def name(self) -> str:
        return f"{model_name(self.forecast)} version {self.version}"


@dataclass(frozen=True, eq=False)
class Models:
    """The models that serve the targets of a forecast: a request is answered by them all."""

    forecast: Forecast
    by_target: Mapping[str, Model]  # in the forecast's order, as far as there are any
    lacking: Mapping[str, str]  # why the other targets have none

    @property
    def main(self) -> Model:
        """The first: calendar and source are the same for all."""
        return next(iter(self.by_target.values()))

    @property
    def notices(self) -> list[str]:
        """What every answer of them says in words."""
        told = [notice for one in self.by_target.values() for notice in one.notices]
        return told + [f"{name} is not answered: {why}" for name, why in self.lacking.items()]


def read(view: View, forecast: TargetForecast, source: str, before: Told | None) -> Told:
    """What a snapshot says; the same object while nothing of it has changed."""
    mark = view.rows(
        """SELECT (SELECT max(batch) FROM gold.model_decisions
                   WHERE forecast = ? AND target = ? AND source = ?),
                  (SELECT max(batch) FROM silver.series WHERE source = ? AND "interval" = ?)""",
        [forecast.name, forecast.target.name, source, source, forecast.interval],
    )[0]
    if before is not None and before.mark == mark:
        return before
    known = view.rows(
        """SELECT DISTINCT calendar, grid FROM silver.series
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
           ORDER BY calendar, grid""",
        [source, forecast.interval, list(forecast.symbols)],
    )
    name, grid = known[0] if known else (forecast.schedule.calendar, "session")
    return Told(source, made_up(source), read_decisions(view, forecast, source), name, grid, mark)


def checked(forecast: TargetForecast, scorer: OnnxScorer, definition: str | None) -> OnnxScorer:
    """The scorer, if it means what the forecast means, as its decision says too."""
    same_definition(forecast, definition)
    return fitting(forecast, scorer)


def served(forecast: TargetForecast, told: Told, who: ServingModel, scorer: OnnxScorer) -> Model:
    """The model of a decision."""
    row = who.decision
    return Model(
        forecast,
        scorer,
        told.source,
        told.sample,
        row.model_version,
        row.candidate,
        who.proven,
        who.unproven_reason,
        row.as_of,
        "registry",
        who.instead_of or "",
        calendar(told.calendar),
        told.grid,
    )


def pinned(forecast: TargetForecast, told: Told, scorer: OnnxScorer) -> Model:
    """The model of MODEL_URI, with what the lake knows of the same file."""
    known = [row for row in told.decisions if row.sha256 == scorer.checksum]
    row = known[-1] if known else None
    reason = PINNED if row is None else row.reason
    proven = row is not None and row.proven and row.verdict != "withdrawn"
    return Model(
        forecast,
        scorer,
        told.source,
        told.sample,
        row.model_version if row else None,
        row.candidate if row else None,
        proven,
        None if proven else reason,
        row.as_of if row else None,
        "MODEL_URI",
        "",
        calendar(told.calendar),
        told.grid,
    )


def particulars(view: View, model: Model) -> dict[str, Any]:
    """Gates, rankings and snapshot of a model's training, as the lake keeps them."""
    key = [model.forecast.name, model.target, model.source, model.version]
    found = view.rows(
        """SELECT gates, snapshot, verdict, reason, decided_at FROM gold.model_decisions
           WHERE forecast = ? AND target = ? AND source = ? AND model_version = ? AND sha256 = ?
           ORDER BY decided_at DESC""",
        [*key, model.scorer.checksum],
    )
    ranked = view.sql(
        """SELECT rank, candidate, macro_f1, accuracy, log_loss, rank_ic, rmse, mae, r2, hit_rate,
                  failure
           FROM gold.model_rankings
           WHERE forecast = ? AND target = ? AND source = ? AND model_version = ? ORDER BY rank""",
        key,
    ).to_pylist()
    if not found:
        return {"rankings": ranked}
    # A move by hand repeats the decision; the training that made the model says most.
    gates, snapshot = max(found, key=lambda row: len(row[0]))[:2]
    _, _, verdict, reason, at = found[0]
    told: Mapping[str, Any] = {"verdict": verdict, "reason": reason, "decided_at": at}
    return {"gates": json.loads(gates), "data_snapshot": snapshot, "rankings": ranked, **told}
