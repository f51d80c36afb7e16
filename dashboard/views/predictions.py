"""The page of all models' predictions side by side, and of what became of the last ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import palette
from dashboard.api import Answer
from dashboard.components import draw_notices, draw_table, has_data, say_nothing_yet, segments
from dashboard.context import Context
from dashboard.words import label, percent, plain, visible

TITLE, ICON = "Predictions", ":material/compare:"
ROWS = 2000  # of the newest predictions: enough for some bars of all symbols and models
PAST_BARS = 12
Row = Mapping[str, Any]


def draw(page: Context) -> None:
    """Draw the newest prediction of every model and symbol, and the past ones with outcomes."""
    st.title(f"{TITLE}: {label(page.name)}", anchor=False)
    targets = [target["target"] for target in page.forecast["targets"]]
    target = targets[0]
    if len(targets) > 1:
        target = segments("Target", targets, key="target", default=targets[0])
    parameters: dict[str, object] = {"target": target, "role": "all", "limit": ROWS}
    newest = page.reader.get(page.path("history"), **parameters)
    later = page.reader.get(page.path("history"), **parameters, live=False)
    if not (has_data(page, newest) & has_data(page, later)):
        return
    draw_notices(newest)
    rows = sorted(
        _remember_live(newest, live=True) + _remember_live(later, live=False),
        key=lambda row: (row["ts"], row["live"]),
        reverse=True,
    )
    if not rows:
        say_nothing_yet(
            "Nothing was predicted yet.",
            f"Trigger the DAG train_{page.name}, then score_{page.name}.",
        )
        return
    _draw_newest(page, rows, parameters)
    _draw_past(page, rows, parameters)


def _remember_live(answer: Answer, *, live: bool) -> list[dict[str, Any]]:
    return [row | {"live": live} for row in answer.rows]


def _draw_newest(page: Context, rows: Sequence[Row], parameters: dict[str, object]) -> None:
    """Draw the newest bar's predictions: a row a symbol, a column a model."""
    newest = rows[0]
    same_bar = [row for row in rows if row["ts"] == newest["ts"] and row["live"] == newest["live"]]
    st.markdown(
        f"Of the bar that closed at **{page.clock.minute(newest['closes_at'])}** "
        f"({plain(page.clock.name)}), {'live' if newest['live'] else 'scored later'}. "
        "The champion decides, the challengers only predict."
    )
    declaration = page.target(str(parameters["target"]))
    models = sorted({(row["role"] != "champion", row["candidate"]) for row in same_bar})
    titles = {
        name: f"{label(name)} ({'challenger' if is_challenger else 'champion'})"
        for is_challenger, name in models
    }
    texts: dict[str, dict[str, str]] = {}
    colors: dict[str, dict[str, str]] = {}
    for row in same_bar:
        symbol = visible(row["symbol"])
        texts.setdefault(symbol, {"symbol": symbol})[row["candidate"]] = _words(row)
        colors.setdefault(symbol, {})[row["candidate"]] = _color(row, declaration)
    frame = pd.DataFrame(list(texts.values()), columns=["symbol", *titles])
    styles = pd.DataFrame(
        [["", *(colors[symbol].get(name, "") for name in titles)] for symbol in texts],
        columns=frame.columns,
    )
    draw_table(
        page,
        frame,
        {"symbol": "Symbol"} | titles,
        (
            page.path("history"),
            parameters | {"start": newest["ts"], "live": newest["live"]},
        ),
        key=f"{page.name}_predictions",
        style=lambda styler: styler.apply(lambda _: styles, axis=None),
    )


def _words(row: Row) -> str:
    """Write a prediction: its action with its sign and confidence, or its value and interval."""
    if row["action"] is not None:
        sign = palette.mark_of(row["score"]).sign
        return f"{sign} {label(row['action'])} {percent(row['confidence'], 0)}"
    low, high = (percent(row[name], 1, sign=True) for name in ("value_low", "value_high"))
    sign = palette.mark_of(row["value"]).sign
    return f"{sign} {percent(row['value'], 2, sign=True)} ({low} to {high})"


def _color(row: Row, declaration: Row) -> str:
    if row["action"] is None:
        return f"color: {palette.mark_of(row['value']).color}"
    most = max(map(abs, declaration["scores"]), default=1.0)
    color = palette.blend(row["score"], most)
    return f"background-color: {color}; color: #ffffff"


def _draw_past(page: Context, rows: Sequence[Row], parameters: dict[str, object]) -> None:
    """Draw what became of the last predictions: how often each model was right, and each one."""
    st.subheader("What became of the last ones", anchor=False)
    outcome_rows = [row for row in rows if row["outcome"] is not None]
    if not outcome_rows:
        say_nothing_yet(
            "No prediction has an outcome yet.",
            f"It is known once the next bar has closed and score_{page.name} has run.",
        )
        return
    closes = sorted({row["closes_at"] for row in outcome_rows}, reverse=True)[:PAST_BARS]
    past = [row for row in outcome_rows if row["closes_at"] in closes]
    st.caption(f"The last {len(closes)} bars whose outcome is known, {len(past)} predictions.")
    draw_table(page, _count_hits(past), HIT_COLUMNS, key=f"{page.name}_hits")
    draw_table(
        page,
        [
            {
                "closes_at": page.clock.minute(row["closes_at"]),
                "symbol": visible(row["symbol"]),
                "model": f"{label(row['candidate'])} v{row['model_version']}",
                "role": row["role"],
                "predicted": _words(row),
                "came": _came(row),
                "right": "✓ right" if _is_right(row) else "✗ wrong",
                "next_return": row["next_return"],
            }
            for row in past
        ],
        {"closes_at": f"Bar closed ({page.clock.name})"} | PAST_COLUMNS,
        (page.path("history"), parameters | {"start": min(row["ts"] for row in past)}),
        key=f"{page.name}_outcomes",
        height=420,
    )


HIT_COLUMNS = {
    "model": "Model",
    "role": "Role",
    "predictions": st.column_config.NumberColumn("Predictions"),
    "rate": st.column_config.NumberColumn("Right", format="percent"),
}
PAST_COLUMNS = {
    "symbol": "Symbol",
    "model": "Model",
    "role": "Role",
    "predicted": "Predicted",
    "came": "Came",
    "right": "Right",
    "next_return": st.column_config.NumberColumn("Next return", format="percent"),
}


def _count_hits(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return how often each model was right."""
    groups: dict[tuple[str, str], list[bool]] = {}
    for row in rows:
        groups.setdefault((row["role"], row["candidate"]), []).append(_is_right(row))
    return [
        {
            "model": label(candidate),
            "role": role,
            "predictions": len(hits),
            "rate": sum(hits) / len(hits),
        }
        for (role, candidate), hits in sorted(groups.items())
    ]


def _is_right(row: Row) -> bool:
    """Whether the class came, or the value lay within its interval."""
    if row["action"] is not None:
        return bool(row["action"] == row["actual"])
    return bool(row["value_low"] <= row["outcome"] <= row["value_high"])


def _came(row: Row) -> str:
    if row["actual"] is not None:
        return label(row["actual"])
    return percent(row["outcome"], 2, sign=True)
