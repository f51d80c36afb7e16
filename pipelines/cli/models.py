"""The commands on models: who serves, and moving it by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.app import AsOfOption, SourceOption, app, chosen_source, out, show
from pipelines.core.errors import BullionError
from pipelines.core.intervals import utc
from pipelines.forecasts import FORECASTS, TargetForecast
from pipelines.forecasts import forecast as forecast_named
from pipelines.lake import Lake, View
from pipelines.registry.decisions import (
    ModelDecision,
    ModelKey,
    ServingModel,
    read_decisions,
    serving_model_at,
)

ForecastArgument = Annotated[
    str, typer.Argument(metavar="FORECAST", help="such as nasdaq100_hourly")
]
TargetOption = Annotated[
    str | None, typer.Option(help="of a forecast that has several; default: each of them")
]
LISTED = 30  # decisions, the newest
EXPLAINED = 5  # of these, with their reason
COLUMNS = (
    "version", "as of", "verdict", "proven", "alias", "candidate", "rank IC", "macro F1",
)  # fmt: skip


def targets(name: str, target: str | None) -> tuple[TargetForecast, ...]:
    """The forecast of the target that was named, or of each of them."""
    declared = forecast_named(name)
    return declared.per_target() if target is None else (declared.target_forecast(target),)


def the_target(name: str, target: str | None) -> TargetForecast:
    """The forecast of the target that was named; where it has several, one must be."""
    return forecast_named(name).target_forecast(target or "")


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(metavar="[FORECAST]", help="default: all")] = None,
    source: SourceOption = None,
    target: TargetOption = None,
) -> None:
    """The decisions about a forecast's models, newest first, and who serves now.

    The rank IC and its lower bound are of the rows that its gates judged, the macro F1 of those
    that selected it.
    """
    chosen = chosen_source(source).name
    names = [one.name for one in FORECASTS] if name is None else [name]
    asked = [one for each in names for one in targets(each, target)]
    with Lake(create=False) as lake, lake.view() as view:
        for one in asked:
            _list(view, one, chosen)


def _list(view: View, forecast: TargetForecast, source: str) -> None:
    rows = _rows(view, forecast, source)
    if not rows:
        out.print(
            f"{_told(forecast)} on {source}: nothing was trained yet\n"
            f"  next: bullion train {forecast.name} --source {source}",
            highlight=False,
            soft_wrap=True,
        )
        return
    aliases, lost = _aliases(forecast)
    decided = read_decisions(view, forecast, source)
    told = [(str(row[0]), *row[1:4], aliases.get(row[0], ""), *row[4:-1]) for row in rows]
    show(f"{_told(forecast)} on {source}", told, COLUMNS)
    for version, as_of, verdict, *_, reason in rows[:EXPLAINED]:
        said = f"{as_of}, version {version} {verdict}: {reason}"
        out.print(said, highlight=False, soft_wrap=True)
    if lost:
        out.print(f"the aliases are unknown: {lost}", highlight=False, soft_wrap=True)
    else:
        _tell_missing(forecast, decided)
    who = serving_model_at(decided, datetime.now(UTC)) if lost else _loadable(forecast, decided)
    if who is not None:
        proven = "proven" if who.proven else f"unproven: {who.unproven_reason}"
        instead = f"; {who.instead_of}" if who.instead_of else ""
        said = f"version {who.model_version} serves, {proven}{instead}"
        out.print(said, highlight=False, soft_wrap=True)
    else:
        out.print(
            "no version can serve: the files of all are lost", highlight=False, soft_wrap=True
        )


def _tell_missing(forecast: TargetForecast, decided: Sequence[ModelDecision]) -> None:
    """Which versions the lake knows and MLflow does not, or knows with another file."""
    from pipelines.registry.mlflow import Registry, model_name

    registry = Registry()
    there = {(one.version, one.sha256) for one in registry.versions(model_name(forecast))}
    missing = sorted({row.model_version for row in decided if row.model not in there})
    if missing:
        numbers = ", ".join(map(str, missing))
        out.print(
            f"no longer in MLflow at {registry.uri}: version {numbers}; it cannot be promoted, and "
            f"scores as long as its file lies beside the lake",
            highlight=False,
            soft_wrap=True,
        )


def _loadable(forecast: TargetForecast, decided: Sequence[ModelDecision]) -> ServingModel | None:
    """Who serves now: the one decided on, or another where its file is lost."""
    from pipelines.registry.mlflow import Registry, UnsoundModel, model_name

    registry, lost = Registry(), dict[ModelKey, str]()
    while who := serving_model_at(decided, datetime.now(UTC), lost):
        try:
            registry.read_model(model_name(forecast), who.model_version, who.decision.sha256)
        except UnsoundModel as error:
            lost[who.decision.model] = error.message
        else:
            break
    return who


def _told(forecast: TargetForecast) -> str:
    return f"{forecast.name}, {forecast.target.name}," if forecast.has_siblings else forecast.name


def _rows(view: View, forecast: TargetForecast, source: str) -> list[tuple[object, ...]]:
    found = view.rows(
        """SELECT d.model_version, d.as_of, d.verdict, d.proven, d.candidate, d.gates, d.reason,
                  (SELECT any_value(macro_f1) FROM gold.model_rankings r
                   WHERE r.forecast = d.forecast AND r.target = d.target AND r.source = d.source
                   AND r.model_version = d.model_version AND r.rank = 1)
           FROM gold.model_decisions d
           WHERE d.forecast = ? AND d.target = ? AND d.source = ?
           ORDER BY d.as_of DESC, d.decided_at DESC, d.verdict = 'promoted' DESC LIMIT ?""",
        [forecast.name, forecast.label.name, source, LISTED],
    )
    return [
        (
            version,
            f"{utc(as_of):%Y-%m-%d %H:%M}",
            verdict,
            "yes" if proven else "no",
            candidate,
            _rank_ic(gates),
            "" if macro_f1 is None else f"{macro_f1:.4f}",
            _short(reason),
        )
        for version, as_of, verdict, proven, candidate, gates, reason, macro_f1 in found
    ]


def _rank_ic(gates: str) -> str:
    for gate in json.loads(gates):
        if gate.get("gate") == "skill_direction" and gate.get("value") is not None:
            low = gate.get("low")
            return f"{gate['value']:.4f}" + ("" if low is None else f" (> {low:.4f})")
    return ""


def _short(reason: str, length: int = 90) -> str:
    return reason if len(reason) <= length else f"{reason[: length - 3]}..."


def _aliases(forecast: TargetForecast) -> tuple[dict[object, str], str]:
    """The aliases of each version; in words why they are not known, where MLflow is down."""
    from pipelines.registry.mlflow import Registry, model_name

    try:
        standing = Registry().alias_state(model_name(forecast)).aliases
    except BullionError as error:
        return {}, error.message
    made: dict[object, str] = {}
    for alias, version in sorted(standing.items()):
        made[version] = ", ".join(filter(None, [made.get(version, ""), alias]))
    return made, ""


@app.command()
def promote(
    name: ForecastArgument,
    version: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="of `bullion models`")],
    to: Annotated[str, typer.Option(help="Staging or Production")],
    target: TargetOption = None,
) -> None:
    """Make a version Staging, or Production: then it serves from now on, verified first."""
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.models.moves import promote as move

    declared = the_target(name, target)
    with Lake(create=False) as lake:
        done = move(lake, Registry(), declared, version, to)
    out.print(done.summary(), highlight=False, soft_wrap=True)


@app.command()
def rollback(
    name: ForecastArgument,
    source: SourceOption = None,
    reason: Annotated[str, typer.Option(help="why, kept with the decision")] = "",
    target: TargetOption = None,
) -> None:
    """Withdraw the champion: the one before it serves again, if its file is sound."""
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.models.moves import rollback as move

    declared, chosen = the_target(name, target), chosen_source(source).name
    with Lake(create=False) as lake:
        done = move(lake, Registry(), declared, chosen, reason=reason)
    out.print(done.summary(), highlight=False, soft_wrap=True)


@app.command()
def monitor(
    name: ForecastArgument,
    source: SourceOption = None,
    as_of: AsOfOption = None,
    sessions: Annotated[int, typer.Option(min=1, max=2_000, help="to look back over")] = 60,
    target: TargetOption = None,
) -> None:
    """Hold the champion to what it showed at its gate; reports, and a rollback if it must be."""
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.watch.monitor import monitor as look

    asked, chosen, registry = targets(name, target), chosen_source(source).name, Registry()
    with Lake(create=False) as lake:
        for one in asked:
            done = look(
                lake,
                registry,
                one,
                chosen,
                now=utc(as_of) if as_of is not None else None,
                sessions=sessions,
                run=f"cli:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
            )
            out.print(done.summary(), highlight=False, soft_wrap=True)
