"""The page of the newest signal: what it is, of which bar, how sure, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import palette
from dashboard.api import Answer
from dashboard.clock import age, age_of
from dashboard.components import (
    draw_chart,
    draw_facts,
    draw_meter,
    draw_notices,
    draw_table,
    has_data,
    say_nothing_yet,
    segments,
    select,
)
from dashboard.context import Context
from dashboard.figures import meters
from dashboard.figures import signal as figures
from dashboard.words import label, percent, plain, visible

TITLE, ICON = "Now", ":material/radar:"
COLUMNS = {
    "symbol": "Symbol",
    "action": "Action",
    "contribution": st.column_config.NumberColumn("Contribution", format="%+.4f"),
    "share": st.column_config.NumberColumn("Share", format="percent"),
    "confidence": st.column_config.NumberColumn("Confidence", format="percent"),
    "expected_score": st.column_config.NumberColumn("Expected score", format="%+.3f"),
}


def draw(page: Context) -> None:
    """Draw the newest signal of a universe, and the newest prediction of one symbol."""
    universes = page.forecast["universes"]
    st.title(f"{TITLE}: {label(page.name)}", anchor=False)
    st.caption(plain(page.forecast["meaning"]))
    if universes:
        universe = universes[0]
        if len(universes) > 1:
            universe = segments("Universe", universes, key="universe", default=universe)
        answer = page.reader.get(page.path("signal"), universe=universe)
        if has_data(page, answer):
            draw_notices(answer)
            _draw_signal(page, answer)
            _draw_constituents(page, answer.data)
    _draw_symbol(page)


def _draw_signal(page: Context, answer: Answer) -> None:
    signal = answer.data
    mark = palette.MARKS[signal["signal"]]
    left, right = st.columns([2, 5], vertical_alignment="center")
    with left:
        st.html(
            f'<div role="status" style="font-size:3.2rem;font-weight:700;line-height:1.1;'
            f'color:{mark.color}">{mark.sign} {signal["signal"]}</div>'
        )
        st.markdown(f"**{plain(signal['instrument'])}**  {plain(signal['reason'])}")
    with right:
        draw_meter(
            meters.draw_scale(signal, _most(page)),
            description=f"WSS {signal['wss']:+.3f} on a scale with the thresholds of the signal",
        )
    _draw_facts(page, signal)


def _draw_facts(page: Context, signal: Mapping[str, Any]) -> None:
    facts = {
        f"Bar closed ({page.clock.name})": page.clock.minute(signal["closes_at"]),
        "Age": f"{age_of(signal['closes_at'])}, {'stale' if signal['stale'] else 'newest'}",
        "Published": _published(signal),
        "Model": f"v{signal['model_version']}, {'proven' if signal['proven'] else 'unproven'}",
    }
    if len(signal["per_symbol"]) > 1:
        facts["Coverage"] = f"{percent(signal['coverage'], 0)} of the universe"
        facts["Weights of"] = str(signal["weights_effective"])
    draw_facts(facts)


def _published(signal: Mapping[str, Any]) -> str:
    if not signal["live"]:
        return "later, not live"
    return f"live, after {age(signal['delay_seconds'])}"


def _draw_constituents(page: Context, signal: Mapping[str, Any]) -> None:
    rows = sorted(signal["per_symbol"], key=lambda row: -abs(row["contribution"]))
    if len(rows) < 2:
        return
    st.subheader("Constituents", anchor=False)
    left, right = st.columns(2)
    with left:
        draw_chart(
            figures.draw_treemap(rows, _most(page)),
            key="treemap",
            description="Constituents: the area is the share, the colour the score",
        )
        st.caption("Area: share of the universe. Colour and sign: what its score adds to the WSS.")
    with right:
        draw_table(
            page,
            [
                row
                | {
                    "action": _with_mark(row["action"], row["score"]),
                    "symbol": visible(row["symbol"]),
                }
                for row in rows
            ],
            COLUMNS,
            key="constituents",
            height=380,
        )


def _draw_symbol(page: Context) -> None:
    st.subheader("One symbol", anchor=False)
    symbols = page.forecast["symbols"]
    symbol = select("Symbol", symbols, key="symbol") if len(symbols) > 1 else symbols[0]
    answer = page.reader.get(page.path("component"), symbol=symbol)
    if not has_data(page, answer):
        return
    if not page.forecast["universes"]:
        draw_notices(answer)
    names = [name for name, row in answer.data["targets"].items() if row]
    if not names:
        say_nothing_yet(
            f"No target of {symbol} is predicted.", f"Trigger the DAG train_{page.name}."
        )
        return
    target = (
        segments("Target", names, key="target", default=names[0]) if len(names) > 1 else names[0]
    )
    _draw_prediction(page, symbol, answer.data["targets"][target], target)


def _draw_prediction(
    page: Context, symbol: str, prediction: Mapping[str, Any], target: str
) -> None:
    left, right = st.columns([3, 2])
    with left:
        st.markdown(f"**{plain(symbol)}**: {plain(_sentence(prediction))}")
        if prediction["kind"] == "classes":
            meter = meters.draw_probabilities(page.target(target), prediction)
            words = ", ".join(f"{n} {percent(p)}" for n, p in prediction["probabilities"].items())
        else:
            meter, words = meters.draw_value(prediction), _sentence(prediction)
        draw_meter(meter, description=words)
    with right:
        risk = prediction.get("risk")
        if risk:
            draw_meter(
                meters.draw_risk(risk), description=f"Uncertainty {percent(risk['uncertainty'])}"
            )
            st.markdown(
                f"Against the action: **{percent(risk['against'])}** · "
                f"outermost classes: **{percent(risk['tails'])}**"
            )
    _draw_contributions(prediction)


def _draw_contributions(prediction: Mapping[str, Any]) -> None:
    contributions = prediction["feature_contributions"]
    if not contributions:
        st.caption("What moved this prediction is not computed for this target.")
        return
    st.markdown(f"**What moved it**: contributions to {plain(prediction['contributions_to'])}")
    draw_chart(
        figures.draw_contributions(contributions),
        key="contributions",
        description="The features that moved the prediction most",
    )
    st.caption(f"Method: {plain(prediction['contribution_method'])}")


def _sentence(prediction: Mapping[str, Any]) -> str:
    """Return what is predicted, and why, in a sentence."""
    if prediction["kind"] == "value":
        return (
            f"{percent(prediction['value'], 2, sign=True)}, "
            f"{percent(prediction['value_low'], 2, sign=True)} to "
            f"{percent(prediction['value_high'], 2, sign=True)}; {prediction['value_words']}"
        )
    reason = f": {prediction['action_reason']}" if prediction["action_reason"] else ""
    return f"{_with_mark(prediction['action'], prediction['score'])}{reason}"


def _with_mark(action: str | None, score: float | None) -> str:
    return f"{palette.mark_of(score).sign} {label(action)}" if action else "not scored"


def _most(page: Context) -> float:
    """Return the end of the scale of scores: the largest that a class has."""
    scores = page.forecast["targets"][0]["scores"]
    return float(max(map(abs, scores), default=1.0))
