"""The page of performance: what the signals earned, how often they hit, and what came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from dashboard.api import Answer
from dashboard.components import (
    draw_chart,
    draw_notices,
    draw_table,
    has_data,
    say_nothing_yet,
    segments,
    select,
)
from dashboard.context import Context
from dashboard.figures import performance as figures
from dashboard.words import NONE, count, label, number, percent, plain, visible

TITLE, ICON = "Performance", ":material/monitoring:"
SPANS = {"30 days": 30, "90 days": 90, "1 year": 365, "all": None}
PUBLISHED = {"live": True, "later": False}
ROWS = 10_000  # signals of one curve
NO_BACKTEST = "none"
GROUPS = {
    "strength": "|WSS| from, up to",
    "hour": "hour of the close",
    "symbol": "predictions of",
}
HIT_COLUMNS = {
    "group": "Group",
    "signals": st.column_config.NumberColumn("Signals"),
    "rate": "Hit rate",
    "interval": "95 % interval",
}
Row = Mapping[str, Any]


def draw(page: Context) -> None:
    """Draw the performance of the signals of a universe, and of the predictions behind them."""
    st.title(f"{TITLE}: {label(page.name)}", anchor=False)
    left, middle, right = st.columns([2, 4, 3])
    with left:
        published = segments(
            "Published",
            list(PUBLISHED),
            key="published",
            default="live",
            help="live: in time to act on; later: scored afterwards, as by a backfill",
        )
    with middle:
        days = SPANS[segments("Range", list(SPANS), key="range", default="all")]
    span: dict[str, Any] = {"live": PUBLISHED[published], "start": _start(days)}
    universes = page.forecast["universes"]
    if universes:
        with right:
            universe = universes[0]
            if len(universes) > 1:
                universe = segments("Universe", universes, key="universe", default=universe)
        _draw_signals(page, span | {"universe": universe})
    else:
        say_nothing_yet(
            f"{page.name} combines no signal, so there is none to follow.",
            "What its predictions promised is below.",
        )
    _draw_calibration(page, span)
    if universes:
        _draw_backtest(page, universe)


def _start(days: int | None) -> datetime | None:
    """Return the start of a range of days: it changes once a day."""
    if days is None:
        return None
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days)


def _draw_signals(page: Context, query: dict[str, Any]) -> None:
    answer = page.reader.get(page.path("performance"), **query)
    if not has_data(page, answer):
        return
    draw_notices(answer)
    values = {row["figure"]: row for row in answer.rows}
    if not values["signals"]["value"]:
        say_nothing_yet(
            "There is no signal to follow here.",
            f"score_{page.name} publishes one at each bar's close. Those scored later are under "
            "Published: later.",
        )
        return
    if not values["with_outcome"]["value"]:
        say_nothing_yet(
            f"Signals: {count(values['signals']['value'])}. Of none it is known yet what came "
            "next.",
            f"It is known once the next bar has closed and score_{page.name} has run. Those "
            "scored later are under Published: later.",
        )
        return
    _draw_figures(values)
    curve = page.reader.get(page.path("performance/curve"), limit=ROWS, **query)
    if has_data(page, curve):
        _draw_curve(page, curve, values)
    _draw_hits(page, query)


def _draw_figures(values: Mapping[str, Row]) -> None:
    """Draw the figures, each with its interval where it has one."""
    facts = {
        "Earned": _with_interval(values["earned"], _signed),
        "Beyond always long": _with_interval(values["beyond_always_long"], _signed),
        "Largest fall": (percent(values["max_drawdown"]["value"], 2), _fall_of_long(values)),
        "Hit rate": _with_interval(values["hit_rate"], percent),
        "Rank IC of the WSS": _with_interval(values["wss_rank_ic"], _correlation),
        "Signals": (
            count(values["with_outcome"]["value"]),
            f"of {count(values['sessions']['value'])} sessions",
        ),
    }
    columns = [column for _ in range(2) for column in st.columns(3)]
    for column, (name, (value, detail)) in zip(columns, facts.items(), strict=True):
        with column:
            st.caption(name)
            st.markdown(f"**{plain(value)}**  \n{plain(detail)}")
    if values["earned"]["low"] is None:
        st.caption("There are intervals from 10 sessions on.")


def _interval(row: Row) -> str:
    return NONE if row["low"] is None else f"{percent(row['low'], 0)} to {percent(row['high'], 0)}"


def _signed(value: float | None) -> str:
    return percent(value, 2, sign=True)


def _correlation(value: float | None) -> str:
    return number(value, 3, sign=True)


def _with_interval(row: Row, write: Any) -> tuple[str, str]:
    if row["low"] is None:
        return write(row["value"]), ""
    return write(row["value"]), f"{write(row['low'])} to {write(row['high'])}"


def _fall_of_long(values: Mapping[str, Row]) -> str:
    return f"always long {percent(values['max_drawdown_always_long']['value'], 2)}"


def _draw_curve(page: Context, answer: Answer, values: Mapping[str, Row]) -> None:
    st.subheader("What following the signals earned", anchor=False)
    rows = list(reversed(answer.rows))
    earned, long = values["earned"]["value"], values["always_long"]["value"]
    draw_chart(
        figures.draw_curve(rows, page.clock, "following the signals"),
        key="curve",
        description=f"Following the signals earned {_signed(earned)}, always long {_signed(long)}",
    )
    first = f" The newest {ROWS:,} signals." if answer.next_cursor else ""
    st.caption(
        "From each close to the next, as log-returns, without costs: BUY long, SELL short, HOLD "
        f"flat. Intervals are of 95 %, over whole sessions.{first}"
    )
    st.subheader("WSS against what came", anchor=False)
    ic = values["wss_rank_ic"]
    draw_chart(
        figures.draw_returns_by_score(rows, page.clock),
        key="returns_by_score",
        description=f"Next return by WSS; rank IC {_correlation(ic['value'])}",
    )


def _draw_hits(page: Context, query: dict[str, Any]) -> None:
    st.subheader("Hit rate", anchor=False)
    by = segments("By", list(GROUPS), key="by", default="strength")
    answer = page.reader.get(page.path("performance/hits"), by=by, **query)
    if not has_data(page, answer):
        return
    if not answer.rows:
        say_nothing_yet(
            "No BUY or SELL has an outcome here yet.", "HOLD has no side that could be hit."
        )
        return
    left, right = st.columns(2)
    zone = answer.data["timezone"].rpartition("/")[2].replace("_", " ")
    with left:
        draw_chart(
            figures.draw_hits(answer.rows, f"{GROUPS[by]}{f', {zone}' if by == 'hour' else ''}"),
            key="hits",
            description=", ".join(f"{row['group']}: {percent(row['rate'])}" for row in answer.rows),
        )
    with right:
        draw_table(
            page,
            [
                row
                | {"group": visible(row["group"])}
                | {"rate": percent(row["rate"]), "interval": _interval(row)}
                for row in answer.rows
            ],
            HIT_COLUMNS,
            (page.path("performance/hits"), query | {"by": by}),
            key="hits",
            height=400,
        )


def _draw_calibration(page: Context, span: dict[str, Any]) -> None:
    st.subheader("Calibration: what was promised, and what came", anchor=False)
    targets = [target["target"] for target in page.forecast["targets"]]
    target = targets[0]
    if len(targets) > 1:
        target = segments("Target", targets, key="target", default=target)
    answer = page.reader.get(page.path("performance/calibration"), target=target, **span)
    if not has_data(page, answer):
        return
    if not answer.rows:
        say_nothing_yet(
            f"No prediction of {target} has an outcome here yet.",
            f"It is known once the next bar has closed and score_{page.name} has run.",
        )
        return
    declaration = page.target(target)
    if declaration["kind"] == "value":
        (group,) = answer.rows
        figure = figures.draw_coverage(group)
        words = (
            f"{percent(group['came'])} of {count(group['row_count'])} outcomes lay inside the "
            f"interval, which promises {percent(group['promised'], 0)}."
        )
    else:
        evidence = page.reader.get(page.path("evidence"), target=target, evidence="calibration")
        promised = evidence.rows if has_data(page, evidence) else []
        figure = figures.draw_calibration(answer.rows, promised, declaration)
        words = (
            "Across: the mean probability of equally many predictions. Up: how often the class "
            "came, with its 95 % interval. Dotted: as often as promised. Dashed: what the training "
            "of the model that serves showed."
        )
    draw_chart(figure, key="calibration", description=words)
    st.caption(plain(words))


def _draw_backtest(page: Context, universe: str) -> None:
    st.subheader("A backtest beside it", anchor=False)
    answer = page.reader.get("/backtests")
    if not has_data(page, answer):
        return
    reports = {
        row["name"]: row
        for row in answer.rows
        if (row["forecast"], row["universe"]) == (page.name, universe)
    }
    if not reports:
        say_nothing_yet(
            f"There is no report of a backtest of {page.name}.",
            f"Write one where the API looks: bullion backtest {page.name} --from 2026-03-01 "
            "--out data_lake/backtests/NAME",
        )
        return
    name = select("Report", [NO_BACKTEST, *reports], key="backtest")
    if name == NO_BACKTEST:
        return
    _draw_report(page, reports[name])


def _draw_report(page: Context, report: Row) -> None:
    path = f"/backtests/{report['name']}"
    curve, details = page.reader.get(f"{path}/curve", limit=ROWS), page.reader.get(path)
    if not (has_data(page, curve) & has_data(page, details)):
        return
    st.markdown(
        plain(
            f"{report['first_session']} to {report['last_session']}, {details.data['how']}; after "
            f"costs of {percent(details.data['cost'], 2)} a change."
        )
    )
    draw_chart(
        figures.draw_curve(list(reversed(curve.rows)), page.clock, "the signal"),
        key="backtest_curve",
        description=f"The backtest earned {_signed(report['net'])}",
    )
    draw_table(
        page,
        [
            {
                "part": label(row["part"]),
                "figure": label(row["figure"]),
                "value": number(row["value"], 4),
                "interval": NONE
                if row["low"] is None
                else f"{number(row['low'], 4)} to {number(row['high'], 4)}",
            }
            for row in details.rows
        ],
        {"part": "Of", "figure": "Figure", "value": "Value", "interval": "95 % interval"},
        (path, {}),
        key="backtest_figures",
        height=320,
    )
    with st.expander("What limits the worth of this report"):
        for note in details.data["notes"]:
            st.markdown(f"- {plain(note)}")
