"""The commands on models: which one serves, and how to change that by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.app import AsOfOption, SourceOption, app, chosen_source, out, print_table
from pipelines.core.errors import BullionError
from pipelines.core.intervals import utc
from pipelines.forecasts import FORECASTS, TargetForecast
from pipelines.forecasts import forecast as forecast_named
from pipelines.gates import DirectionSkill, IndexSkill
from pipelines.lake import View
from pipelines.registry.decisions import (
    ModelDecision,
    ModelKey,
    ServingModel,
    read_decisions,
    serving_model_at,
)
from pipelines.steps.lake import open_lake

ForecastArgument = Annotated[
    str, typer.Argument(metavar="FORECAST", help="such as nasdaq100_hourly")
]
TargetOption = Annotated[
    str | None, typer.Option(help="of a forecast that has several; default: each of them")
]
LISTED = 30  # decisions, the newest
EXPLAINED = 5  # of these, with their reason
COLUMNS = (
    "version", "as of", "verdict", "proven", "alias", "candidate", "rank IC", "WSS rank IC",
    "macro F1",
)  # fmt: skip


def targets(name: str, target: str | None) -> tuple[TargetForecast, ...]:
    """Return the forecast of the named target, or of each target."""
    declared = forecast_named(name)
    return declared.per_target() if target is None else (declared.target_forecast(target),)


def the_target(name: str, target: str | None) -> TargetForecast:
    """Return the forecast of the named target; a forecast with several needs a name."""
    return forecast_named(name).target_forecast(target or "")


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(metavar="[FORECAST]", help="default: all")] = None,
    source: SourceOption = None,
    target: TargetOption = None,
) -> None:
    """The decisions about a forecast's models, newest first, and which model serves now.

    The rank ICs and their lower bounds are of what was published for the rows that its gates
    judged: of the actions' scores, and of the WSS with the index's next return. The macro F1 is of
    the rows that selected it.
    """
    source_name = chosen_source(source).name
    names = [forecast.name for forecast in FORECASTS] if name is None else [name]
    forecasts = [forecast for each_name in names for forecast in targets(each_name, target)]
    with open_lake(create=False) as lake, lake.view() as view:
        for forecast in forecasts:
            _print_decisions(view, forecast, source_name)


def _print_decisions(view: View, forecast: TargetForecast, source: str) -> None:
    rows = _rows(view, forecast, source)
    if not rows:
        out.print(
            f"{_title(forecast)} on {source}: nothing was trained yet\n"
            f"  next: bullion train {forecast.name} --source {source}",
            highlight=False,
            soft_wrap=True,
        )
        return
    aliases, alias_error = _aliases(forecast)
    decided = read_decisions(view, forecast, source)
    cells = [(str(row[0]), *row[1:4], aliases.get(row[0], ""), *row[4:-1]) for row in rows]
    print_table(f"{_title(forecast)} on {source}", cells, COLUMNS)
    for version, as_of, verdict, *_, reason in rows[:EXPLAINED]:
        line = f"{as_of}, version {version} {verdict}: {reason}"
        out.print(line, highlight=False, soft_wrap=True)
    if alias_error:
        out.print(f"the aliases are unknown: {alias_error}", highlight=False, soft_wrap=True)
    else:
        _print_missing(forecast, decided)
    champion = (
        serving_model_at(decided, datetime.now(UTC))
        if alias_error
        else _loadable(forecast, decided)
    )
    if champion is not None:
        proven = "proven" if champion.proven else f"unproven: {champion.unproven_reason}"
        instead = f"; {champion.instead_of}" if champion.instead_of else ""
        line = f"version {champion.model_version} serves, {proven}{instead}"
        out.print(line, highlight=False, soft_wrap=True)
    else:
        out.print(
            "no version can serve: the files of all are lost", highlight=False, soft_wrap=True
        )


def _print_missing(forecast: TargetForecast, decided: Sequence[ModelDecision]) -> None:
    """Print the versions that the lake knows and MLflow does not, or with another file."""
    from pipelines.registry.mlflow import Registry, model_name

    registry = Registry()
    versions = registry.versions(model_name(forecast))
    registered = {(version.version, version.sha256) for version in versions}
    missing = sorted({row.model_version for row in decided if row.model not in registered})
    if missing:
        numbers = ", ".join(map(str, missing))
        out.print(
            f"no longer in MLflow at {registry.uri}: version {numbers}; it cannot be promoted, and "
            f"scores as long as its file lies beside the lake",
            highlight=False,
            soft_wrap=True,
        )


def _loadable(forecast: TargetForecast, decided: Sequence[ModelDecision]) -> ServingModel | None:
    """Find the model that serves now: the champion, or another where its file is lost."""
    from pipelines.registry.mlflow import Registry, UnsoundModel, model_name

    registry, unsound = Registry(), dict[ModelKey, str]()
    while champion := serving_model_at(decided, datetime.now(UTC), unsound):
        try:
            registry.read_model(
                model_name(forecast), champion.model_version, champion.decision.sha256
            )
        except UnsoundModel as error:
            unsound[champion.decision.model] = error.message
        else:
            break
    return champion


def _title(forecast: TargetForecast) -> str:
    return f"{forecast.name}, {forecast.target.name}," if forecast.has_siblings else forecast.name


def _rows(view: View, forecast: TargetForecast, source: str) -> list[tuple[object, ...]]:
    rows = view.rows(
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
            _rank_ic(gates, DirectionSkill().name),
            _rank_ic(gates, IndexSkill().name),
            "" if macro_f1 is None else f"{macro_f1:.4f}",
            _short(reason),
        )
        for version, as_of, verdict, proven, candidate, gates, reason, macro_f1 in rows
    ]


def _rank_ic(gates: str, name: str) -> str:
    """Return the value that a gate measured, and its lower bound; empty where it has none."""
    for gate in json.loads(gates):
        if gate.get("gate") == name and gate.get("low") is not None:
            return f"{gate['value']:.4f} (> {gate['low']:.4f})"
    return ""


def _short(reason: str, length: int = 90) -> str:
    return reason if len(reason) <= length else f"{reason[: length - 3]}..."


def _aliases(forecast: TargetForecast) -> tuple[dict[object, str], str]:
    """Return the aliases of each version, and why they are not known where MLflow is down."""
    from pipelines.registry.mlflow import Registry, model_name

    try:
        versions = Registry().alias_state(model_name(forecast)).aliases
    except BullionError as error:
        return {}, error.message
    names_of: dict[object, str] = {}
    for alias, version in sorted(versions.items()):
        names_of[version] = ", ".join(filter(None, [names_of.get(version, ""), alias]))
    return names_of, ""


@app.command()
def promote(
    name: ForecastArgument,
    version: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="of `bullion models`")],
    to: Annotated[str, typer.Option(help="Staging or Production")],
    target: TargetOption = None,
) -> None:
    """Make a version Staging or Production; in Production it serves, once its file is verified."""
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.models.moves import promote as move

    declared = the_target(name, target)
    with open_lake(create=False) as lake:
        report = move(lake, Registry(), declared, version, to)
    out.print(report.summary(), highlight=False, soft_wrap=True)


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

    declared, source_name = the_target(name, target), chosen_source(source).name
    with open_lake(create=False) as lake:
        report = move(lake, Registry(), declared, source_name, reason=reason)
    out.print(report.summary(), highlight=False, soft_wrap=True)


@app.command()
def monitor(
    name: ForecastArgument,
    source: SourceOption = None,
    as_of: AsOfOption = None,
    sessions: Annotated[
        int, typer.Option(min=1, max=2_000, help="sessions to look back over")
    ] = 60,
    target: TargetOption = None,
) -> None:
    """Compare the champion's live results with its gates; write reports, roll back if needed."""
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.watch.monitor import monitor as look

    forecasts, source_name, registry = targets(name, target), chosen_source(source).name, Registry()
    with open_lake(create=False) as lake:
        for forecast in forecasts:
            report = look(
                lake,
                registry,
                forecast,
                source_name,
                now=utc(as_of) if as_of is not None else None,
                sessions=sessions,
                run=f"cli:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
            )
            out.print(report.summary(), highlight=False, soft_wrap=True)
