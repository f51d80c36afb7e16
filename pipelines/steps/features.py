"""gold.features_<forecast>, kept in step with silver: a run costs what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import silver
from pipelines.calendar import UTC_TYPE, calendar
from pipelines.features import Block, matrix
from pipelines.features.blocks import block_of
from pipelines.forecasts import Forecast
from pipelines.lake import Lake, Writer

FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 2200))
KEYED = 'source = ? AND "interval" = ?'


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did."""

    symbols: int  # that had changed
    read: int  # bars of silver
    written: int  # rows of features
    whole: bool  # a changed definition, or a first run: everything was computed
    snapshot: int

    def summary(self) -> str:
        what = "all of it" if self.whole else "what had changed"
        return (
            f"{what}: {self.symbols} symbols, read {self.read:,} bars, wrote {self.written:,} rows"
        )


def refresh_features(lake: Lake, forecast: Forecast, source: str) -> Refreshed:
    """Bring a forecast's features to what silver says now.

    What has changed in silver since the last refresh is widened by the label's horizon before
    and the features' look-back after, and only that is computed, and replaced.
    """
    with lake.write(f"features {forecast.name}") as writer:
        known = writer.rows(
            "SELECT definition, followed FROM meta.feature_state WHERE forecast = ? AND source = ?",
            [forecast.name, source],
        )
        whole = not known or known[0][0] != forecast.definition
        followed = 0 if whole else int(known[0][1])
        if whole:
            writer.delete(forecast.table.full_name, "source = ?", [source])
        changed = _changed(writer, forecast, source, followed)
        read = written = 0
        for symbols, first, last in _spans(changed):
            bars, low, high = _read(writer, forecast, source, symbols, first, last)
            rows = _computed(writer, forecast, source, bars, low, high)
            writer.replace(
                forecast.table.full_name,
                rows,
                "source = ? AND symbol IN (SELECT unnest(?)) AND ts BETWEEN ? AND ?",
                [source, list(symbols), low, high],
            )
            read, written = read + bars.num_rows, written + rows.num_rows
        if changed or whole:
            state = pa.table(
                {
                    "forecast": [forecast.name],
                    "source": [source],
                    "definition": [forecast.definition],
                    "followed": [writer.snapshot],
                }
            )
            where = "forecast = ? AND source = ?"
            writer.replace("meta.feature_state", state, where, [forecast.name, source])
        return Refreshed(len(changed), read, written, whole, writer.batch)


def _changed(
    writer: Writer, forecast: Forecast, source: str, followed: int
) -> list[tuple[str, datetime, datetime]]:
    """Each symbol of the forecast with the first and last bar that silver changed since.

    A bar that silver lost again is told by its row in quarantine.
    """
    lost = ", ".join(f"'{reason}'" for reason in silver.CONTEXT_REASONS)
    return writer.rows(
        f"""SELECT symbol, min(ts), max(ts) FROM (
                SELECT symbol, ts FROM silver.bars WHERE {KEYED} AND batch > ?
                UNION ALL
                SELECT symbol, ts FROM silver.quarantine
                WHERE {KEYED} AND batch > ? AND reason IN ({lost}))
            WHERE symbol IN (SELECT unnest(?)) GROUP BY symbol ORDER BY symbol""",
        [source, forecast.interval, followed] * 2 + [list(forecast.symbols)],
    )


def _spans(
    changed: list[tuple[str, datetime, datetime]],
) -> list[tuple[tuple[str, ...], datetime, datetime]]:
    """Symbols that changed over the same span together: mostly all of them, over one bar."""
    together: dict[tuple[datetime, datetime], list[str]] = {}
    for symbol, first, last in changed:
        together.setdefault((first, last), []).append(symbol)
    return [(tuple(symbols), *span) for span, symbols in together.items()]


def _read(
    writer: Writer,
    forecast: Forecast,
    source: str,
    symbols: tuple[str, ...],
    first: datetime,
    last: datetime,
) -> tuple[pa.Table, datetime, datetime]:
    """The bars that decide on the changed rows, and the first and last of these rows.

    Bars are counted as silver has them, symbol by symbol; the calendar only says where to look,
    and where a symbol has many holes all its history is read.
    """
    horizon, ahead = forecast.label.horizon, max(forecast.look_back, forecast.label.reach)
    low, high = _far(writer, forecast, source, symbols, first, last, ahead + horizon)
    bars = writer.sql(
        f"""SELECT symbol, ts, closes_at, session, open, high, low, close, volume
            FROM silver.bars WHERE {KEYED} AND symbol IN (SELECT unnest(?))
            AND ts BETWEEN ? AND ? ORDER BY symbol, ts""",
        [source, forecast.interval, list(symbols), low, high],
    )
    # Rows before the change whose outcome it decides, and after it those that look back at it.
    writer.connection.register("_bars", bars)
    edges = writer.rows(
        """SELECT coalesce(min(ts) FILTER (WHERE before <= ? AND ts < ?), ?),
                  coalesce(max(ts) FILTER (WHERE after <= ? AND ts > ?), ?)
           FROM (SELECT ts,
                        count(*) FILTER (WHERE ts < ?) OVER (PARTITION BY symbol ORDER BY ts
                            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS before,
                        count(*) FILTER (WHERE ts > ?) OVER (PARTITION BY symbol ORDER BY ts
                            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS after
                 FROM _bars)""",
        [horizon, first, first, ahead, last, last, first, last],
    )[0]
    return bars, edges[0], edges[1]


def _far(
    writer: Writer,
    forecast: Forecast,
    source: str,
    symbols: tuple[str, ...],
    first: datetime,
    last: datetime,
    bars: int,
) -> tuple[datetime, datetime]:
    """From `bars` bars of every symbol before the change to as many after it."""
    per_day = 1.0 if forecast.bar.minutes is None else max(1.0, 390 / forecast.bar.minutes)
    days = timedelta(days=10 + int(4 * bars / per_day))
    low, high = first - days, last + days
    before, after = writer.rows(
        f"""SELECT min(before), min(after) FROM (
                SELECT count(*) FILTER (WHERE ts < ?) AS before,
                       count(*) FILTER (WHERE ts > ?) AS after
                FROM silver.bars WHERE {KEYED} AND symbol IN (SELECT unnest(?))
                AND ts BETWEEN ? AND ? GROUP BY symbol)""",
        [first, last, source, forecast.interval, list(symbols), low, high],
    )[0]
    newest = high > datetime.now(UTC)
    return (
        low if before is not None and before >= bars else FIRST,
        high if newest or (after is not None and after >= bars) else LAST,
    )


def _computed(
    writer: Writer, forecast: Forecast, source: str, bars: pa.Table, low: datetime, high: datetime
) -> pa.Table:
    """The feature rows that open from `low` to `high`."""
    known = writer.rows(
        f"SELECT DISTINCT calendar, grid FROM silver.series WHERE {KEYED}"
        " AND symbol IN (SELECT unnest(?))",
        [source, forecast.interval, pc.unique(bars["symbol"]).to_pylist()],
    )
    name, grid = known[0] if known else ("XNYS", "session")
    block = block_of(bars, calendar(name), forecast.bar, grid)
    values = matrix(forecast.features, block)
    outcome = forecast.label.outcome(block)
    made = bars.select(["symbol", "ts", "closes_at", "session"])
    made = made.append_column("source", pa.repeat(pa.scalar(source), len(block)))
    made = made.append_column("place", pa.array(block.arrays["place"].astype(np.int16)))
    for column, feature in enumerate(forecast.features):
        made = made.append_column(feature.name, pa.array(values[:, column], from_pandas=True))
    made = made.append_column("outcome", pa.array(outcome, from_pandas=True))
    made = made.append_column("known_at", _known_at(bars, block, outcome, forecast.label.horizon))
    inside = pc.and_(pc.greater_equal(made["ts"], low), pc.less_equal(made["ts"], high))
    return made.filter(inside)


def _known_at(bars: pa.Table, block: Block, outcome: np.ndarray, horizon: int) -> pa.Array:
    """When the bar that decides on the outcome had closed."""
    closes = bars["closes_at"].to_numpy().astype("datetime64[us]")
    later = np.roll(closes, -horizon)
    return pa.array(later, mask=~np.isfinite(outcome)).cast(UTC_TYPE)
