"""Keep the registry's Production alias and the decisions in agreement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake
from pipelines.registry.decisions import ModelDecision, champion_at, read_decisions
from pipelines.registry.mlflow import PRODUCTION, Registry, model_name
from pipelines.steps.models.manual_decisions import (
    END_OF_TIME,
    MoveReport,
    UnfitModel,
    append_decisions,
    build_report,
    find_training_decision,
    is_same_model,
    verify_model,
)


def reconcile(lake: Lake, registry: Registry, forecast: TargetForecast, source: str) -> MoveReport:
    """Bring the decisions and the Production alias into agreement, whoever moved the alias.

    An alias that was moved by hand is obeyed if its version can serve: from now on that version
    is the champion. If it cannot, the alias is put back and the refusal is recorded. An alias that
    was removed by hand withdraws its version. Where a process ended between writing a decision and
    moving its alias, the alias follows. Raises RegistryError while MLflow is down.
    """
    with lake.view() as view:
        rows = read_decisions(view, forecast, source)
    champion = champion_at(rows, END_OF_TIME)
    decided = champion.model_version if champion else None
    state = registry.alias_state(model_name(forecast))
    current, recorded = state.aliases.get(PRODUCTION), state.set_by_bullion.get(PRODUCTION)
    if current == decided and recorded == decided:
        return build_report(lake, forecast, source, [])
    version = current if current is not None else recorded
    if version is not None and not is_of_source(registry, forecast, source, rows, version):
        # The alias belongs to a model of another source.
        return build_report(lake, forecast, source, [])
    messages: list[str] = []
    if current is None and recorded is not None and recorded == decided:
        messages = _withdraw_champion(lake, forecast, source)
    elif current is not None and current not in (decided, recorded):
        messages = _adopt_alias(lake, registry, forecast, source, current)
    messages += move_production_alias(lake, registry, forecast, source)
    return build_report(lake, forecast, source, messages)


def _withdraw_champion(lake: Lake, forecast: TargetForecast, source: str) -> list[str]:
    """Withdraw the champion whose alias was removed by hand."""
    with lake.write(f"reconcile {forecast.name}") as writer:
        rows = read_decisions(writer, forecast, source)
        champion = champion_at(rows, END_OF_TIME)
        if champion is None:
            return []
        reason = "withdrawn: its alias was taken away by hand"
        append_decisions(writer, forecast, source, rows, [(champion, "withdrawn", reason)])
        return [f"version {champion.model_version} was {reason}"]


def _adopt_alias(
    lake: Lake, registry: Registry, forecast: TargetForecast, source: str, version: int
) -> list[str]:
    """Promote the version that somebody pointed the alias to, or record why it is refused."""
    try:
        source, row = find_training_decision(lake, registry, forecast, version)
    except UnfitModel as error:  # a model that this lake does not know has no row to copy
        return [_record_unknown_version(lake, forecast, source, version, error.message)]
    verdict, reason = "promoted", f"the alias {PRODUCTION} was moved to it by hand"
    try:
        verify_model(registry, forecast, row)
    except UnfitModel as error:
        verdict, reason = "refused", f"{reason}, and put back: {error.message}"
    with lake.write(f"reconcile {forecast.name}") as writer:
        rows = read_decisions(writer, forecast, source)
        # Another process may have promoted it, and a refusal is recorded once.
        if verdict == "promoted" and is_same_model(champion_at(rows, END_OF_TIME), row):
            return []
        recorded_before = any(
            is_same_model(r, row) and r.verdict == verdict and r.reason.startswith(reason)
            for r in rows
        )
        if verdict == "promoted" or not recorded_before:
            append_decisions(writer, forecast, source, rows, [(row, verdict, reason)])
    return [f"version {version} was {verdict}: {reason}"]


def _record_unknown_version(
    lake: Lake, forecast: TargetForecast, source: str, version: int, cause: str
) -> str:
    """Record in gold.runs that the alias was moved to a version which this lake does not know."""
    now = datetime.now(UTC)
    message = (
        f"the alias {PRODUCTION} was moved to version {version} by hand, and put back: {cause}"
    )
    row = {
        "run": f"reconcile:{now:%Y-%m-%dT%H:%M:%S.%f}",
        "step": "reconcile",
        "source": source,
        "about": forecast.name,
        "interval_start": now,
        "interval_end": now,
        "status": "failed",
        "counts": "{}",
        "message": message,
        "finished_at": now,
    }
    with lake.write(f"reconcile {forecast.name}") as writer:
        writer.append("gold.runs", pa.Table.from_pylist([row]))
    return message


def move_production_alias(
    lake: Lake, registry: Registry, forecast: TargetForecast, source: str
) -> list[str]:
    """Point the Production alias to the champion; a message says why where that fails."""
    name = model_name(forecast)
    with lake.view() as view:
        rows = read_decisions(view, forecast, source)
    champion = champion_at(rows, END_OF_TIME)
    try:
        if champion is not None:
            registry.set_alias(name, PRODUCTION, champion.model_version)
            return []
        state = registry.alias_state(name)
        version = state.aliases.get(PRODUCTION, state.set_by_bullion.get(PRODUCTION))
        if version is not None and is_of_source(registry, forecast, source, rows, version):
            registry.remove_alias(name, PRODUCTION)
    except BullionError as error:
        return [
            f"the decision stands, but its alias could not follow: {error.message}; "
            f"the next `bullion monitor {forecast.name}` moves it"
        ]
    return []


def is_of_source(
    registry: Registry,
    forecast: TargetForecast,
    source: str,
    rows: Sequence[ModelDecision],
    version: int,
) -> bool:
    """Whether a version was trained on this source: models of all sources share one alias."""
    if any(row.model_version == version for row in rows):
        return True
    try:
        tag = registry.version(model_name(forecast), version).tags.get("source")
    except InvalidRequest:  # the version is gone
        return False
    return tag in (None, source)
