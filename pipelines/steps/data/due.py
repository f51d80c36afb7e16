"""What is due: from when on bars must be asked for, and which were never scored.

A run brings and scores what is missing, and no more. All that was done is read from the lake.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.core.calendar import calendar
from pipelines.forecasts import Forecast
from pipelines.lake import Lake

CORRECTIONS = timedelta(days=1)  # asked for again, as a source may have mended them since
SPARE = 2  # bars more than features need: the outcome's scale, and a bar that never came
SLACK = timedelta(days=5)  # that a run's history may begin later than another's, for a long weekend
REFILL = timedelta(days=30)  # in which holes are looked for, and filled


@dataclass(frozen=True)
class MissingBars:
    """Bars that are missing: of most symbols alike, and of those that lag behind them."""

    since: datetime
    symbols: tuple[str, ...]
    late_since: datetime
    late: tuple[str, ...] = ()


def look_back(forecast: Forecast) -> timedelta:
    """Days that surely hold the bars which features look back at."""
    per_day = 1 if forecast.bar.minutes is None else max(1, 390 // forecast.bar.minutes)
    return timedelta(days=10 + 2 * (forecast.look_back + SPARE) // per_day)


def missing_since(
    lake: Lake,
    forecast: Forecast,
    source: str,
    symbols: Sequence[str],
    start: datetime,
    history: timedelta,
) -> MissingBars:
    """From when on bars are missing that lie before `start`; from `start` where none are.

    The first run brings `history`; a later one goes on a day before the newest bar there is,
    however long ago that was, or from the first hole of the last weeks.
    """
    whole = start - history
    newest = {
        symbol: closes_at.astimezone(UTC)
        for symbol, closes_at in lake.rows(
            """SELECT symbol, max(closes_at) FROM silver.bars
               WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
               AND closes_at <= ? GROUP BY symbol""",
            [source, forecast.interval, list(symbols), start],
        )
    }
    if not newest or not _was_asked(lake, forecast, source, whole + SLACK):
        return MissingBars(whole, tuple(symbols), whole)
    last = max(newest.values())
    on_from = min(last - CORRECTIONS, _hole(lake, forecast, source, symbols, start) or start)
    abreast = tuple(symbol for symbol in symbols if newest.get(symbol) == last)
    late = tuple(symbol for symbol in symbols if newest.get(symbol) != last)
    return MissingBars(
        max(whole, on_from),
        abreast,
        max(whole, min((newest.get(s, whole) - CORRECTIONS for s in late), default=start)),
        late,
    )


def look_back_since(
    lake: Lake, forecast: Forecast, source: str, symbols: Sequence[str], start: datetime
) -> MissingBars:
    """From when on bars must be asked for, so that those that open at `start` can be scored."""
    market = calendar(forecast.schedule.calendar)
    bars = forecast.look_back + SPARE
    opens = market.bars(forecast.bar, start - look_back(forecast), start).ts[-bars:].tolist()
    if not opens:
        return MissingBars(start, tuple(symbols), start)
    first = opens[0].replace(tzinfo=UTC)
    found = lake.rows(
        """SELECT ts, list(symbol) FROM silver.bars
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
           AND ts >= ? AND ts < ? GROUP BY ts""",
        [source, forecast.interval, list(symbols), first, start],
    )
    have = {ts.astimezone(UTC).replace(tzinfo=None) for ts, _ in found}
    there = {symbol for _, some in found for symbol in some}
    lost = [ts for ts in opens if ts not in have]
    since = lost[0].replace(tzinfo=UTC) if lost else start
    if not there:
        return MissingBars(since, tuple(symbols), since)
    return MissingBars(since, _among(symbols, there), first, _among(symbols, set(symbols) - there))


def unscored_since(
    lake: Lake, forecast: Forecast, source: str, before: datetime
) -> datetime | None:
    """After which close bars were not scored that silver has; None where nothing ever was.

    Bars that close at `before` or later do not count, nor those before the first one scored.
    """
    ours = [forecast.name, source]
    newest = lake.rows(
        """SELECT max(closes_at) FROM gold.predictions
           WHERE forecast = ? AND source = ? AND role = 'champion' AND closes_at < ?""",
        [*ours, before],
    )[0][0]
    if newest is None:
        return None
    found = lake.rows(
        """WITH scored AS (SELECT DISTINCT closes_at FROM gold.predictions
                WHERE forecast = ? AND source = ? AND role = 'champion'
                AND closes_at >= ? AND closes_at < ?),
           hole AS (SELECT min(closes_at) AS first FROM silver.bars
                WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
                AND closes_at > (SELECT min(closes_at) FROM scored) AND closes_at < ?
                AND closes_at NOT IN (FROM scored))
           SELECT max(closes_at) FROM scored
           WHERE closes_at < coalesce((SELECT first FROM hole), ?)""",
        [
            *ours,
            newest - REFILL,
            before,
            source,
            forecast.interval,
            list(forecast.symbols),
            before,
            before,
        ],
    )[0][0]
    since: datetime = found.astimezone(UTC)
    return since


def _hole(
    lake: Lake, forecast: Forecast, source: str, symbols: Sequence[str], start: datetime
) -> datetime | None:
    """The first bar of the last weeks that no symbol has, after one that some have."""
    found = lake.rows(
        """SELECT DISTINCT ts FROM silver.bars
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
           AND ts >= ? AND ts < ? ORDER BY ts""",
        [source, forecast.interval, list(symbols), start - REFILL, start],
    )
    have = [ts.astimezone(UTC) for (ts,) in found]
    if not have:
        return None
    due = calendar(forecast.schedule.calendar).bars(forecast.bar, have[0], have[-1]).ts.tolist()
    lost = sorted({ts.replace(tzinfo=UTC) for ts in due} - set(have))
    return lost[0] if lost else None


def _was_asked(lake: Lake, forecast: Forecast, source: str, since: datetime) -> bool:
    """Did a run that ended well ask for all from then on? What was not given is not there."""
    return bool(
        lake.rows(
            """SELECT count(*) FROM gold.runs WHERE step = 'ingest' AND source = ? AND about = ?
               AND interval_start <= ? AND status != 'failed'""",
            [source, forecast.name, since],
        )[0][0]
    )


def _among(symbols: Iterable[str], some: set[str]) -> tuple[str, ...]:
    return tuple(symbol for symbol in symbols if symbol in some)
