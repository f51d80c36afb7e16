"""Parse Yahoo's chart answers: from the JSON to bars, splits and dividends. Pure.

The JSON is read by yfinance's own parsers, but not through its history(): that drops rows
outside of its trading hours and repeated ones, and turns an unknown volume into 0. Here every
row in the requested span is kept, so that the checks of rows see and report all faults.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, Calendar, Interval, calendar, interval_of, utc
from pipelines.core.errors import SourceError
from pipelines.core.instants import to_numpy
from pipelines.sources.base import ACTIONS, BARS, REJECTS, Answer, Parsed
from pipelines.sources.yahoo.answer import chart_of, market_of, unknown_form

FIELDS = ("open", "high", "low", "close", "volume")
# Quotes of some exchanges arrive this late. Until then the last bar may be incomplete.
LATE = timedelta(minutes=30)


def read_chart(answer: Answer) -> Parsed:
    """Parse the bars of a chart answer, with its splits and dividends."""
    query = answer.query
    symbol, interval = str(query["symbol"]), interval_of(str(query["interval"]))
    result = chart_of(answer.body, query)
    if result is None:
        return Parsed(interval, BARS.empty_table())
    zone, market_name = market_of(symbol, result, query)
    market = calendar(market_name)
    start, end = utc(query["start"]), utc(query["end"])
    bars, rejects = BARS.empty_table(), REJECTS.empty_table()
    quotes = _quotes(symbol, result)
    if interval.intraday and len(quotes):
        received_at = utc(answer.received_at)
        bars, rejects = _intraday_bars(symbol, interval, quotes, market, start, end, received_at)
    elif len(quotes):
        bars = _dated_bars(symbol, interval, quotes, market, zone, start, end)
    if bars.num_rows + rejects.num_rows == 0:
        _allow_empty(symbol, interval, result, market, start, end)
    actions = _actions(symbol, result, zone)
    return Parsed(interval, bars, actions, rejects, calendar=market_name)


def _allow_empty(
    symbol: str,
    interval: Interval,
    result: dict[str, Any],
    market: Calendar,
    start: datetime,
    end: datetime,
) -> None:
    """Accept an answer without bars for a weekend or before the listing; refuse any other."""
    first_trade = result["meta"].get("firstTradeDate")
    if isinstance(first_trade, int):
        start = max(start, utc("1970-01-01") + timedelta(seconds=first_trade))
    missed = market.closed_bars(interval, start, end) if start < end else ()
    if len(missed):
        raise SourceError(
            f"yahoo knows {symbol} but has no {interval} bars of it in "
            f"[{start.isoformat()}, {end.isoformat()}), where {len(missed)} have closed",
            "run this again later if they closed just now; else the symbol is suspended or "
            "delisted: take it out of the list, or end the span earlier",
        )


def _quotes(symbol: str, result: dict[str, Any]) -> pd.DataFrame:
    """Return Yahoo's rows by time in UTC, with their position in the answer."""
    from yfinance.utils import parse_quotes

    times = result.get("timestamp") or []
    try:
        columns = result["indicators"]["quote"][0]
        if not times and not columns:
            return pd.DataFrame()  # how Yahoo says that there is nothing
        lengths = {name: len(columns[name]) for name in FIELDS}
    except (KeyError, IndexError, TypeError) as error:
        raise unknown_form(symbol, f"no {error} in the quotes") from error
    for name, length in lengths.items():
        if length != len(times):
            raise unknown_form(symbol, f"{length} values of `{name}` for {len(times)} timestamps")
    try:
        quotes = parse_quotes(result).astype(float)
        order = np.argsort(np.asarray(times, dtype="int64"), kind="stable")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise unknown_form(symbol, f"quotes that are no numbers ({error})") from error
    placed: pd.DataFrame = quotes.assign(row=order + 1).tz_localize("UTC")
    return placed


def _intraday_bars(
    symbol: str,
    interval: Interval,
    quotes: pd.DataFrame,
    market: Calendar,
    start: datetime,
    end: datetime,
    received_at: datetime,
) -> tuple[pa.Table, pa.Table]:
    """Return bars by their open, and rejects.

    Yahoo's last row is often the newest trade of a bar in progress, at its own second. It is
    assigned to the bar that contains it, which is thereby known to be unclosed.
    """
    raw = _instants(quotes)
    reach = timedelta(days=14)  # longer than any exchange stays shut
    grid = market.bars(interval, _instant(raw[0]) - reach, _instant(raw[-1]) + reach)
    place = np.searchsorted(grid.ts, raw, side="right") - 1
    inside = (place >= 0) & (raw < grid.closes_at[np.maximum(place, 0)])
    assert interval.minutes is not None
    if interval.name == "30m":  # yfinance asks for 15 minutes: Yahoo's own 30 are wrong
        step, opens = 15, np.where(inside, grid.ts[place], raw)
    else:
        step, opens = interval.minutes, raw.copy()
    growing = False
    if inside[-1]:
        bar = grid.ts[place[-1]]
        growing = bool((raw[-1] - bar) % np.timedelta64(step, "m").astype("timedelta64[us]"))
        if growing:
            opens[-1] = bar
    keep = (opens >= to_numpy(start)) & (opens < to_numpy(end))
    unclosed = np.zeros(len(raw), bool)
    if growing:
        # Closed by the clock, but the feed is late: this bar must not count as complete.
        close = grid.closes_at[place[-1]]
        if close <= to_numpy(received_at) < close + np.timedelta64(LATE):
            unclosed = opens == opens[-1]
    rejects = _build_rejects(symbol, quotes[keep & unclosed], opens[keep & unclosed])
    is_closed = keep & ~unclosed
    quotes, opens = quotes[is_closed], opens[is_closed]
    if interval.name == "30m" and len(opens):
        quotes, opens = _join_rows(quotes, opens)
    return _build_bars(symbol, quotes, opens), rejects


def _join_rows(quotes: pd.DataFrame, opens: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Combine rows of the same bar. A value unknown in one row is unknown in the bar."""
    first = np.flatnonzero(np.r_[True, opens[1:] != opens[:-1]])
    last = np.r_[first[1:], len(opens)] - 1
    values = {name: quotes[name].to_numpy() for name in quotes.columns}
    columns = {
        "Open": values["Open"][first],
        "High": np.maximum.reduceat(values["High"], first),
        "Low": np.minimum.reduceat(values["Low"], first),
        "Close": values["Close"][last],
        "Volume": np.add.reduceat(values["Volume"], first),
        "row": values["row"][first],
    }
    return pd.DataFrame(columns), opens[first]


def _dated_bars(
    symbol: str,
    interval: Interval,
    quotes: pd.DataFrame,
    market: Calendar,
    zone: str,
    start: datetime,
    end: datetime,
) -> pa.Table:
    """Return bars named by their date at the exchange.

    The row of the running session has the time of its newest trade; its date names the bar like
    any other, and the bar counts as unclosed.
    """
    from yfinance.utils import fix_Yahoo_dst_issue, fix_Yahoo_returning_live_separate

    if interval.name != "1d":
        # The last days of a week or a month may come as a row of their own.
        quotes = quotes.assign(**{"Dividends": 0.0, "Stock Splits": 0.0})
        quotes, _ = fix_Yahoo_returning_live_separate(quotes, interval.yahoo, zone, False)
    raw = _instants(quotes)
    labels = _dates(fix_Yahoo_dst_issue(quotes.tz_convert(zone), "1d").index)
    opens, is_bar = market.opens_of(interval, labels)
    # The neighbouring bars were requested only so that no bar is cut at the edge of the span.
    times = np.where(is_bar, opens, raw)
    keep = (times >= to_numpy(start)) & (times < to_numpy(end))
    return _build_bars(symbol, quotes[keep], labels[keep].astype("datetime64[us]"))


def _actions(symbol: str, result: dict[str, Any], zone: str) -> pa.Table:
    """Return splits, and cash paid per share (dividends, and gains that a fund passes on)."""
    from yfinance.utils import parse_actions

    try:
        dividends, splits, gains = parse_actions(result)
        paid = pd.concat(
            [dividends["Dividends"].astype(float), gains["Capital Gains"].astype(float)]
        )
        split = splits["Stock Splits"].astype(float)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unknown_form(
            symbol, f"splits or dividends that cannot be read ({error!r})"
        ) from error
    tables = []
    for kind, series in (("split", split), ("dividend", paid)):
        if not (np.isfinite(series) & (series > 0)).all():
            raise unknown_form(symbol, f"a {kind} of {series.tolist()}")
        dates = _dates(pd.DatetimeIndex(series.index).tz_localize("UTC").tz_convert(zone))
        daily = series.groupby(dates).agg("prod" if kind == "split" else "sum")
        columns = {
            "symbol": pa.array([symbol] * len(daily), pa.string()),
            "date": pa.array(daily.index.to_numpy().astype("datetime64[D]")),
            "kind": pa.array([kind] * len(daily), pa.string()),
            "value": pa.array(daily.to_numpy(dtype=float)),
        }
        tables.append(pa.table(columns).cast(ACTIONS))
    return pa.concat_tables(tables)


def _build_bars(symbol: str, quotes: pd.DataFrame, ts: np.ndarray) -> pa.Table:
    nulls = pa.nulls(len(ts), pa.float64())
    columns: dict[str, Any] = {"symbol": pa.array([symbol] * len(ts), pa.string())}
    columns["ts"] = pa.array(ts).cast(UTC_TYPE)
    for name in FIELDS:
        columns[name] = pa.array(quotes[name.capitalize()].to_numpy(dtype=float))
    columns["bid"], columns["ask"] = nulls, nulls
    columns["row"] = pa.array(quotes["row"].to_numpy(dtype="int64"))
    return pa.table(columns, schema=BARS)


def _build_rejects(symbol: str, quotes: pd.DataFrame, ts: np.ndarray) -> pa.Table:
    original = [
        json.dumps({name: str(value) for name, value in row.items()})
        for row in quotes.reset_index(names="timestamp").to_dict("records")
    ]
    detail = "Yahoo's newest trade lies inside this bar: its quotes are late"
    columns = {
        "symbol": pa.array([symbol] * len(ts), pa.string()),
        "ts": pa.array(ts).cast(UTC_TYPE),
        "row": pa.array(quotes["row"].to_numpy(dtype="int64")),
        "reason": pa.array(["unclosed"] * len(ts), pa.string()),
        "detail": pa.array([detail] * len(ts), pa.string()),
        "original": pa.array(original, pa.string()),
    }
    return pa.table(columns, schema=REJECTS)


def _instants(quotes: pd.DataFrame) -> np.ndarray:
    return pd.DatetimeIndex(quotes.index).tz_localize(None).to_numpy().astype("datetime64[us]")


def _dates(index: pd.DatetimeIndex) -> np.ndarray:
    dates: np.ndarray = index.tz_localize(None).to_numpy().astype("datetime64[D]")
    return dates


def _instant(value: np.datetime64) -> datetime:
    """Convert an instant of NumPy to UTC; refuse a year that no bar can have."""
    return utc(f"{value.astype('datetime64[us]').item().isoformat()}+00:00")
