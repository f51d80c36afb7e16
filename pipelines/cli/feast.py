"""The command that writes a repository of Feast, and fills its online store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.app import SnapshotOption, SourceOption, app, chosen_source, named_folder, out
from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import ROOT
from pipelines.forecasts import FORECASTS, forecast
from pipelines.steps.data.feature_store import materialize, write_repository
from pipelines.steps.lake import open_lake

OWN = ROOT / ".venv-feast" / "bin" / "feast"


@app.command()
def feast(
    folder: Annotated[str, typer.Argument(help="a missing or empty folder, or one it wrote")],
    names: Annotated[
        list[str] | None, typer.Option("--forecast", help="these alone; default all")
    ] = None,
    source: SourceOption = None,
    redis: Annotated[
        str | None,
        typer.Option(
            help="host:port of the online store; default SQLite in the folder. A password goes in "
            "as host:port,password=${NAME}, which Feast reads from the environment"
        ),
    ] = None,
    online: Annotated[
        bool, typer.Option(help="register the views, and bring the newest rows online")
    ] = True,
    program: Annotated[
        str | None, typer.Option("--feast", help="Feast's program; default that of install-feast")
    ] = None,
    snapshot: SnapshotOption = None,
) -> None:
    """Write the forecasts' features as a repository of Feast, and materialize it."""
    target = named_folder(folder)
    path = _find_program(program) if online else None
    chosen = [forecast(name) for name in names] if names else list(FORECASTS)
    with open_lake(read_only=True) as lake:
        stored_views = write_repository(
            lake, chosen, chosen_source(source).name, target, redis=redis, snapshot=snapshot
        )
    for file in stored_views:
        out.print(
            f"{file.forecast}: {file.rows:,} rows, the newest known at "
            f"{file.newest:%Y-%m-%d %H:%M} UTC",
            highlight=False,
        )
    if path is not None:
        materialize(target, stored_views, path)
    out.print(f"in {target}{': applied and materialized' if path else ''}", highlight=False)


def _find_program(name: str | None) -> Path:
    path = shutil.which(name or "feast") or (None if name else shutil.which(OWN))
    if path is None:
        raise InvalidRequest(
            f"there is no program {name or 'feast'}",
            "make install-feast, name another one by --feast, or add --no-online",
        )
    return Path(path)
