"""From when on bars must be asked for: a run brings what is missing, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pipelines.calendar import calendar
from pipelines.forecasts import Forecast
from pipelines.lake import Lake

CORRECTIONS = timedelta(days=1)  # asked for again, as a source may have mended them since
SPARE = 2  # bars more than features need: the outcome's scale, and a bar that never came


def missing_since(
    lake: Lake,
    forecast: Forecast,
    source: str,
    symbols: Sequence[str],
    start: datetime,
    history: timedelta,
) -> datetime:
    """From when on bars are missing that lie before `start`, or `start` where none are.

    The first run brings `history`; a later one goes on a day before the newest bar there is,
    however long ago that was.
    """
    newest = lake.rows(
        """SELECT max(closes_at) FROM silver.bars
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
           AND closes_at <= ?""",
        [source, forecast.interval, list(symbols), start],
    )[0][0]
    if newest is None:
        return start - history
    since: datetime = newest.astimezone(UTC) - CORRECTIONS
    return min(start, max(since, start - forecast.schedule.history))


def look_back_since(
    lake: Lake, forecast: Forecast, source: str, symbols: Sequence[str], start: datetime
) -> datetime:
    """From when on bars must be asked for, so that those that open at `start` can be scored."""
    bars = forecast.look_back + SPARE
    market = calendar(forecast.schedule.calendar)
    per_day = 1 if forecast.bar.minutes is None else max(1, 390 // forecast.bar.minutes)
    reach = timedelta(days=10 + 2 * bars // per_day)
    opens = market.bars(forecast.bar, start - reach, start).ts[-bars:].tolist()
    if not opens:
        return start
    first = opens[0].replace(tzinfo=UTC)
    found = lake.rows(
        """SELECT DISTINCT ts FROM silver.bars
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
           AND ts >= ? AND ts < ?""",
        [source, forecast.interval, list(symbols), first, start],
    )
    have = {ts.astimezone(UTC).replace(tzinfo=None) for (ts,) in found}
    lost = [ts for ts in opens if ts not in have]
    return lost[0].replace(tzinfo=UTC) if lost else start


def unscored_since(
    lake: Lake, forecast: Forecast, source: str, before: datetime
) -> datetime | None:
    """The close of the newest bar before an instant that has been scored; None: none was."""
    found = lake.rows(
        """SELECT max(closes_at) FROM gold.predictions
           WHERE forecast = ? AND source = ? AND role = 'champion' AND closes_at < ?""",
        [forecast.name, source, before],
    )[0][0]
    return found.astimezone(UTC) if found else None
