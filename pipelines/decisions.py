"""Which model serves a bar: read from gold.model_decisions alone, and never from the future.

A bar is served by the newest model that was promoted strictly before the bar closed. Where none
was, the newest one that had been trained serves, unproven. The alias in the registry follows
these rows: it is for those who look at the registry, and for moves by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from pipelines.forecasts import Forecast
from pipelines.lake import View

TRAINED = ("promoted", "kept", "refused")


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


@dataclass(frozen=True)
class Serving:
    """The model that serves a bar."""

    decision: ModelDecision
    proven: bool
    unproven_reason: str | None

    @property
    def model_version(self) -> int:
        return self.decision.model_version


def decisions(view: View, forecast: Forecast, source: str) -> tuple[ModelDecision, ...]:
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


def promoted(rows: Sequence[ModelDecision], at: datetime) -> ModelDecision | None:
    """The champion of that time: who was promoted strictly before, and not withdrawn since."""
    gone: set[int] = set()
    for row in reversed(rows):
        if row.as_of >= at:
            continue
        if row.verdict == "withdrawn":
            gone.add(row.model_version)
        if row.verdict == "promoted":
            return None if row.model_version in gone else row
    return None


def serving(rows: Sequence[ModelDecision], at: datetime) -> Serving | None:
    """Who serves a bar that closes then; None while nothing had been trained."""
    champion = promoted(rows, at)
    if champion is not None:
        return Serving(champion, champion.proven, None if champion.proven else champion.reason)
    known = [row for row in rows if row.as_of < at]
    trained = trainings(known)
    if not trained:
        return None
    newest = trained[-1]
    gone = [
        r for r in known if r.verdict == "withdrawn" and r.model_version == newest.model_version
    ]
    return Serving(newest, False, gone[-1].reason if gone else newest.reason)


def trainings(rows: Iterable[ModelDecision]) -> list[ModelDecision]:
    """What each training decided, by as_of; moves by hand came later and are left out."""
    first: dict[tuple[int, str], ModelDecision] = {}
    for row in sorted(rows, key=lambda row: row.decided_at):
        if row.verdict in TRAINED:
            first.setdefault((row.model_version, row.sha256), row)
    return sorted(first.values(), key=lambda row: (row.as_of, row.decided_at))


def former(rows: Sequence[ModelDecision], at: datetime) -> ModelDecision | None:
    """Who would serve if the champion of that time were withdrawn."""
    champion = promoted(rows, at)
    gone = {champion.model_version} if champion else set()
    for row in reversed(rows):
        if row.as_of >= at:
            continue
        if row.verdict == "withdrawn":
            gone.add(row.model_version)
        if row.verdict == "promoted" and row.model_version not in gone:
            return row
    return None
