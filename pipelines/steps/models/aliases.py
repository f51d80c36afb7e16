"""The registry's Production alias and the decisions, kept together whoever moved one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake
from pipelines.registry.decisions import ModelDecision, decisions, promoted
from pipelines.registry.mlflow import PRODUCTION, Registry, model_name
from pipelines.steps.models.manual_decisions import (
    EVER,
    Moved,
    Unfit,
    append,
    same,
    told,
    trained_as,
    verify,
)


def reconcile(lake: Lake, registry: Registry, forecast: TargetForecast, source: str) -> Moved:
    """Bring decisions and the Production alias together, whoever moved it.

    An alias that was moved by hand is obeyed, if its version is sound: from now on that version
    serves. If it is not, the alias is put back and the refusal kept. An alias that was taken away
    withdraws its version. Where only a process had ended between a decision and its alias, the
    alias follows. MLflow being down raises RegistryError.
    """
    with lake.view() as view:
        rows = decisions(view, forecast, source)
    champion = promoted(rows, EVER)
    decided = champion.model_version if champion else None
    standing = registry.alias_state(model_name(forecast))
    held, ours = standing.aliases.get(PRODUCTION), standing.set_by_bullion.get(PRODUCTION)
    if held == decided and ours == decided:
        return told(lake, forecast, source, [])
    about = held if held is not None else ours
    if about is not None and not of_source(registry, forecast, source, rows, about):
        return told(lake, forecast, source, [])  # another source's model has the alias
    said: list[str] = []
    if held is None and ours is not None and ours == decided:
        said = _taken_away(lake, forecast, source)
    elif held is not None and held not in (decided, ours):
        said = _moved_by_hand(lake, registry, forecast, source, held)
    return told(lake, forecast, source, [*said, *follow(lake, registry, forecast, source)])


def _taken_away(lake: Lake, forecast: TargetForecast, source: str) -> list[str]:
    with lake.write(f"reconcile {forecast.name}") as writer:
        rows = decisions(writer, forecast, source)
        champion = promoted(rows, EVER)
        if champion is None:
            return []
        reason = "withdrawn: its alias was taken away by hand"
        append(writer, forecast, source, rows, [(champion, "withdrawn", reason)])
        return [f"version {champion.model_version} was {reason}"]


def _moved_by_hand(
    lake: Lake, registry: Registry, forecast: TargetForecast, source: str, held: int
) -> list[str]:
    try:
        source, row = trained_as(lake, registry, forecast, held)
    except Unfit as error:  # a model that this lake knows nothing of has no row to copy
        return [_refused_stranger(lake, forecast, source, held, error.message)]
    verdict, reason = "promoted", f"the alias {PRODUCTION} was moved to it by hand"
    try:
        verify(registry, forecast, row)
    except Unfit as error:
        verdict, reason = "refused", f"{reason}, and put back: {error.message}"
    with lake.write(f"reconcile {forecast.name}") as writer:
        rows = decisions(writer, forecast, source)
        # Another process may have done it, and a refusal is told once.
        if verdict == "promoted" and same(promoted(rows, EVER), row):
            return []
        told_before = any(
            same(r, row) and r.verdict == verdict and r.reason.startswith(reason) for r in rows
        )
        if verdict == "promoted" or not told_before:
            append(writer, forecast, source, rows, [(row, verdict, reason)])
    return [f"version {held} was {verdict}: {reason}"]


def _refused_stranger(
    lake: Lake, forecast: TargetForecast, source: str, version: int, why: str
) -> str:
    now = datetime.now(UTC)
    said = f"the alias {PRODUCTION} was moved to version {version} by hand, and put back: {why}"
    row = {
        "run": f"reconcile:{now:%Y-%m-%dT%H:%M:%S.%f}",
        "step": "reconcile",
        "source": source,
        "about": forecast.name,
        "interval_start": now,
        "interval_end": now,
        "status": "failed",
        "counts": "{}",
        "message": said,
        "finished_at": now,
    }
    with lake.write(f"reconcile {forecast.name}") as writer:
        writer.append("gold.runs", pa.Table.from_pylist([row]))
    return said


def follow(lake: Lake, registry: Registry, forecast: TargetForecast, source: str) -> list[str]:
    """Put the Production alias where the decisions say; in words why, if that cannot be done."""
    name = model_name(forecast)
    with lake.view() as view:
        rows = decisions(view, forecast, source)
    champion = promoted(rows, EVER)
    try:
        if champion is not None:
            registry.set_alias(name, PRODUCTION, champion.model_version)
            return []
        standing = registry.alias_state(name)
        stood = standing.aliases.get(PRODUCTION, standing.set_by_bullion.get(PRODUCTION))
        if stood is not None and of_source(registry, forecast, source, rows, stood):
            registry.remove_alias(name, PRODUCTION)
    except BullionError as error:
        return [
            f"the decision stands, but its alias could not follow: {error.message}; "
            f"the next `bullion monitor {forecast.name}` moves it"
        ]
    return []


def of_source(
    registry: Registry,
    forecast: TargetForecast,
    source: str,
    rows: Sequence[ModelDecision],
    version: int,
) -> bool:
    """Is a version this source's? The registry has one alias for the models of all sources."""
    if any(row.model_version == version for row in rows):
        return True
    try:
        tagged = registry.version(model_name(forecast), version).tags.get("source")
    except InvalidRequest:  # the version is gone
        return False
    return tagged in (None, source)
