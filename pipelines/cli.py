"""The bullion command: the same steps that the DAGs run, for someone at a prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from pipelines import maintenance, steps, universes
from pipelines.attach import attach_statements
from pipelines.calendar import interval_of, utc
from pipelines.data_docs import build_docs
from pipelines.errors import BullionError, CheckFailed, InvalidRequest
from pipelines.export import export as export_gold
from pipelines.lake import Lake
from pipelines.lake_errors import redacted
from pipelines.settings import settings
from pipelines.sources import source as source_named

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Bars in, signals out. Every command works on the lake that BULLION_LAKE_CATALOG names.",
)
out = Console()
err = Console(stderr=True)

SourceOption = Annotated[str | None, typer.Option(help="sample, sample_noise, yahoo or files")]


def main() -> None:
    """Run a command; a failure says what was wrong and what to do, and exits with 1."""
    try:
        app()
    except BullionError as error:
        err.print(f"[red]error:[/red] {error.message}", highlight=False, soft_wrap=True)
        if error.hint:
            err.print(f"  next: {error.hint}", highlight=False, soft_wrap=True, markup=False)
        sys.exit(2 if isinstance(error, InvalidRequest) else 1)
    except KeyboardInterrupt:
        err.print("stopped; what was committed stays, and the same command goes on from there")
        sys.exit(130)


@app.command()
def ingest(
    source: SourceOption = None,
    universe: Annotated[str | None, typer.Option(help="a named list: qqq, nasdaq100")] = None,
    symbols: Annotated[str | None, typer.Option(help="or symbols: AAPL,MSFT")] = None,
    interval: Annotated[str, typer.Option(help="1m 5m 15m 30m 1h 1d 1w 1mo")] = "1h",
    start: Annotated[
        str | None, typer.Option(help="first bar, UTC; default 30 days ago, files: all")
    ] = None,
    end: Annotated[str | None, typer.Option(help="bars open before this, UTC; default now")] = None,
    force: Annotated[bool, typer.Option(help="ask again for what came lately")] = False,
) -> None:
    """Bring bars from a source through bronze to silver."""
    chosen = source_named(source or settings().source)
    if universe and symbols:
        raise InvalidRequest("--universe and --symbols exclude each other", "keep one of them")
    if symbols:
        names = tuple(name.strip() for name in symbols.split(",") if name.strip())
    else:
        names = universes.universe(universe).symbols if universe else ()
    if not names and not chosen.whole:
        raise InvalidRequest("no symbols were named", "add --universe qqq or --symbols AAPL,MSFT")
    until = utc(end) if end else datetime.now(UTC)
    since = utc(start) if start else None
    with Lake() as lake, _progress() as progress:
        report = steps.ingest(
            lake,
            chosen,
            names,
            interval_of(interval),
            since,
            until,
            about=universe or "",
            run=f"cli:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
            force=force,
            progress=progress,
        )
    out.print(report.summary(), highlight=False, soft_wrap=True)
    report.enforce()


@app.command()
def weights(
    source: SourceOption = None,
    universe: Annotated[str, typer.Option(help="qqq or nasdaq100")] = "qqq",
    as_of: Annotated[str | None, typer.Option(help="as known then, UTC; default now")] = None,
) -> None:
    """Bring the index weights of a universe to silver."""
    chosen = source_named(source or settings().source)
    with Lake() as lake:
        counts = steps.ingest_weights(lake, chosen, universe, as_of=utc(as_of) if as_of else None)
    out.print(f"{chosen.name} weights of {universe}: {_words(counts)}", highlight=False)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="SQL; tables are named schema.table")],
    snapshot: Annotated[int | None, typer.Option(help="ask an older snapshot")] = None,
    csv: Annotated[bool, typer.Option(help="print CSV")] = False,
) -> None:
    """Ask the lake, read-only."""
    with Lake(read_only=True) as lake, lake.view(snapshot) as view:
        try:
            answer = view.connection.sql(query)
        except duckdb.Error as error:
            raise InvalidRequest(
                str(error), "tables and columns are listed in data_lake/README.md"
            ) from None
        if answer is None:
            return
        if csv:
            answer.df().to_csv(sys.stdout, index=False)
        else:
            answer.show(max_rows=60, max_width=out.width if out.is_terminal else 10_000)


@app.command(name="sql-init", hidden=True)
def sql_init() -> None:
    """The statements that attach the lake read-only, for the DuckDB prompt."""
    with Lake(read_only=True):
        typer.echo(";\n".join(attach_statements(settings(), read_only=True)) + ";")


@app.command()
def verify() -> None:
    """Check every file of the lake against its recorded checksum."""
    with Lake(read_only=True) as lake:
        found = maintenance.verify(lake)
    for problem in found.problems:
        err.print(f"[red]{problem.path}[/red] {problem.what}", highlight=False, soft_wrap=True)
    out.print(f"{found.files} files, {found.bytes:,} bytes, {len(found.problems)} problems")
    if found.problems:
        raise CheckFailed(
            f"{len(found.problems)} files are not what was committed",
            "restore them from a copy, or take the data in again; see data_lake/README.md",
        )


@app.command()
def compact(
    keep_days: Annotated[float, typer.Option(help="snapshots younger than this stay")] = 7.0,
) -> None:
    """Move inlined rows to files, rewrite small files, expire snapshots, remove orphans."""
    with Lake() as lake:
        out.print(maintenance.compact(lake, keep=timedelta(days=keep_days)).summary())


@app.command()
def status() -> None:
    """What the lake holds, and how the last runs ended."""
    with Lake() as lake, lake.view() as view:
        out.print(
            f"lake {redacted(lake.config.lake_catalog)}, snapshot {view.snapshot}", highlight=False
        )
        _show(
            "silver bars",
            view.rows(
                """SELECT source, "interval", count(DISTINCT symbol), count(*), min(ts),
                          max(closes_at)
                   FROM silver.bars GROUP BY ALL ORDER BY ALL"""
            ),
            ("source", "interval", "symbols", "bars", "first", "newest close"),
        )
        _show(
            "quarantine",
            view.rows(
                "SELECT source, reason, count(*) FROM silver.quarantine GROUP BY ALL ORDER BY ALL"
            ),
            ("source", "reason", "rows"),
        )
        _show(
            "last runs",
            view.rows(
                """SELECT finished_at, step, source, about, status, coalesce(message, '')
                   FROM gold.runs ORDER BY finished_at DESC LIMIT 5"""
            ),
            ("finished", "step", "source", "about", "status", "message"),
        )


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="an empty or missing folder")],
    schema: Annotated[str, typer.Option(help="gold, silver or bronze")] = "gold",
    snapshot: Annotated[int | None, typer.Option(help="export an older snapshot")] = None,
) -> None:
    """Write a schema as plain Parquet and as one .duckdb file, for tools without DuckLake."""
    with Lake(read_only=True) as lake:
        for name, rows in export_gold(lake, folder, schema=schema, snapshot=snapshot):
            out.print(f"{name}: {rows:,} rows", highlight=False)
    out.print(f"in {folder}: {schema}.duckdb and {schema}/*.parquet", highlight=False)


@app.command()
def docs(
    folder: Annotated[Path | None, typer.Argument(help="default: docs beside the catalog")] = None,
) -> None:
    """Hold the table contracts with Great Expectations, and write its Data Docs."""
    with Lake() as lake:
        out.print(str(build_docs(lake, folder)), highlight=False, soft_wrap=True)


def _show(title: str, rows: list[tuple[object, ...]], columns: tuple[str, ...]) -> None:
    table = RichTable(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{v:,}" if isinstance(v, int) else str(v) for v in row))
    out.print(table if rows else f"{title}: none")


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


@contextmanager
def _progress() -> Iterator[steps.Progress]:
    """A bar on a terminal, nothing in a pipe."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task("asking", total=None)

        def report(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield report


if __name__ == "__main__":
    main()
