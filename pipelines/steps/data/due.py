"""What a run must bring and score: the bars that are missing, and those that were never scored.

All that earlier runs did is read from the lake.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.core.calendar import calendar
from pipelines.forecasts import Forecast
from pipelines.lake import Lake

CORRECTIONS = timedelta(days=1)  # requested again, as a source may have corrected them since
SPARE = 2  # bars more than features need: the outcome's scale, and a bar that never came
SLACK = timedelta(days=5)  # that a run's history may begin later than another's, for a long weekend
REFILL = timedelta(days=30)  # in which holes are looked for, and filled


@dataclass(frozen=True)
class MissingBars:
    """From when on bars are missing: of most symbols, and of those that lag behind them."""

    since: datetime
    symbols: tuple[str, ...]
    late_since: datetime
    late: tuple[str, ...] = ()


def look_back(forecast: Forecast) -> timedelta:
    """A span of days that surely has the bars which features look back at."""
    per_day = 1 if forecast.bar.minutes is None else max(1, 390 // forecast.bar.minutes)
    return timedelta(days=10 + 2 * (forecast.look_back + SPARE) // per_day)


def missing_since(
    lake: Lake,
    forecast: Forecast,
    source: str,
    symbols: Sequence[str],
    start: datetime,
    history: timedelta,
    about: str = "",
    *,
    only_new: bool = False,
) -> MissingBars:
    """Find from when on bars before `start` are missing; `start` itself where none are.

    The first run brings `history`. A later one begins a day before the newest bar in silver,
    however long ago that was, or at the first hole of the last weeks. Runs are known by what
    gold.runs says that they were about: the forecast, or what `about` names. With `only_new` it
    begins at the newest bar itself: for runs that are many a day, beside one that looks back.
    A bar that was built from the stream is missing until the source's own has come.
    """
    earliest = start - history
    newest = {
        symbol: closes_at.astimezone(UTC)
        for symbol, closes_at in lake.rows(
            """SELECT symbol, max(closes_at) FROM silver.bars
               WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
               AND closes_at <= ? AND built_from IS NULL GROUP BY symbol""",
            [source, forecast.interval, list(symbols), start],
        )
    }
    if not newest or not _was_requested(lake, about or forecast.name, source, earliest + SLACK):
        return MissingBars(earliest, tuple(symbols), earliest)
    newest_close, overlap = max(newest.values()), timedelta(0) if only_new else CORRECTIONS
    hole = None if only_new else _first_hole(lake, forecast, source, symbols, start)
    resume_at = min(newest_close - overlap, hole or start)
    abreast = tuple(symbol for symbol in symbols if newest.get(symbol) == newest_close)
    late = tuple(symbol for symbol in symbols if newest.get(symbol) != newest_close)
    return MissingBars(
        max(earliest, resume_at),
        abreast,
        max(earliest, min((newest.get(s, earliest) - overlap for s in late), default=start)),
        late,
    )


def look_back_since(
    lake: Lake, forecast: Forecast, source: str, symbols: Sequence[str], start: datetime
) -> MissingBars:
    """Find from when on bars must be requested, so that bars that open at `start` can be scored."""
    market = calendar(forecast.schedule.calendar)
    bars = forecast.look_back + SPARE
    opens = market.bars(forecast.bar, start - look_back(forecast), start).ts[-bars:].tolist()
    if not opens:
        return MissingBars(start, tuple(symbols), start)
    first = opens[0].replace(tzinfo=UTC)
    bars_there = lake.rows(
        """SELECT ts, list(symbol) FROM silver.bars
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
           AND ts >= ? AND ts < ? GROUP BY ts""",
        [source, forecast.interval, list(symbols), first, start],
    )
    opens_there = {ts.astimezone(UTC).replace(tzinfo=None) for ts, _ in bars_there}
    symbols_there = {symbol for _, symbols_of_bar in bars_there for symbol in symbols_of_bar}
    missing = [ts for ts in opens if ts not in opens_there]
    since = missing[0].replace(tzinfo=UTC) if missing else start
    if not symbols_there:
        return MissingBars(since, tuple(symbols), since)
    return MissingBars(
        since, _among(symbols, symbols_there), first, _among(symbols, set(symbols) - symbols_there)
    )


def unscored_since(
    lake: Lake, forecast: Forecast, source: str, before: datetime
) -> datetime | None:
    """Find the close after which silver has bars that were not scored; None where none ever were.

    Bars that close at `before` or later do not count, nor those before the first scored bar.
    """
    keys = [forecast.name, source]
    newest = lake.rows(
        """SELECT max(closes_at) FROM gold.predictions
           WHERE forecast = ? AND source = ? AND role = 'champion' AND closes_at < ?""",
        [*keys, before],
    )[0][0]
    if newest is None:
        return None
    last_scored = lake.rows(
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
            *keys,
            newest - REFILL,
            before,
            source,
            forecast.interval,
            list(forecast.symbols),
            before,
            before,
        ],
    )[0][0]
    since: datetime = last_scored.astimezone(UTC)
    return since


def _first_hole(
    lake: Lake, forecast: Forecast, source: str, symbols: Sequence[str], start: datetime
) -> datetime | None:
    """Find the first bar of the last weeks that no symbol has, after a bar that some have."""
    opens = lake.rows(
        """SELECT DISTINCT ts FROM silver.bars
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
           AND ts >= ? AND ts < ? ORDER BY ts""",
        [source, forecast.interval, list(symbols), start - REFILL, start],
    )
    opens_there = [ts.astimezone(UTC) for (ts,) in opens]
    if not opens_there:
        return None
    expected = (
        calendar(forecast.schedule.calendar)
        .bars(forecast.bar, opens_there[0], opens_there[-1])
        .ts.tolist()
    )
    missing = sorted({ts.replace(tzinfo=UTC) for ts in expected} - set(opens_there))
    return missing[0] if missing else None


def _was_requested(lake: Lake, about: str, source: str, since: datetime) -> bool:
    """Whether a run that did not fail requested all bars from then on."""
    return bool(
        lake.rows(
            """SELECT count(*) FROM gold.runs WHERE step = 'ingest' AND source = ? AND about = ?
               AND interval_start <= ? AND status != 'failed'""",
            [source, about, since],
        )[0][0]
    )


def _among(symbols: Iterable[str], selection: set[str]) -> tuple[str, ...]:
    return tuple(symbol for symbol in symbols if symbol in selection)
