"""The command that takes rows out again which came in by mistake."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.app import SourceOption, app, out
from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import settings
from pipelines.landing.withdrawal import Selection, Withdrawn
from pipelines.sources import source_class
from pipelines.steps.data.withdraw import withdraw as withdraw_rows
from pipelines.steps.lake import open_lake


@app.command()
def withdraw(
    reason: Annotated[str, typer.Option(help="why; it is kept in gold.runs and with each row")],
    source: SourceOption = None,
    interval: Annotated[str | None, typer.Option(help="whose bars: 1m 5m 15m 30m 1h 1d")] = None,
    symbols: Annotated[str | None, typer.Option(help="only these: AAPL,MSFT")] = None,
    start: Annotated[str | None, typer.Option(help="first bar, UTC; default: the first")] = None,
    end: Annotated[str | None, typer.Option(help="bars before this, UTC; default: all")] = None,
    batch: Annotated[
        int | None, typer.Option(min=0, help="only what this commit brought; see bronze.bars")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="print what would go, and change nothing")] = False,
) -> None:
    """Take out what came in by mistake: an interval, symbols, a span, or one batch.

    The raw answers stay, and so does what was published live.
    """
    names = tuple(name.strip() for name in (symbols or "").split(",") if name.strip())
    if symbols is not None and not names:
        raise InvalidRequest("no symbols were named", "add --symbols AAPL,MSFT, or leave it out")
    selection = Selection(
        source_class(settings().source if source is None else source).name,
        interval_of(interval).name if interval is not None else None,
        names,
        utc(start) if start is not None else None,
        utc(end) if end is not None else None,
        batch,
    )
    run = f"cli:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    with open_lake() as lake:
        withdrawn = withdraw_rows(lake, selection, reason, dry_run=dry_run, run=run)
    out.print(describe_withdrawal(selection, withdrawn, dry_run), highlight=False, soft_wrap=True)


def describe_withdrawal(selection: Selection, withdrawn: Withdrawn, dry_run: bool) -> str:
    """Return in words what was taken out, and what follows from it."""
    tense = "would be withdrawn" if dry_run else "withdrawn"
    others = f", {withdrawn.actions:,} splits and dividends" if withdrawn.actions else ""
    others += f", {withdrawn.weights:,} weights" if withdrawn.weights else ""
    others += f", {withdrawn.stories:,} stories" if withdrawn.stories else ""
    lines = [
        f"{selection.source} {selection}: {withdrawn.bars:,} rows of bars{others} {tense}",
        f"silver: {withdrawn.removed:,} bars removed, {withdrawn.restored:,} in an earlier version",
    ]
    if withdrawn.live:
        lines.append(f"{withdrawn.live:,} live predictions about these bars stay as published")
    if dry_run:
        lines.append("nothing was changed: leave --dry-run out to withdraw them")
    else:
        lines.append("features follow with the next `bullion run`, `train` or `score`")
    return "\n".join(lines)
