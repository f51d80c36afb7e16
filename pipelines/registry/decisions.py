"""Which model serves a bar: read from gold.model_decisions alone, and never from the future.

A bar is served by the newest model that was promoted strictly before the bar closed. Where none
was, the newest one that had been trained serves, unproven. Where the file of that model is lost,
the one promoted before it serves instead, by the same rule. The alias in the registry follows
these rows: it is for those who look at the registry, and for moves by hand.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from pipelines.forecasts import TargetForecast
from pipelines.lake import View

TRAINED = ("promoted", "kept", "refused")
# Tables that speak of model versions.
VERSIONED = ("gold.model_decisions", "gold.model_rankings", "gold.predictions")
ModelKey = tuple[int, str]  # a version and the SHA-256 of its file


@dataclass(frozen=True)
class ModelDecision:
    """One row of gold.model_decisions, as far as it decides on who serves."""

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
        return self.model_version, self.sha256


@dataclass(frozen=True)
class ServingModel:
    """The model that serves a bar."""

    decision: ModelDecision
    proven: bool
    unproven_reason: str | None
    instead_of: str | None = None  # the model that was decided on, and why it cannot serve

    @property
    def model_version(self) -> int:
        return self.decision.model_version


def read_decisions(view: View, forecast: TargetForecast, source: str) -> tuple[ModelDecision, ...]:
    """Every decision about a forecast's models, in the order in which they take effect."""
    columns = [field.name for field in fields(ModelDecision)]
    found = view.rows(
        f"""SELECT {", ".join(columns)} FROM gold.model_decisions
            WHERE forecast = ? AND target = ? AND source = ?
            ORDER BY as_of, decided_at, verdict = 'promoted', model_version""",
        [forecast.name, forecast.label.name, source],
    )
    told = [dict(zip(columns, row, strict=True)) for row in found]
    return tuple(
        ModelDecision(**row | {"challengers": json.loads(row["challengers"])}) for row in told
    )


def newest_version(view: View, forecast: TargetForecast) -> int:
    """The highest version that the lake knows of a forecast's target, of any source; 0: none."""
    highest = [
        view.one(
            f"SELECT max(model_version) FROM {table} WHERE forecast = ? AND target = ?",
            [forecast.name, forecast.label.name],
        )
        for table in VERSIONED
    ]
    return max(version or 0 for version in highest)


def champion_at(rows: Sequence[ModelDecision], at: datetime) -> ModelDecision | None:
    """The champion of that time: who was promoted strictly before, and not withdrawn since."""
    gone: set[ModelKey] = set()
    for row in reversed(rows):
        if row.as_of >= at:
            continue
        if row.verdict == "withdrawn":
            gone.add(row.model)
        if row.verdict == "promoted":
            return None if row.model in gone else row
    return None


def serving_model_at(
    rows: Sequence[ModelDecision], at: datetime, lost: Mapping[ModelKey, str] | None = None
) -> ServingModel | None:
    """Who serves a bar that closes then; None while nothing had been trained.

    `lost` are models whose file cannot be had, and why. Where the one decided on is among them,
    the champion before it serves instead; where there is none, the newest trained, unproven.
    """
    lost, champion = lost or {}, champion_at(rows, at)
    who = _as_champion(champion) if champion else _newest_trained(rows, at)
    if who is None or who.decision.model not in lost:
        return who
    heir = champion_before(rows, at, lost)
    instead = _as_champion(heir) if heir else _newest_trained(rows, at, lost)
    if instead is None:
        return None
    why = f"version {who.model_version} cannot serve: {lost[who.decision.model]}"
    return replace(instead, instead_of=why)


def _as_champion(row: ModelDecision) -> ServingModel:
    return ServingModel(row, row.proven, None if row.proven else row.reason)


def _newest_trained(
    rows: Sequence[ModelDecision], at: datetime, lost: Collection[ModelKey] = ()
) -> ServingModel | None:
    known = [row for row in rows if row.as_of < at and row.model not in lost]
    trained = training_decisions(known)
    if not trained:
        return None
    newest = trained[-1]
    gone = [row for row in known if row.verdict == "withdrawn" and row.model == newest.model]
    return ServingModel(newest, False, gone[-1].reason if gone else newest.reason)


def training_decisions(rows: Iterable[ModelDecision]) -> list[ModelDecision]:
    """What each training decided, by as_of; moves by hand came later and are left out."""
    first: dict[tuple[int, str], ModelDecision] = {}
    for row in sorted(rows, key=lambda row: row.decided_at):
        if row.verdict in TRAINED:
            first.setdefault(row.model, row)
    return sorted(first.values(), key=lambda row: (row.as_of, row.decided_at))


def champion_before(
    rows: Sequence[ModelDecision], at: datetime, lost: Collection[ModelKey] = ()
) -> ModelDecision | None:
    """Who would serve if the champion of that time were withdrawn; none of those that are lost."""
    champion = champion_at(rows, at)
    gone = {*lost, *([champion.model] if champion else [])}
    for row in reversed(rows):
        if row.as_of >= at:
            continue
        if row.verdict == "withdrawn":
            gone.add(row.model)
        if row.verdict == "promoted" and row.model not in gone:
            return row
    return None
