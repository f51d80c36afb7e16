"""Change the champion: promotion by hand, and rollback.

gold.model_decisions is the truth. A decision is written there first and the alias follows, so
that every alias is explained by a decision.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.core.errors import BullionError, InvalidRequest, unknown
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake
from pipelines.registry.decisions import (
    ModelDecision,
    ModelKey,
    champion_at,
    champion_before,
    read_decisions,
)
from pipelines.registry.mlflow import ALIASES, STAGING, Registry, model_name
from pipelines.steps.models.aliases import move_production_alias
from pipelines.steps.models.manual_decisions import (
    END_OF_TIME,
    MoveReport,
    append_decisions,
    build_report,
    find_training_decision,
    is_same_model,
    verify_model,
)


def promote(
    lake: Lake,
    registry: Registry,
    forecast: TargetForecast,
    version: int,
    to: str,
    *,
    by: str = "cli",
) -> MoveReport:
    """Make a version Staging or Production, once its file has been verified.

    A version that its gates refused may be promoted by hand, and stays unproven.
    """
    if to not in ALIASES:
        raise unknown("alias", to, ALIASES)
    source, row = find_training_decision(lake, registry, forecast, version)
    verify_model(registry, forecast, row)
    if to == STAGING:
        registry.set_alias(model_name(forecast), STAGING, version)
        return build_report(lake, forecast, source, [f"version {version} is Staging"])
    message = f"version {version} was promoted by {by}"
    with lake.write(f"promote {forecast.name}") as writer:
        rows = read_decisions(writer, forecast, source)
        if is_same_model(champion_at(rows, END_OF_TIME), row):
            message = f"version {version} was promoted already"
        else:
            append_decisions(writer, forecast, source, rows, [(row, "promoted", message)])
    return build_report(
        lake, forecast, source, [message, *move_production_alias(lake, registry, forecast, source)]
    )


def rollback(
    lake: Lake,
    registry: Registry,
    forecast: TargetForecast,
    source: str,
    *,
    reason: str = "",
    by: str = "cli",
) -> MoveReport:
    """Withdraw the champion; the newest former champion that can still serve does so again.

    Where there is none, no version is promoted, and the newest trained model scores, unproven.
    """
    with lake.view() as view:
        rows = read_decisions(view, forecast, source)
    champion = champion_at(rows, END_OF_TIME)
    if champion is None:
        raise InvalidRequest(
            f"no model of {forecast.name} on {source} is promoted: there is nothing to roll back",
            f"`bullion models {forecast.name} --source {source}` shows who serves",
        )
    messages: list[str] = []
    successor = _find_successor(registry, forecast, rows, messages)
    cause = f"withdrawn by {by}{f': {reason}' if reason else ''}"
    moves = [(champion, "withdrawn", "; ".join([cause, *messages]))]
    if successor is not None:
        reinstated = f"serves again, as {by} withdrew version {champion.model_version}"
        moves.append((successor, "promoted", f"{reinstated}{f': {reason}' if reason else ''}"))
    with lake.write(f"roll back {forecast.name}") as writer:
        newest = read_decisions(writer, forecast, source)
        if champion_at(newest, END_OF_TIME) != champion:
            raise InvalidRequest(
                f"another move came before: version {champion.model_version} of {forecast.name} "
                f"serves no longer",
                f"`bullion models {forecast.name} --source {source}` shows who does",
            )
        append_decisions(writer, forecast, source, newest, moves)
    messages = [f"version {champion.model_version}: {cause}", *messages]
    if successor is None:
        messages.append(
            "no former champion is left: bars are scored by the newest trained, unproven"
        )
    return build_report(
        lake,
        forecast,
        source,
        [*messages, *move_production_alias(lake, registry, forecast, source)],
    )


def _find_successor(
    registry: Registry,
    forecast: TargetForecast,
    rows: Sequence[ModelDecision],
    messages: list[str],
) -> ModelDecision | None:
    """Find the newest former champion that can serve; add a message on each that cannot."""
    unfit: set[ModelKey] = set()
    while former := champion_before(rows, END_OF_TIME, unfit):
        try:
            verify_model(registry, forecast, former, offline=True)
        except BullionError as error:
            messages.append(f"version {former.model_version} was passed over: {error.message}")
            unfit.add(former.model)
        else:
            return former
    return None
