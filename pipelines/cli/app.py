"""The app of all commands, its consoles, options and output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from pipelines import steps
from pipelines.cli.complaints import err
from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import settings
from pipelines.sources import SOURCES, source_with
from pipelines.sources.base import Source

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Bars in, signals out. Every command works on the lake that BULLION_LAKE_CATALOG names.",
)
# Printed text contains names and answers from outside: none of it is markup.
out = Console(markup=False)

SourceOption = Annotated[
    str | None, typer.Option(help=f"{', '.join(SOURCES[:-1])} or {SOURCES[-1]}")
]
SnapshotOption = Annotated[
    int | None, typer.Option(min=0, max=10**15, show_default=False, help="read this older snapshot")
]
AsOfOption = Annotated[
    str | None, typer.Option(help="use only what was known at this time, UTC; default now")
]


def named_folder(name: str) -> Path:
    """Return the folder that an argument names. An empty name is a slip: an unset variable."""
    if not name:
        raise InvalidRequest("the folder's name is empty", "name one; . is the current folder")
    return Path(name)


def chosen_source(name: str | None) -> Source:
    """Return the named source of bars, or the one of the settings."""
    return source_with(settings().source if name is None else name, "bars")


def print_table(title: str, rows: list[tuple[object, ...]], columns: tuple[str, ...]) -> None:
    """Print rows as a table, or that there are none."""
    table = RichTable(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{v:,}" if isinstance(v, int) else str(v) for v in row))
    if not rows:
        out.print(f"{title}: none")
        return
    # At full width, even where the terminal is narrow or there is none: a cut column is useless.
    full_width = Measurement.get(out, out.options.update(max_width=10_000), table).maximum
    Console(markup=False, file=out.file, width=max(out.width, full_width)).print(table)


@contextmanager
def progress_bar(*, lines: bool = False) -> Iterator[steps.Progress]:
    """Show progress on a terminal; in a pipe as lines of text, where `lines` are wanted."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task("starting", total=None)
        last = ""

        def report(what: str, done: int, total: int) -> None:
            nonlocal last
            bar.update(task, description=what, completed=done, total=total)
            line = f"{what}: {done} of {total}"
            if lines and not err.is_terminal and line != last:
                err.print(line, highlight=False, soft_wrap=True)
                last = line

        yield report
