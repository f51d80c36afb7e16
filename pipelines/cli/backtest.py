"""The command that backtests a forecast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.app import SourceOption, app, chosen_source, out, print_table, progress_bar
from pipelines.cli.complaints import err
from pipelines.core.calendar import GRIDS, utc
from pipelines.core.errors import InvalidRequest, unknown, writing_to
from pipelines.forecasts import TargetForecast
from pipelines.forecasts import forecast as forecast_named
from pipelines.steps.lake import open_lake

if TYPE_CHECKING:
    from pipelines.backtest.market import BacktestRequest
    from pipelines.backtest.policy import Policy
    from pipelines.backtest.run import Backtest
    from pipelines.steps.backtest.folder import Folder

MOST_DAYS = 36_500


@app.command()
def backtest(
    name: Annotated[str, typer.Argument(metavar="FORECAST", help="such as nasdaq100_hourly")],
    start: Annotated[
        str | None, typer.Option("--from", help="first bar, UTC; a folder may go without")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="before this, UTC; default now")] = None,
    source: SourceOption = None,
    retrain: Annotated[int, typer.Option(help="sessions from one training to the next")] = 20,
    history: Annotated[
        float | None,
        typer.Option(help="days that each training looks back; default the forecast's"),
    ] = None,
    universe: Annotated[
        str | None,
        typer.Option(help="members to combine; default the first that it combines, or all"),
    ] = None,
    candidates: Annotated[
        str | None, typer.Option(help="only these, such as logistic_regression; default all")
    ] = None,
    cost: Annotated[float, typer.Option(help="share of the notional that changes hands")] = 0.0001,
    tune: Annotated[
        bool, typer.Option("--tune", help="choose thresholds on earlier windows alone; see above")
    ] = False,
    limit: Annotated[
        float | None, typer.Option(help="policy: the largest position, in notionals; one a signal")
    ] = None,
    stop: Annotated[
        float | None, typer.Option(help="policy: stop loss, a share of the price: 0.005")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="policy: take profit, a share of the price: 0.01")
    ] = None,
    flat: Annotated[bool, typer.Option("--flat", help="policy: no position over night")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="constituents' files instead of the lake's bars; see above")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="folder: of times without an offset: America/New_York")
    ] = None,
    grid: Annotated[
        str, typer.Option(help="folder: bars from the open (session) or the full hour (clock)")
    ] = "session",
    to_folder: Annotated[
        Path | None, typer.Option("--out", help="folder for report, tables and picture")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="write --out into a folder that has files already")
    ] = False,
    seed: Annotated[int, typer.Option(help="the same seed and bars give the same report")] = 0,
) -> None:
    """Walk forward: train on the past, score what came next, trade the signal.

    Nothing is published: no prediction, decision or model is written.

    Every forecast can be tested that says something of a direction. Several
    symbols are combined by weight; one symbol is traded by itself, an action
    by its score and a value by its sign. --tune tries other thresholds: the
    confidence from which a rule acts, or the score that buys and sells.

    With --folder DIR the bars come from your own files, one a constituent, and
    go to a lake that is gone afterwards. A file is named after its symbol
    (AAPL.csv, msft_1h.csv.gz) and has a header with a time (ts, datetime,
    timestamp, date or time), open, high, low, close and volume. Times without
    an offset need --timezone. A bars.yaml beside the files, as in
    include/sample, can say all else, weights too. Some weeks are too short to
    train on: they are scored by the models that served then in your lake
    (--source), or by one that is made of their first two thirds.

    bullion backtest nasdaq100_hourly --folder bars --out report
    """
    from pipelines.backtest import picture, report
    from pipelines.backtest.market import BacktestRequest
    from pipelines.backtest.traded import find_traded
    from pipelines.steps.backtest.folder import Folder

    forecast, bar_source = find_traded(forecast_named(name)), chosen_source(source)
    if start is None and folder is None:
        raise InvalidRequest("no first day was named", "add --from 2026-03-01")
    if history is not None and not 1 <= history <= MOST_DAYS:
        raise InvalidRequest(f"{history:g} days of history", f"name 1 to {MOST_DAYS:,} days")
    if grid not in GRIDS:
        raise unknown("grid", grid, GRIDS)
    request = BacktestRequest(
        universe or forecast.combinations[0].universe,
        utc(start) if start else None,
        utc(end) if end else datetime.now(UTC),
        retrain,
        forecast.schedule.history if history is None else timedelta(days=history),
        cost,
        tuple(c.strip() for c in candidates.split(",")) if candidates is not None else (),
        tune,
        seed,
    )
    policy = _policy(limit, stop, target, flat)
    if to_folder is not None:
        _prepare_folder(to_folder, force=force)
    if folder is None:
        result = _backtest_lake(forecast, bar_source.name, request, policy)
    else:
        files_of_bars = Folder(folder, timezone or "", grid)
        result = _backtest_folder(files_of_bars, forecast, bar_source.name, request, policy)
    _print_result(result)
    if to_folder is not None:
        files = report.build_files(result, picture.draw_equity(result))
        with writing_to(to_folder):
            for file, body in files.items():
                (to_folder / file).write_bytes(body)
        out.print(f"in {to_folder}: {', '.join(files)}", highlight=False, soft_wrap=True)


def _prepare_folder(folder: Path, *, force: bool) -> None:
    """Create the folder of the report before the hours of work; refuse one that is in use."""
    with writing_to(folder):
        if folder.is_dir() and any(folder.iterdir()) and not force:
            raise InvalidRequest(
                f"{folder} is not empty, and a report in it would be overwritten",
                "name another folder for --out, or add --force",
            )
        folder.mkdir(parents=True, exist_ok=True)


def _policy(
    limit: float | None, stop: float | None, target: float | None, flat: bool
) -> Policy | None:
    from pipelines.backtest.policy import Policy

    if limit is None and stop is None and target is None and not flat:
        return None
    largest_position = 1.0 if limit is None else limit
    return Policy(largest_position, min(1.0, largest_position), stop, target, flat)


def _backtest_lake(
    forecast: TargetForecast, source: str, request: BacktestRequest, policy: Policy | None
) -> Backtest:
    from pipelines.steps.backtest.walk import backtest as backtest_lake

    with open_lake(create=False) as lake, progress_bar(lines=True) as progress:
        return backtest_lake(lake, forecast, source, request, policy, progress)


def _backtest_folder(
    folder: Folder,
    forecast: TargetForecast,
    trained_on: str,
    request: BacktestRequest,
    policy: Policy | None,
) -> Backtest:
    from pipelines.registry.mlflow import Registry
    from pipelines.steps.backtest.folder import backtest_folder

    with progress_bar(lines=True) as progress:
        result, folder_report = backtest_folder(
            folder, forecast, request, trained_on, Registry(), policy, progress
        )
    for line in folder_report.lines:
        err.print(line, highlight=False, soft_wrap=True)
    return result


def _print_result(result: Backtest) -> None:
    from pipelines.backtest import report

    out.print(report.headline(result), highlight=False, soft_wrap=True)
    out.print(result.about["how"], highlight=False, soft_wrap=True)
    print_table("predictions", report.figure_rows(result), ("", "value", "interval"))
    print_table("actions", report.share_rows(result), report.SHARE_COLUMNS)
    print_table("symbols", report.symbol_rows(result), report.symbol_columns(result))
    print_table("windows", report.short_rows(result), report.SHORT_COLUMNS)
    if report.threshold_rows(result):
        print_table("thresholds", report.threshold_rows(result), report.threshold_columns(result))
    print_table("returns", report.return_rows(result), report.return_columns(result))
    for note in result.notes:
        out.print(f"- {note}", highlight=False, soft_wrap=True)
