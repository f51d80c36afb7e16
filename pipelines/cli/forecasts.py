"""The commands on forecasts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.app import AsOfOption, SourceOption, app, chosen_source, out, progress_bar
from pipelines.cli.models import ForecastArgument, TargetOption, targets
from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.forecasts import forecast as forecast_named
from pipelines.lake import Lake
from pipelines.registry.decisions import TRAINED, read_decisions
from pipelines.steps.lake import open_lake


@app.command()
def train(
    name: ForecastArgument,
    source: SourceOption = None,
    as_of: AsOfOption = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="the same seed and bars give the same model")
    ] = 0,
    target: TargetOption = None,
) -> None:
    """Compare a forecast's candidates, register the winner, promote it or say why not."""
    # MLflow, scikit-learn and ONNX take seconds to import, and no other command needs them.
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.models.train import train as train_forecast

    forecasts, bar_source, registry = targets(name, target), chosen_source(source), Registry()
    with open_lake(create=False) as lake:
        for forecast in forecasts:
            with progress_bar() as progress:
                report = train_forecast(
                    lake,
                    registry,
                    forecast,
                    bar_source.name,
                    as_of=utc(as_of) if as_of is not None else None,
                    seed=seed,
                    progress=progress,
                )
            _print(report.summary())


@app.command()
def score(
    name: ForecastArgument,
    source: SourceOption = None,
    at: Annotated[
        str | None, typer.Option(help="the bar that closed last by then, UTC; default now")
    ] = None,
    start: Annotated[str | None, typer.Option(help="or every bar that closed after this")] = None,
    end: Annotated[str | None, typer.Option(help="... up to this; default now")] = None,
) -> None:
    """Score the newest bar, or a range, by the models that served it; combine to signals."""
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.scoring.score import score as score_bars

    if at is not None and (start is not None or end is not None):
        raise InvalidRequest("--at names one bar, --start and --end a range", "keep one of them")
    if end is not None and start is None:
        raise InvalidRequest("a range has no start", "add --start, or name one bar with --at")
    until = at if at is not None else end
    declared, source_name = forecast_named(name), chosen_source(source).name
    with open_lake(create=False) as lake, progress_bar() as progress:
        report = score_bars(
            lake,
            Registry(),
            declared,
            source_name,
            start=utc(start) if start is not None else None,
            end=utc(until) if until is not None else None,
            run=_run_name(),
            progress=progress,
        )
    out.print(report.summary(), highlight=False, soft_wrap=True)


@app.command()
def outcomes(name: ForecastArgument, source: SourceOption = None) -> None:
    """Compute what became of earlier predictions, as far as it is known."""
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.scoring.outcomes import refresh_outcomes

    declared, source_name = forecast_named(name), chosen_source(source).name
    with open_lake(create=False) as lake:
        report = refresh_outcomes(lake, Registry(), declared, source_name)
    out.print(report.summary(), highlight=False, soft_wrap=True)


@app.command()
def run(name: ForecastArgument, source: SourceOption = None) -> None:
    """Features, a training if one is due, the newest bar's score and signal, and outcomes."""
    from pipelines.registry.mlflow import Registry, model_name
    from pipelines.steps.data.features import refresh_features
    from pipelines.steps.models.train import train as train_forecast
    from pipelines.steps.scoring.outcomes import refresh_outcomes
    from pipelines.steps.scoring.score import score as score_bars

    declared, source_name = forecast_named(name), chosen_source(source).name
    registry = Registry()
    with open_lake(create=False) as lake, progress_bar() as progress:
        _print(f"features: {refresh_features(lake, declared, source_name).summary()}")
        for target in declared.per_target():
            due = _training_due(lake, target, source_name)
            if due:
                _print(f"training {model_name(target)}, as {due}")
                _print(
                    train_forecast(lake, registry, target, source_name, progress=progress).summary()
                )
        report = score_bars(
            lake, registry, declared, source_name, run=_run_name(), progress=progress
        )
        _print(report.summary())
        _print(refresh_outcomes(lake, registry, declared, source_name).summary())


def _training_due(lake: Lake, forecast: TargetForecast, source: str) -> str:
    """Say why a training is due; empty if the newest is not older than a session."""
    with lake.view() as view:
        trainings = [
            row for row in read_decisions(view, forecast, source) if row.verdict in TRAINED
        ]
        if not any(row.definition == forecast.model_fingerprint for row in trainings):
            return "no model of these features and this label was trained yet"
        newest = max(row.as_of for row in trainings)
        sessions = view.one(
            f"""SELECT count(DISTINCT session) FROM {forecast.table.full_name}
                WHERE source = ? AND closes_at > ?""",
            [source, newest],
        )
    return f"the newest is {sessions} sessions old" if sessions > 1 else ""


def _run_name() -> str:
    return f"cli:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"


def _print(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True)
