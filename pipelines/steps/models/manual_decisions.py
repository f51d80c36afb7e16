"""Decisions made after training: what is copied, what must be sound, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake, Writer
from pipelines.modeling.description import UnreadableModel
from pipelines.registry.decisions import ModelDecision, decisions, promoted, trainings
from pipelines.registry.mlflow import Registry, RegistryError, Unsound, model_name
from pipelines.steps.models.load import champion as loaded

EVER = datetime(9999, 1, 1, tzinfo=UTC)  # after every decision


class Unfit(InvalidRequest):
    """A version that may not serve."""


@dataclass(frozen=True)
class Moved:
    """What a move did."""

    forecast: str
    source: str
    champion: int | None  # who is promoted now
    said: tuple[str, ...]  # nothing: all stood as it should

    def summary(self) -> str:
        now = f"version {self.champion} serves" if self.champion else "no version is promoted"
        return "\n".join([*self.said, f"{self.forecast} on {self.source}: {now}"])


def told(lake: Lake, forecast: TargetForecast, source: str, said: Sequence[str]) -> Moved:
    with lake.view() as view:
        champion = promoted(decisions(view, forecast, source), EVER)
    return Moved(forecast.name, source, champion.model_version if champion else None, tuple(said))


def verify(
    registry: Registry, forecast: TargetForecast, row: ModelDecision, *, offline: bool = False
) -> None:
    """Refuse a version unless its file is what was decided on and fits the forecast as it is.

    The registry's own file is read. With `offline` a copy that was verified before will do while
    the registry cannot be reached, or has lost the version.
    """
    name = f"version {row.model_version} of {model_name(forecast)}"
    again = f"promote another, or train: bullion train {forecast.name}"
    try:
        try:
            found = registry.load(model_name(forecast), row.model_version).version
        except (RegistryError, InvalidRequest) as error:
            if isinstance(error, Unsound) or not offline:
                raise
        else:
            if found.sha256 != row.sha256:
                raise Unfit(f"{name} is another file than the one that was trained", again)
        loaded(registry, forecast, row)
    except (Unsound, UnreadableModel) as error:
        raise Unfit(f"{name} cannot serve: {error.message}", again) from error
    except InvalidRequest as error:
        raise Unfit(error.message, error.hint or again) from error


def trained_as(
    lake: Lake, registry: Registry, forecast: TargetForecast, version: int
) -> tuple[str, ModelDecision]:
    """The source and the decision that a version's training wrote."""
    name = model_name(forecast)
    with lake.view() as view:
        sources = view.rows(
            """SELECT DISTINCT source FROM gold.model_decisions
               WHERE forecast = ? AND target = ? AND model_version = ?""",
            [forecast.name, forecast.label.name, version],
        )
        try:
            found = registry.version(name, version)
        except InvalidRequest as error:
            if not sources:
                raise
            raise Unfit(
                f"version {version} of {name} is in the lake and no longer in MLflow at "
                f"{registry.uri}: its store was lost, or the version deleted",
                f"bring the store back from a copy, or promote another: bullion models "
                f"{forecast.name}",
            ) from error
        for (source,) in sources:
            for row in trainings(decisions(view, forecast, source)):
                if row.model_version == version and row.sha256 == found.sha256:
                    return source, row
    raise Unfit(
        f"version {version} of {name} was not trained on this lake, or its SHA-256 was changed",
        f"`bullion models {forecast.name}` lists those that may be promoted",
    )


def same(row: ModelDecision | None, other: ModelDecision) -> bool:
    return row is not None and row.model == other.model


def append(
    writer: Writer,
    forecast: TargetForecast,
    source: str,
    rows: Sequence[ModelDecision],
    moves: Sequence[tuple[ModelDecision, str, str]],
) -> None:
    """Decisions made by hand, as copies of what the versions' own trainings wrote."""
    now = datetime.now(UTC)
    # A clock that was set back must not put a move before what it moves.
    if rows and rows[-1].as_of >= now:
        now = rows[-1].as_of + timedelta(microseconds=1)
    made: list[dict[str, Any]] = []
    for row, verdict, reason in moves:
        own = next((t for t in trainings(rows) if same(t, row)), row)
        found = writer.sql(
            """SELECT * EXCLUDE (batch) FROM gold.model_decisions
               WHERE forecast = ? AND target = ? AND source = ? AND model_version = ?
               AND verdict = ? AND decided_at = ?""",
            [
                forecast.name,
                forecast.label.name,
                source,
                own.model_version,
                own.verdict,
                own.decided_at,
            ],
        ).to_pylist()[0]
        # A refusal is no move: it stands beside the training that it is about.
        as_of = own.as_of if verdict == "refused" else now
        told = f"{reason}; its gates had said: {own.reason}"
        made.append(found | {"verdict": verdict, "as_of": as_of, "reason": told, "decided_at": now})
    writer.append("gold.model_decisions", pa.Table.from_pylist(made))
