"""The command for data engineers: a new thing of a known kind."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.app import app, out
from pipelines.cli.scaffold import new as scaffold


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="feature, label, source, forecast or task")],
    name: Annotated[str, typer.Argument(help="small letters, digits and _")],
    meaning: Annotated[str, typer.Option(help="one plain sentence")] = "",
) -> None:
    """Write a new feature, label, source, forecast or task: one file, one line, one test."""
    for line in scaffold(kind, name, meaning):
        out.print(line, highlight=False)
    out.print("next: make format, and the test that was written", highlight=False)
