"""What the index did after each signal: gold.index_outcomes follows signals and bars."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.gold import INDEX_OUTCOMES
from pipelines.core.calendar import UTC_TYPE, Calendar, calendar, next_closes, spans_night
from pipelines.core.universes import Universe, universe
from pipelines.forecasts import Forecast
from pipelines.lake import View, Writer
from pipelines.lake.series import series_calendar
from pipelines.landing.rules import REMOVED_REASONS
from pipelines.scoring.index_return import IndexPrices, index_ratios

TABLE = INDEX_OUTCOMES.full_name
SERIES = 'forecast = ? AND source = ? AND "interval" = ?'
LONGEST_STEP = timedelta(days=45)  # from a bar to the next: a month, with holidays about it
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
LOSS_REASONS = ", ".join(f"'{reason}'" for reason in REMOVED_REASONS)
BARS = pa.schema([("universe", pa.string()), ("ts", UTC_TYPE), ("closes_at", UTC_TYPE)])


@dataclass(frozen=True, eq=False)
class IndexOutcomes:
    """The signals that have changed, or whose bars have, and their outcomes by now."""

    changed: pa.Table  # universe, ts, closes_at
    rows: pa.Table  # of gold.index_outcomes

    @property
    def origins(self) -> Counter[str]:
        """Count the outcomes by whose bars they were computed from."""
        return Counter(self.rows["origin"].to_pylist())


def read_index_outcomes(view: View, forecast: Forecast, source: str) -> IndexOutcomes:
    """Find the signals that have changed since the last run, or whose bars have; compute anew.

    An outcome runs from the close of the signal's bar to that of the forecast's next own bar. It
    is the fund's return, or where the fund lacks one of the two bars that of the members, by the
    weights of the signal's contributions.
    """
    universes = [universe(rule.universe) for rule in forecast.combinations]
    if not universes:
        return IndexOutcomes(BARS.empty_table(), _no_rows())
    changed = _read_changed(view, forecast, source, universes)
    if not changed.num_rows:
        return IndexOutcomes(changed, _no_rows())
    series = series_calendar(
        view, source, forecast.interval, forecast.symbols, forecast.schedule.calendar
    )
    market, ts = calendar(series.calendar), _instants(changed, "ts")
    later = next_closes(market, forecast.bar, series.grid, ts, 1)
    bars = changed.append_column("next_close", pa.array(later).cast(UTC_TYPE))
    is_bar = pa.array(~np.isnat(later))
    rows = [
        _rows(view, forecast, source, members, market, bars.filter(is_bar)) for members in universes
    ]
    return IndexOutcomes(changed, pa.concat_tables(rows))


def replace_index_outcomes(
    writer: Writer, forecast: Forecast, source: str, outcomes: IndexOutcomes
) -> int:
    """Replace the outcomes of the signals that have changed; return how many were taken away."""
    if not outcomes.changed.num_rows:
        return 0
    writer.connection.register("_signals_changed", outcomes.changed)
    removed = writer.delete(
        TABLE,
        f"{SERIES} AND (universe, ts) IN (SELECT (universe, ts) FROM _signals_changed)",
        [forecast.name, source, forecast.interval],
    )
    writer.append(TABLE, outcomes.rows)
    return removed


def _read_changed(
    view: View, forecast: Forecast, source: str, universes: list[Universe]
) -> pa.Table:
    """Read the signals that are newer than the last run, or have a newer bar, or lost one.

    A bar counts for the signal of that bar and for the signal before it, which it decides.
    """
    followed = (
        view.one(
            "SELECT index_followed FROM meta.outcome_state WHERE forecast = ? AND source = ?",
            [forecast.name, source],
        )
        or 0
    )
    symbols = sorted({s for members in universes for s in (*members.symbols, members.fund)})
    bars = [source, forecast.interval, symbols, followed]
    touched = view.sql(
        f"""SELECT ts FROM silver.bars WHERE source = ? AND "interval" = ?
            AND symbol IN (SELECT unnest(?)) AND batch > ?
            UNION SELECT ts FROM silver.quarantine WHERE source = ? AND "interval" = ?
            AND symbol IN (SELECT unnest(?)) AND batch > ? AND reason IN ({LOSS_REASONS})
            AND ts IS NOT NULL""",
        [*bars, *bars],
    )
    # Of the signals only those near a touched bar are read, by their time: a history of years is
    # left alone. The signal that a bar decides is of the own bar before it.
    span = [END_OF_TIME, END_OF_TIME]
    if touched.num_rows:
        span = [pc.min(touched["ts"]).as_py() - LONGEST_STEP, pc.max(touched["ts"]).as_py()]
    of_series = f"{SERIES} AND universe IN (SELECT unnest(?))"
    series = [forecast.name, source, forecast.interval, [members.name for members in universes]]
    signals = f"SELECT DISTINCT universe, ts, closes_at FROM gold.index_signals WHERE {of_series}"
    near = view.sql(f"{signals} AND ts BETWEEN ? AND ?", [*series, *span])
    newer = view.sql(f"{signals} AND batch > ?", [*series, followed])
    ts, bars_touched = _instants(near, "ts"), _instants(touched, "ts")
    bars_of_signals = np.unique(ts)
    before = np.searchsorted(bars_of_signals, bars_touched) - 1
    decided = bars_of_signals[before[before >= 0]]
    is_touched = np.isin(ts, bars_touched) | np.isin(ts, decided)
    changed = pa.concat_tables([near.filter(pa.array(is_touched)), newer])
    changed = changed.group_by(BARS.names).aggregate([])
    return changed.sort_by([("universe", "ascending"), ("ts", "ascending")]).cast(BARS)


def _rows(
    view: View,
    forecast: Forecast,
    source: str,
    members: Universe,
    market: Calendar,
    bars: pa.Table,
) -> pa.Table:
    """Compute the outcomes of a universe's signals, as far as they are known."""
    bars = bars.filter(pc.equal(bars["universe"], members.name))
    if not bars.num_rows:
        return _no_rows()
    view.connection.register("_index_bars", bars)
    # Prices are read between the first bar and the last close: only they are asked about.
    first, last = pc.min(bars["ts"]).as_py(), pc.max(bars["next_close"]).as_py()
    of_bars = 'source = ? AND "interval" = ? AND ts BETWEEN ? AND ?'
    prices = [source, forecast.interval, first, last]
    fund = view.sql(
        f"""SELECT b.ts, now.close, later.close AS next_close FROM _index_bars b
           JOIN (SELECT ts, close FROM silver.bars WHERE {of_bars} AND symbol = ?) now
             ON now.ts = b.ts
           JOIN (SELECT closes_at, close FROM silver.bars WHERE {of_bars} AND symbol = ?) later
             ON later.closes_at = b.next_close""",
        [*prices, members.fund, *prices, members.fund],
    )
    # What was published live says which weights were known.
    parts = view.sql(
        f"""SELECT c.ts, c.symbol, c.weight, now.close, later.close AS next_close
            FROM (SELECT ts, symbol, weight FROM gold.contributions
                  WHERE {SERIES} AND universe = ? AND ts BETWEEN ? AND ?
                    AND ts IN (SELECT ts FROM _index_bars)
                  QUALIFY live = bool_or(live) OVER (PARTITION BY ts)) c
            JOIN _index_bars b ON b.ts = c.ts
            LEFT JOIN (SELECT symbol, ts, close FROM silver.bars WHERE {of_bars}) now
              ON now.symbol = c.symbol AND now.ts = c.ts
            LEFT JOIN (SELECT symbol, closes_at, close FROM silver.bars WHERE {of_bars}) later
              ON later.symbol = c.symbol AND later.closes_at = b.next_close""",
        [
            *(forecast.name, source, forecast.interval, members.name, first, last),
            *prices,
            *prices,
        ],
    )
    view.connection.unregister("_index_bars")
    ts = _instants(bars, "ts")
    fund_now, fund_later = (_at_bars(ts, fund, name) for name in ("close", "next_close"))
    weight, now, later = (_by_member(ts, parts, n) for n in ("weight", "close", "next_close"))
    ratios = index_ratios(IndexPrices(fund_now, now), IndexPrices(fund_later, later), weight)
    closes_at, next_close = _instants(bars, "closes_at"), _instants(bars, "next_close")
    count = len(ts)
    rows = pa.table(
        {
            "forecast": [forecast.name] * count,
            "source": [source] * count,
            "universe": [members.name] * count,
            "interval": [forecast.interval] * count,
            "ts": bars["ts"],
            "next_return": np.log(ratios.value),
            "spans_night": spans_night(market, closes_at, next_close),
            "origin": ratios.origins(members.fund),
            "coverage": ratios.coverage,
            "known_at": bars["next_close"],
        },
        schema=_no_rows().schema,
    )
    return rows.filter(pa.array(np.isfinite(ratios.value)))


def _at_bars(ts: np.ndarray, table: pa.Table, name: str) -> np.ndarray:
    """Return a column of a table with a row for some of the bars; NaN for the others."""
    values = np.full(len(ts), np.nan)
    values[np.searchsorted(ts, _instants(table, "ts"))] = table[name].to_numpy()
    return values


def _by_member(ts: np.ndarray, parts: pa.Table, name: str) -> np.ndarray:
    """Return a column of the members' parts: a row for each bar, a column for each member."""
    symbols, column = np.unique(parts["symbol"].to_numpy(), return_inverse=True)
    values = np.full((len(ts), len(symbols)), np.nan)
    values[np.searchsorted(ts, _instants(parts, "ts")), column] = parts[name].to_numpy()
    return values


def _instants(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy().astype("datetime64[us]"))


def _no_rows() -> pa.Table:
    kinds = {
        "VARCHAR": pa.string(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(),
        "TIMESTAMPTZ": UTC_TYPE,
    }  # fmt: skip
    columns = [c for c in INDEX_OUTCOMES.columns if c.name != "batch"]
    return pa.schema([(c.name, kinds[c.type]) for c in columns]).empty_table()
