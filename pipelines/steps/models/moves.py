"""Moves of who serves: promotion by hand, and rollback.

gold.model_decisions is the truth. A move is written there first and the alias follows, so that no
alias stands that no decision explains.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.core.errors import BullionError, InvalidRequest, unknown
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake
from pipelines.registry.decisions import ModelDecision, ModelKey, decisions, former, promoted
from pipelines.registry.mlflow import ALIASES, STAGING, Registry, model_name
from pipelines.steps.models.aliases import follow
from pipelines.steps.models.manual_decisions import (
    EVER,
    Moved,
    append,
    same,
    told,
    trained_as,
    verify,
)


def promote(
    lake: Lake,
    registry: Registry,
    forecast: TargetForecast,
    version: int,
    to: str,
    *,
    by: str = "cli",
) -> Moved:
    """Make a version Staging or Production, once it has been found sound.

    One that its gates refused may be promoted by hand, and stays unproven.
    """
    if to not in ALIASES:
        raise unknown("alias", to, ALIASES)
    source, row = trained_as(lake, registry, forecast, version)
    verify(registry, forecast, row)
    if to == STAGING:
        registry.set_alias(model_name(forecast), STAGING, version)
        return told(lake, forecast, source, [f"version {version} is Staging"])
    said = f"version {version} was promoted by {by}"
    with lake.write(f"promote {forecast.name}") as writer:
        rows = decisions(writer, forecast, source)
        if same(promoted(rows, EVER), row):
            said = f"version {version} was promoted already"
        else:
            append(writer, forecast, source, rows, [(row, "promoted", said)])
    return told(lake, forecast, source, [said, *follow(lake, registry, forecast, source)])


def rollback(
    lake: Lake,
    registry: Registry,
    forecast: TargetForecast,
    source: str,
    *,
    reason: str = "",
    by: str = "cli",
) -> Moved:
    """Withdraw the champion; the nearest former one that is still sound serves again.

    Where none is, nobody is promoted, and bars are scored by the newest trained, unproven.
    """
    with lake.view() as view:
        rows = decisions(view, forecast, source)
    champion = promoted(rows, EVER)
    if champion is None:
        raise InvalidRequest(
            f"no model of {forecast.name} on {source} is promoted: there is nothing to roll back",
            f"`bullion models {forecast.name} --source {source}` shows who serves",
        )
    said: list[str] = []
    heir = _heir(registry, forecast, rows, said)
    why = f"withdrawn by {by}{f': {reason}' if reason else ''}"
    moves = [(champion, "withdrawn", "; ".join([why, *said]))]
    if heir is not None:
        again = f"serves again, as {by} withdrew version {champion.model_version}"
        moves.append((heir, "promoted", f"{again}{f': {reason}' if reason else ''}"))
    with lake.write(f"roll back {forecast.name}") as writer:
        newest = decisions(writer, forecast, source)
        if promoted(newest, EVER) != champion:
            raise InvalidRequest(
                f"another move came before: version {champion.model_version} of {forecast.name} "
                f"serves no longer",
                f"`bullion models {forecast.name} --source {source}` shows who does",
            )
        append(writer, forecast, source, newest, moves)
    said = [f"version {champion.model_version}: {why}", *said]
    if heir is None:
        said.append("no former champion is left: bars are scored by the newest trained, unproven")
    return told(lake, forecast, source, [*said, *follow(lake, registry, forecast, source)])


def _heir(
    registry: Registry, forecast: TargetForecast, rows: Sequence[ModelDecision], said: list[str]
) -> ModelDecision | None:
    """The nearest former champion that is sound; what is wrong with nearer ones is said."""
    unfit: set[ModelKey] = set()
    while heir := former(rows, EVER, unfit):
        try:
            verify(registry, forecast, heir, offline=True)
        except BullionError as error:
            said.append(f"version {heir.model_version} was passed over: {error.message}")
            unfit.add(heir.model)
        else:
            return heir
    return None
