"""Bring the bars that a forecast reads beside those of its own symbols.

They are those of its companions, which features read, and of the fund that shows what an index
did. A source without them, or one that fails for them, is reported with what follows from that,
and stops nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.core.calendar import Interval
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.progress import Progress, no_progress
from pipelines.core.universes import name_some
from pipelines.forecasts import Forecast
from pipelines.lake import Lake
from pipelines.sources.base import Source
from pipelines.steps.data.ingest import ingest


@dataclass(frozen=True)
class ExtraBars:
    """A symbol whose bars are brought for a purpose, and what follows where they are missing."""

    role: str  # fund or companion
    symbol: str
    consequence: str

    def describe(self, interval: Interval) -> str:
        """Return what the runs in gold.runs are about that bring these bars."""
        return f"{self.role} {self.symbol} {interval}"


def fund_bars(symbol: str) -> ExtraBars:
    return ExtraBars("fund", symbol, "what the index did is computed from its members")


def extra_bars_of(forecast: Forecast) -> list[ExtraBars]:
    """Return the bars that a forecast reads beside its own: of companions, and of other funds."""
    companions = [
        ExtraBars("companion", symbol, _describe_readers(forecast, symbol))
        for symbol in forecast.companions
    ]
    funds = [fund_bars(fund) for fund in forecast.funds if fund not in forecast.companions]
    return companions + funds


def _describe_readers(forecast: Forecast, symbol: str) -> str:
    readers = [f.name for f in forecast.features if symbol in {r.subject for r in f.references}]
    return f"features of {forecast.name} that read it have no value: {name_some(readers)}"


def ingest_extra_bars(
    lake: Lake,
    source: Source,
    extra: ExtraBars,
    interval: Interval,
    start: datetime | None,
    end: datetime,
    *,
    as_of: datetime | None = None,
    run: str = "cli",
    force: bool = False,
    progress: Progress = no_progress,
) -> str:
    """Bring a symbol's bars that open in [start, end) to silver; return what was done, in words."""
    try:
        listed = source.symbols()
        if listed is not None and extra.symbol not in listed:
            return _describe_lack(source, extra, f"{source.name} does not list it")
        report = ingest(
            lake,
            source,
            (extra.symbol,),
            interval,
            start,
            end,
            as_of=as_of,
            about=extra.describe(interval),
            run=run,
            force=force,
            progress=progress,
        )
    except (SourceError, InvalidRequest) as error:
        return _describe_lack(source, extra, error.message)
    if report.failures:
        return _describe_lack(source, extra, report.failures[0].splitlines()[0])
    if not report.landed.received and not report.resumed:
        return _describe_lack(source, extra, "its answer has none")
    return report.summary()


def _describe_lack(source: Source, extra: ExtraBars, reason: str) -> str:
    return (
        f"no bars of the {extra.role} {extra.symbol} came from {source.name} ({reason}): "
        f"{extra.consequence}"
    )
