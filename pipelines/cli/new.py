"""The command for data engineers: a new thing of a known kind."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.app import app, out
from pipelines.cli.scaffold import KINDS, ROOM, UNIVERSE
from pipelines.cli.scaffold import new as scaffold


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS))],
    name: Annotated[str, typer.Argument(help="small letters, digits and _")],
    meaning: Annotated[str, typer.Option(help="one plain sentence")] = "",
    room: Annotated[
        str | None,
        typer.Option(help=f"of a task: the folder of pipelines/steps; {ROOM} unless named"),
    ] = None,
    universe: Annotated[
        str | None, typer.Option(help=f"of a forecast: whose bars; {UNIVERSE} unless named")
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(help="of a feature: own columns and those of other symbols, close,QQQ.close"),
    ] = None,
) -> None:
    """Write a new feature, label, source, universe, forecast or task: one file, one test."""
    for line in scaffold(kind, name, meaning, room=room, universe_name=universe, inputs=inputs):
        out.print(line, highlight=False)
    out.print("next: make format, and the test that was written", highlight=False)
