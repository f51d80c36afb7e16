"""The command that predicts the rows of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.app import SourceOption, app, chosen_source, out
from pipelines.cli.complaints import err
from pipelines.cli.models import ForecastArgument
from pipelines.core.errors import InvalidRequest, writing_to
from pipelines.core.input_files import read_file
from pipelines.forecasts import forecast as forecast_named
from pipelines.steps.lake import open_lake


@app.command()
def predict(
    name: ForecastArgument,
    file: Annotated[Path, typer.Argument(help="CSV of bars or of indicators, with a header")],
    source: SourceOption = None,
    symbol: Annotated[
        str | None, typer.Option(help="of all rows, where the file has no column for it")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="of times without an offset: America/New_York")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="a less probable action counts as hold")
    ] = None,
    to_file: Annotated[
        Path | None, typer.Option("--out", help="CSV to write; default the terminal")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="write --out over a file that is there")
    ] = False,
) -> None:
    """Predict every row of a file, as POST /predict_batch does, without a server.

    Bars have the columns open, high, low and close, and may have symbol, ts and
    volume; a time (2026-09-01T14:30Z, or 2026-09-01 10:30 with --timezone) is
    that of the bar's open. Indicators have a
    column for every feature. The answer has a row for each row: its action,
    confidence and probabilities, or its value, or the reason why it has none.
    The model is the one that serves now, trained on --source. Nothing is
    written to the lake.

    bullion predict nvda_5m bars.csv --out predictions.csv
    """
    from pipelines.registry.mlflow import Registry
    from pipelines.requests.csv_file import MOST_BYTES
    from pipelines.steps.scoring.predict_file import predict_file

    forecast, source_name = forecast_named(name), chosen_source(source).name
    if not file.is_file():
        raise InvalidRequest(f"there is no file {file}", "name a CSV of bars or of indicators")
    if to_file is not None and to_file.exists() and not force:
        raise InvalidRequest(
            f"{to_file} is there already", "name another file for --out, or add --force"
        )
    content = read_file(file, max_bytes=MOST_BYTES)
    with open_lake(read_only=True) as lake:
        predictions = predict_file(
            lake, Registry(), forecast, source_name, content, symbol, timezone
        )
    table = predictions.table(min_confidence)
    if to_file is None:
        print(table, end="")
    else:
        with writing_to(to_file.parent):
            to_file.write_text(table, encoding="utf-8")
    for sentence in predictions.summary():
        (err if to_file is None else out).print(sentence, highlight=False, soft_wrap=True)
    if to_file is not None:
        out.print(f"in {to_file}", highlight=False, soft_wrap=True)
