"""Bring the bars of the fund that shows what an index did, beside those of its members.

Nothing depends on them: what the index did is computed from its members where they are missing.
So a source without the fund, or one that fails for it, is reported and stops nothing.
"""

from __future__ import annotations

from datetime import datetime

from pipelines.core.calendar import Interval
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.progress import Progress, no_progress
from pipelines.lake import Lake
from pipelines.sources.base import Source
from pipelines.steps.data.ingest import ingest


def ingest_fund(
    lake: Lake,
    source: Source,
    fund: str,
    interval: Interval,
    start: datetime | None,
    end: datetime,
    *,
    as_of: datetime | None = None,
    run: str = "cli",
    force: bool = False,
    progress: Progress = no_progress,
) -> str:
    """Bring the fund's bars that open in [start, end) to silver; return what was done, in words."""
    try:
        listed = source.symbols()
        if listed is not None and fund not in listed:
            return _describe_lack(source, fund, f"{source.name} does not list it")
        report = ingest(
            lake,
            source,
            (fund,),
            interval,
            start,
            end,
            as_of=as_of,
            about=describe_fund(fund, interval),
            run=run,
            force=force,
            progress=progress,
        )
    except (SourceError, InvalidRequest) as error:
        return _describe_lack(source, fund, error.message)
    if report.failures:
        return _describe_lack(source, fund, report.failures[0].splitlines()[0])
    if not report.landed.received and not report.resumed:
        return _describe_lack(source, fund, "its answer has none")
    return report.summary()


def describe_fund(fund: str, interval: Interval) -> str:
    """Return what the runs in gold.runs say that bring the bars of a fund."""
    return f"fund {fund} {interval}"


def _describe_lack(source: Source, fund: str, reason: str) -> str:
    return (
        f"no bars of the fund {fund} came from {source.name} ({reason}): what the index did is "
        "computed from its members"
    )
