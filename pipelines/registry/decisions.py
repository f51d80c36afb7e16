"""Which model serves a bar, by the decisions in gold.model_decisions from before its close.

A bar is served by the newest model that was promoted strictly before the bar closed. Where none
was promoted, the newest trained model serves, unproven. Where the file of that model is lost, the
model promoted before it serves instead, by the same rule. The alias in the registry follows these
rows: it is for people who look at the registry, and for promotions by hand.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from pipelines.forecasts import TargetForecast
from pipelines.lake import View

TRAINED = ("promoted", "kept", "refused")
# Tables that name model versions.
VERSION_TABLES = ("gold.model_decisions", "gold.model_rankings", "gold.predictions")
ModelKey = tuple[int, str]  # a version and the SHA-256 of its file


@dataclass(frozen=True)
class ModelDecision:
    """One row of gold.model_decisions, with the columns that decide which model serves."""

    as_of: datetime
    model_version: int
    verdict: str
    proven: bool
    reason: str
    candidate: str
    definition: str
    sha256: str
    challengers: Mapping[str, str]
    run_id: str
    decided_at: datetime

    @property
    def model(self) -> ModelKey:
        """The version and the SHA-256 of the model it is about."""
        return self.model_version, self.sha256


@dataclass(frozen=True)
class ServingModel:
    """The model that serves a bar."""

    decision: ModelDecision
    proven: bool
    unproven_reason: str | None
    instead_of: str | None = None  # the champion, and why it cannot serve

    @property
    def model_version(self) -> int:
        return self.decision.model_version


def read_decisions(view: View, forecast: TargetForecast, source: str) -> tuple[ModelDecision, ...]:
    """Read every decision about a target's models, in the order in which they take effect."""
    columns = [field.name for field in fields(ModelDecision)]
    rows = view.rows(
        f"""SELECT {", ".join(columns)} FROM gold.model_decisions
            WHERE forecast = ? AND target = ? AND source = ?
            ORDER BY as_of, decided_at, verdict = 'promoted', model_version""",
        [forecast.name, forecast.label.name, source],
    )
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    return tuple(
        ModelDecision(**record | {"challengers": json.loads(record["challengers"])})
        for record in records
    )


def newest_version(view: View, forecast: TargetForecast) -> int:
    """The highest version that the lake knows of a target, of any source; 0 where there is none."""
    highest = [
        view.one(
            f"SELECT max(model_version) FROM {table} WHERE forecast = ? AND target = ?",
            [forecast.name, forecast.label.name],
        )
        for table in VERSION_TABLES
    ]
    return max(version or 0 for version in highest)


def champion_at(rows: Sequence[ModelDecision], at: datetime) -> ModelDecision | None:
    """The champion at an instant: promoted strictly before it, and not withdrawn since."""
    withdrawn: set[ModelKey] = set()
    for row in reversed(rows):
        if row.as_of >= at:
            continue
        if row.verdict == "withdrawn":
            withdrawn.add(row.model)
        if row.verdict == "promoted":
            return None if row.model in withdrawn else row
    return None


def serving_model_at(
    rows: Sequence[ModelDecision], at: datetime, lost: Mapping[ModelKey, str] | None = None
) -> ServingModel | None:
    """The model that serves a bar which closes at an instant; None while nothing was trained.

    `lost` has the models whose file cannot be read, and why. Where the champion is among them,
    the champion before it serves instead; without one, the newest trained model, unproven.
    """
    lost, champion = lost or {}, champion_at(rows, at)
    serving = _as_champion(champion) if champion else _newest_trained(rows, at)
    if serving is None or serving.decision.model not in lost:
        return serving
    former = champion_before(rows, at, lost)
    instead = _as_champion(former) if former else _newest_trained(rows, at, lost)
    if instead is None:
        return None
    cause = f"version {serving.model_version} cannot serve: {lost[serving.decision.model]}"
    return replace(instead, instead_of=cause)


def model_of_version(rows: Sequence[ModelDecision], version: int) -> ServingModel | None:
    """The model of a version, by the newest decision on it that is no withdrawal."""
    trained = [row for row in rows if row.model_version == version and row.verdict in TRAINED]
    return _as_champion(trained[-1]) if trained else None


def _as_champion(row: ModelDecision) -> ServingModel:
    return ServingModel(row, row.proven, None if row.proven else row.reason)


def _newest_trained(
    rows: Sequence[ModelDecision], at: datetime, lost: Collection[ModelKey] = ()
) -> ServingModel | None:
    earlier = [row for row in rows if row.as_of < at and row.model not in lost]
    trained = training_decisions(earlier)
    if not trained:
        return None
    newest = trained[-1]
    withdrawn = [row for row in earlier if row.verdict == "withdrawn" and row.model == newest.model]
    return ServingModel(newest, False, withdrawn[-1].reason if withdrawn else newest.reason)


def training_decisions(rows: Iterable[ModelDecision]) -> list[ModelDecision]:
    """The decision that each training wrote, by as_of, without later decisions by hand."""
    first: dict[tuple[int, str], ModelDecision] = {}
    for row in sorted(rows, key=lambda row: row.decided_at):
        if row.verdict in TRAINED:
            first.setdefault(row.model, row)
    return sorted(first.values(), key=lambda row: (row.as_of, row.decided_at))


def champion_before(
    rows: Sequence[ModelDecision], at: datetime, lost: Collection[ModelKey] = ()
) -> ModelDecision | None:
    """The champion that would serve if that of the instant were withdrawn; no `lost` model."""
    champion = champion_at(rows, at)
    withdrawn = {*lost, *([champion.model] if champion else [])}
    for row in reversed(rows):
        if row.as_of >= at:
            continue
        if row.verdict == "withdrawn":
            withdrawn.add(row.model)
        if row.verdict == "promoted" and row.model not in withdrawn:
            return row
    return None
