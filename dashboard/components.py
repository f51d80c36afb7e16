"""Parts that pages share: problems, notices, tables with their CSV, charts, selections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import palette
from dashboard.api import Answer, Problem
from dashboard.context import Context
from dashboard.words import plain

ROW_PIXELS = 35
CHART_OPTIONS = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}


def has_data(page: Context, answer: Answer) -> bool:
    """Return whether there is something to draw; say what is wrong where there is a problem.

    A problem that stands on the page already is not said twice.
    """
    problem = answer.problem
    if problem and problem.message not in page.reader.problems:
        page.reader.problems.add(problem.message)
        text = f"{plain(problem.message)} {plain(problem.hint)}"
        if answer.is_old:
            st.error(f"**Old:** read at {page.clock.second(answer.read_at)}. {text}")
        elif problem.is_denial:
            st.info(text)
        else:
            st.error(text)
    return answer.data is not None


def say_nothing_yet(message: str, hint: str) -> None:
    """Draw an empty state: what is not there, and what brings it."""
    st.info(f"{plain(message)} {plain(hint)}")


def draw_notices(*answers: Answer) -> None:
    """Draw what limits the worth of the answers; each notice once."""
    notices = dict.fromkeys(
        notice for answer in answers if answer.data for notice in answer.data.get("notices", ())
    )
    for notice in notices:
        st.warning(plain(f"{notice[:1].upper()}{notice[1:]}."))


def draw_facts(facts: Mapping[str, str]) -> None:
    """Draw short facts side by side, each below its name; they wrap where there is no room."""
    with st.container(horizontal=True, gap="medium"):
        for name, value in facts.items():
            with st.container(width="content", gap=None):
                st.caption(plain(name))
                st.markdown(f"**{plain(value)}**")


def draw_table(
    page: Context,
    rows: Sequence[Mapping[str, Any]] | pd.DataFrame,
    columns: Mapping[str, Any],
    csv: tuple[str, Mapping[str, object]] | None = None,
    *,
    key: str,
    height: int | None = None,
    style: Any = None,
) -> None:
    """Draw rows as a table, with a button that loads all of their columns as CSV from the API.

    `columns` has the title of each column by the field, or a column of st.column_config. `style`
    takes and returns a Styler of pandas, and `height` is the most pixels: the rest scrolls.
    """
    frame = pd.DataFrame(rows, columns=None if isinstance(rows, pd.DataFrame) else list(columns))
    configs = {
        name: st.column_config.Column(config) if isinstance(config, str) else config
        for name, config in columns.items()
    }
    data = style(frame.style) if style else frame
    whole = ROW_PIXELS * (len(frame) + 1) + 3
    size: dict[str, Any] = {} if height is None else {"height": min(height, whole)}
    st.dataframe(data, hide_index=True, column_order=list(columns), column_config=configs, **size)
    if csv:
        path, parameters = csv
        st.download_button(
            "CSV",
            data=partial(page.reader.api.csv, path, **parameters),
            file_name=f"{key}.csv",
            mime="text/csv",
            key=f"csv_{key}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help=f"All columns, as `GET {path}` answers them with `Accept: text/csv`.",
        )


def draw_chart(figure: Any, *, key: str, description: str) -> None:
    """Draw a figure in the style of all pages; `description` is for those who cannot see it."""
    has_heading = figure.layout.title.text or len(figure.data) > 1  # a title, or a legend
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 28 if has_heading else 4, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        hoverlabel={"align": "left"},
        font={"size": 13},
    )
    figure.update_xaxes(gridcolor=palette.GRID, zeroline=False, automargin=True)
    figure.update_yaxes(gridcolor=palette.GRID, zeroline=False, automargin=True)
    st.plotly_chart(figure, key=key, config=CHART_OPTIONS, alt=description)


def draw_meter(html: str, *, description: str) -> None:
    """Draw a meter; `description` is for those who cannot see it."""
    st.html(f'<div role="img" aria-label="{escape(description)}">{html}</div>')


def select(label: str, options: Sequence[str], *, key: str, default: int = 0, **more: Any) -> str:
    """Let the reader select one of several; the selection stands in the address."""
    return str(st.selectbox(label, options, index=default, key=key, bind="query-params", **more))


def segments(label: str, options: Sequence[str], *, key: str, default: str, **more: Any) -> str:
    """Let the reader press one of a few buttons; the selection stands in the address."""
    value = st.segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params", **more
    )
    return str(value)


def draw_problem(problem: Problem) -> None:
    """Draw why a page cannot be drawn at all."""
    st.error(f"{plain(problem.message)} {plain(problem.hint)}")
