"""The page of bars: any series as candlesticks, with indicators and what was said of each bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import streamlit as st

from dashboard.components import (
    draw_chart,
    draw_facts,
    draw_notices,
    draw_table,
    has_data,
    say_nothing_yet,
    segments,
    select,
)
from dashboard.context import Context
from dashboard.figures.market import AVERAGES, BANDS, Chart, Marked, draw_market
from dashboard.words import NONE, count, label, number, percent, plain

TITLE, ICON = "Market", ":material/candlestick_chart:"
RANGES = {"5 d": 5, "1 mo": 31, "3 mo": 92, "1 y": 366, "5 y": 1830, "all": None}
CANDLES = 400  # of one chart: a laptop has two or three pixels for each
MARKS = {"signals": "Signals", "predictions": "Predictions"}
MOST_MARKS = 2000
LISTED = 100  # bars of the table
INDICATORS = {
    **{name: label(name).upper() for name in AVERAGES},
    BANDS: "Bollinger",
    "rsi_14": "RSI",
    "macd": "MACD",
}
SCORES = {"BUY": 1.0, "HOLD": 0.0, "SELL": -1.0}
LIVE_SECONDS = 1.0  # between two looks at the live price
Row = Mapping[str, Any]


def draw(page: Context) -> None:
    """Draw the chart of one series."""
    st.title(TITLE, anchor=False)
    answer = page.reader.get("/bars/series")
    if not has_data(page, answer):
        return
    listed = [row for row in answer.rows if row["source"] == answer.data["data_source"]]
    if not listed:
        say_nothing_yet(
            f"There is no bar of {answer.data['data_source']} yet.",
            f"Trigger the DAG ingest_{page.name}, or run `bullion ingest`.",
        )
        return
    with st.container(horizontal=True):  # which breaks the line where the screen is narrow
        series, days = _choose_series(page, listed)
        indicators = _choose("Indicators", INDICATORS, ["sma_20", "rsi_14"])
        kinds = _choose("Marks", MARKS, list(MARKS), help=f"What {page.name} said of its bars")
    _draw_bars(page, series, days, indicators, kinds)


def _choose(
    title: str, options: Mapping[str, str], default: Sequence[str], **more: Any
) -> list[str]:
    """Let the reader press any of a few buttons; they stand in the address, in a fixed order."""
    pressed = st.pills(
        title,
        list(options),
        selection_mode="multi",
        default=list(default),
        format_func=options.__getitem__,
        key=title.lower(),
        bind="query-params",
        **more,
    )
    return [name for name in options if name in pressed]


def _choose_series(page: Context, listed: Sequence[Row]) -> tuple[Row, int | None]:
    """Let the reader select a symbol, one of its intervals and a range; return series and days.

    The first symbol of the forecast stands there at first.
    """
    symbols = sorted({row["symbol"] for row in listed})
    own = next((name for name in page.forecast["symbols"] if name in symbols), symbols[0])
    symbol = select("Symbol", symbols, key="series", default=symbols.index(own), width=160)
    of_symbol = {row["interval"]: row for row in listed if row["symbol"] == symbol}
    intervals = list(of_symbol)
    interval = page.forecast["interval"]
    interval = segments(
        "Bars of",
        intervals,
        key="interval",
        default=interval if interval in intervals else intervals[0],
    )
    series = of_symbol[interval]
    name = segments("Range", list(RANGES), key="range", default=default_range(series))
    return series, RANGES[name]


def default_range(series: Row) -> str:
    """Return the longest range in which each bar has a candle of its own, and its marks."""
    first, last = (datetime.fromisoformat(series[name]) for name in ("first", "last"))
    all_days = max(1.0, (last - first).total_seconds() / 86400)
    for name, days in reversed(RANGES.items()):
        if series["bars"] * min(1.0, (days or all_days) / all_days) <= CANDLES:
            return name
    return next(iter(RANGES))


def _draw_bars(
    page: Context, series: Row, days: int | None, indicators: Sequence[str], kinds: Sequence[str]
) -> None:
    parameters = {
        "symbol": series["symbol"],
        "source": series["source"],
        "interval": series["interval"],
        "indicators": ",".join(indicators) or None,
        "candles": CANDLES,
        "start": _start_of(series, days),
    }
    answer = page.reader.get("/bars/history", **parameters)
    if not has_data(page, answer):
        return
    draw_notices(answer)
    bars = answer.rows[::-1]
    if not bars:
        say_nothing_yet("There is no bar in this range.", "Choose a longer one.")
        return
    _follow_price(page, series)
    _draw_facts(page, series, bars)
    joined = max(bar["bars"] for bar in bars)
    marks = _read_marks(page, series, bars, kinds) if joined == 1 else {}
    chart = Chart(series["interval"], series["time_zone"] or "UTC", bars, indicators, **marks)
    draw_chart(
        draw_market(chart, page.clock),
        key=f"bars {series['symbol']} {series['interval']} {days}",
        description=f"{len(bars)} candles of {series['symbol']}, the last closed at "
        f"{number(bars[-1]['close'])}",
    )
    st.caption(_explain(page, series, joined, marks))
    _draw_list(page, series, bars, parameters)


def _start_of(series: Row, days: int | None) -> datetime | None:
    """Return where the range begins, by the last bar: an answer stays the same until the next."""
    if days is None:
        return None
    last = datetime.fromisoformat(series["last_closes_at"]) - timedelta(days=days)
    return last.replace(hour=0, minute=0, second=0, microsecond=0)


def _follow_price(page: Context, series: Row) -> None:
    """Draw the live price of a symbol and follow it, where a stream has it."""
    answer = page.reader.api.get("/prices/newest")
    if answer.data is None or answer.data["data_source"] != series["source"]:
        return
    if any(row["symbol"] == series["symbol"] for row in answer.data["prices"]):
        draw = partial(_draw_price, page, series["symbol"])
        st.fragment(draw, run_every=LIVE_SECONDS)()


def _draw_price(page: Context, symbol: str) -> None:
    answer = page.reader.api.get("/prices/newest")
    rows = answer.data["prices"] if answer.data else []
    for row in rows:
        if row["symbol"] != symbol:
            continue
        is_stale = row["stale"] or answer.problem is not None
        state = "▲ not live any more" if is_stale else "● live"
        draw_facts(
            {
                f"Price ({page.clock.name} {page.clock.second(row['at'])})": number(row["mid"]),
                "Bid": NONE if row["bid"] is None else number(row["bid"]),
                "Ask": NONE if row["ask"] is None else number(row["ask"]),
                "Stream": state,
            }
        )


def _draw_facts(page: Context, series: Row, bars: Sequence[Row]) -> None:
    first, last = bars[0], bars[-1]
    since = page.clock.minute(series["first"])[:10]
    draw_facts(
        {
            "Last close": number(last["close"]),
            "In this range": percent(last["close"] / first["open"] - 1, 2, sign=True),
            "Highest, lowest": f"{number(max(b['high'] for b in bars))}, "
            f"{number(min(b['low'] for b in bars))}",
            f"Last bar closed ({page.clock.name})": page.clock.minute(last["closes_at"]),
            "Bars in all": f"{count(series['bars'])} since {since}",
        }
    )


def _read_marks(
    page: Context, series: Row, bars: Sequence[Row], kinds: Sequence[str]
) -> dict[str, list[Marked]]:
    """Return what the forecast said of these bars, where they are its own."""
    if series["interval"] != page.forecast["interval"]:
        return {}
    marks = {}
    if "predictions" in kinds and series["symbol"] in page.forecast["symbols"]:
        target = page.forecast["targets"][0]["target"]
        marks["predictions"] = _read_both(
            page, "history", bars, _prediction, symbol=series["symbol"], target=target
        )
    if "signals" in kinds and page.forecast["universes"]:
        universe = page.forecast["universes"][0]
        marks["signals"] = _read_both(page, "signals", bars, _signal, universe=universe)
    return marks


def _read_both(
    page: Context, rest: str, bars: Sequence[Row], read: Any, **parameters: object
) -> list[Marked]:
    """Read what was published live, and of the other bars what was scored later."""
    by_bar: dict[str, Marked] = {}
    for live in (False, True):
        answer = page.reader.get(
            page.path(rest), **parameters, live=live, start=bars[0]["ts"], limit=MOST_MARKS
        )
        if has_data(page, answer):
            by_bar |= {row["closes_at"]: read(row, live) for row in answer.rows}
    return list(by_bar.values())


def _prediction(row: Row, live: bool) -> Marked:
    if row["action"] is not None:
        words = f"{label(row['action'])} {percent(row['confidence'], 0)}"
        return Marked(row["closes_at"], row["score"], live, words)
    return Marked(row["closes_at"], row["value"], live, percent(row["value"], 2, sign=True))


def _signal(row: Row, live: bool) -> Marked:
    words = f"{row['signal']}, WSS {number(row['wss'], 3, sign=True)}"
    return Marked(row["closes_at"], SCORES[row["signal"]], live, words)


def _explain(page: Context, series: Row, joined: int, marks: Mapping[str, object]) -> str:
    texts = ["Hollow candles rose, filled ones fell. Nights, weekends and holidays take no room."]
    if joined > 1:
        texts.append(
            f"Each candle joins up to {joined} bars; what was said of single bars is marked where "
            "a candle is one bar: choose a shorter range."
        )
    elif not marks and series["interval"] != page.forecast["interval"]:
        texts.append(
            f"{page.name} speaks of bars of {page.forecast['interval']}: no mark stands here."
        )
    elif marks:
        texts.append("Filled triangles were published live, open ones scored later.")
    return plain(" ".join(texts))


def _draw_list(page: Context, series: Row, bars: Sequence[Row], parameters: Row) -> None:
    with st.expander(
        f"The newest {min(LISTED, len(bars))} of {len(bars)} candles as a table",
        key="listed",
        bind="query-params",
    ) as listed:
        if not listed.open:  # a browser that shows no table need not load what draws it
            return
        draw_table(
            page,
            [
                {**bar} | {name: page.clock.minute(bar[name]) for name in ("ts", "closes_at")}
                for bar in bars[: -LISTED - 1 : -1]
            ],
            {"ts": f"Opens ({page.clock.name})", "closes_at": "Closes", **PRICES},
            ("/bars/history", parameters),
            key=f"{series['symbol']}_{series['interval']}_bars",
            height=380,
        )


PRICES = {
    **{
        name: st.column_config.NumberColumn(name.capitalize(), format="%,.2f")
        for name in ("open", "high", "low", "close")
    },
    "volume": st.column_config.NumberColumn("Volume", format="compact"),
    "bars": st.column_config.NumberColumn("Bars"),
}
