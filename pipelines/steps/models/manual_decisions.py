"""Decisions made after training: verify a model, and write a decision that moves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake, Writer
from pipelines.modeling.scorer import UnreadableModel
from pipelines.registry.decisions import (
    ModelDecision,
    champion_at,
    read_decisions,
    training_decisions,
)
from pipelines.registry.mlflow import Registry, RegistryError, UnsoundModel, model_name
from pipelines.steps.models.load import load_champion

END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)  # after every decision


class UnfitModel(InvalidRequest):
    """A version that may not serve."""


@dataclass(frozen=True)
class MoveReport:
    """What a promotion, a rollback or a reconciliation did."""

    forecast: str
    source: str
    champion: int | None  # the version that is promoted now
    messages: tuple[str, ...]  # empty where nothing had to be moved

    def summary(self) -> str:
        now = f"version {self.champion} serves" if self.champion else "no version is promoted"
        return "\n".join([*self.messages, f"{self.forecast} on {self.source}: {now}"])


def build_report(
    lake: Lake, forecast: TargetForecast, source: str, messages: Sequence[str]
) -> MoveReport:
    """Report the messages of a move, and the champion after it."""
    with lake.view() as view:
        champion = champion_at(read_decisions(view, forecast, source), END_OF_TIME)
    return MoveReport(
        forecast.name, source, champion.model_version if champion else None, tuple(messages)
    )


def verify_model(
    registry: Registry, forecast: TargetForecast, row: ModelDecision, *, offline: bool = False
) -> None:
    """Refuse a version unless its file is the one decided on, and fits the forecast of today.

    The registry's own file is read. With `offline`, a copy that was verified before is enough
    while the registry cannot be reached, or has lost the version.
    """
    name = f"version {row.model_version} of {model_name(forecast)}"
    hint = f"promote another, or train: bullion train {forecast.name}"
    try:
        try:
            registered = registry.load(model_name(forecast), row.model_version).version
        except (RegistryError, InvalidRequest) as error:
            if isinstance(error, UnsoundModel) or not offline:
                raise
        else:
            if registered.sha256 != row.sha256:
                raise UnfitModel(f"{name} is another file than the one that was trained", hint)
        load_champion(registry, forecast, row)
    except (UnsoundModel, UnreadableModel) as error:
        raise UnfitModel(f"{name} cannot serve: {error.message}", hint) from error
    except InvalidRequest as error:
        raise UnfitModel(error.message, error.hint or hint) from error


def find_training_decision(
    lake: Lake, registry: Registry, forecast: TargetForecast, version: int
) -> tuple[str, ModelDecision]:
    """Find the source that a version was trained on, and the decision that its training wrote."""
    name = model_name(forecast)
    with lake.view() as view:
        sources = view.rows(
            """SELECT DISTINCT source FROM gold.model_decisions
               WHERE forecast = ? AND target = ? AND model_version = ?""",
            [forecast.name, forecast.label.name, version],
        )
        try:
            registered = registry.version(name, version)
        except InvalidRequest as error:
            if not sources:
                raise
            raise UnfitModel(
                f"version {version} of {name} is in the lake and no longer in MLflow at "
                f"{registry.uri}: its store was lost, or the version deleted",
                f"bring the store back from a copy, or promote another: bullion models "
                f"{forecast.name}",
            ) from error
        for (source,) in sources:
            for row in training_decisions(read_decisions(view, forecast, source)):
                if row.model_version == version and row.sha256 == registered.sha256:
                    return source, row
    raise UnfitModel(
        f"version {version} of {name} was not trained on this lake, or its SHA-256 was changed",
        f"`bullion models {forecast.name}` lists those that may be promoted",
    )


def is_same_model(row: ModelDecision | None, other: ModelDecision) -> bool:
    """Whether two decisions are about the same file."""
    return row is not None and row.model == other.model


def append_decisions(
    writer: Writer,
    forecast: TargetForecast,
    source: str,
    rows: Sequence[ModelDecision],
    moves: Sequence[tuple[ModelDecision, str, str]],
) -> None:
    """Write decisions as copies of those that the versions' own trainings wrote.

    Each move is the decision on a version, the new verdict and the reason.
    """
    now = datetime.now(UTC)
    # A clock that was set back must not put a decision before the one that it replaces.
    if rows and rows[-1].as_of >= now:
        now = rows[-1].as_of + timedelta(microseconds=1)
    copies: list[dict[str, Any]] = []
    for row, verdict, reason in moves:
        training = next((t for t in training_decisions(rows) if is_same_model(t, row)), row)
        original = writer.sql(
            """SELECT * EXCLUDE (batch) FROM gold.model_decisions
               WHERE forecast = ? AND target = ? AND source = ? AND model_version = ?
               AND verdict = ? AND decided_at = ?""",
            [
                forecast.name,
                forecast.label.name,
                source,
                training.model_version,
                training.verdict,
                training.decided_at,
            ],
        ).to_pylist()[0]
        # A refusal moves nothing: it has the instant of the training that it is about.
        as_of = training.as_of if verdict == "refused" else now
        full_reason = f"{reason}; its gates had said: {training.reason}"
        changes = {"verdict": verdict, "as_of": as_of, "reason": full_reason, "decided_at": now}
        copies.append(original | changes)
    writer.append("gold.model_decisions", pa.Table.from_pylist(copies))
