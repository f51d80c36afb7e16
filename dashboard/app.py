"""The dashboard as Streamlit runs it, once for each drawing: choices, the page, and the watch."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType

import streamlit as st

from dashboard.clock import Clock
from dashboard.components import draw_problem, segments, select
from dashboard.connection import connect, read_settings
from dashboard.context import Context
from dashboard.reader import Reader
from dashboard.views import PAGES

ICON = Path(__file__).with_name("icon.svg")
SECONDS = {"off": None, "10 s": 10, "30 s": 30, "1 min": 60}
logger = logging.getLogger("dashboard")


def draw() -> None:
    """Draw one page."""
    st.set_page_config(page_title="Bullion", page_icon=str(ICON), layout="wide")
    reader = Reader(connect())
    navigation = st.navigation(
        [
            st.Page(
                partial(draw_page, page, reader),
                title=page.TITLE,
                icon=page.ICON,
                url_path=page.__name__.rpartition(".")[2],
                default=page is PAGES[0],
            )
            for page in PAGES
        ]
    )
    navigation.run()


def draw_page(page: ModuleType, reader: Reader) -> None:
    """Draw the choices, one page, and the watch that draws it anew."""
    answer = reader.get("/forecasts")
    if answer.data is None and answer.problem:
        st.title(page.TITLE, anchor=False)
        draw_problem(answer.problem)
    else:
        forecasts = tuple(answer.data["forecasts"])
        with st.sidebar:
            names = [row["name"] for row in forecasts]
            name = select("Forecast", names, key="forecast", help="What is predicted")
            forecast = forecasts[names.index(name)]
            zones = {"UTC": "UTC", "exchange": forecast["time_zone"]}
            zone = zones[segments("Times", list(zones), key="times", default="UTC")]
        context = Context(reader, read_settings(), Clock(zone), forecasts, forecast)
        try:
            page.draw(context)
        except Exception as error:
            _note_failure(page, error)
    with st.sidebar:
        seconds = _choose_refresh()
        st.fragment(partial(_watch, reader), run_every=seconds)()


def _choose_refresh() -> int | None:
    value = segments(
        "Refresh",
        list(SECONDS),
        key="refresh",
        default="30 s",
        help="How often the page asks whether anything has changed. What is unchanged is not "
        "drawn again.",
    )
    return SECONDS[value]


def _watch(reader: Reader) -> None:
    """Draw the page anew where an answer has changed since it was drawn."""
    if reader.has_changed():
        st.rerun()
    st.caption(f"Looked at {datetime.now(UTC):%H:%M:%S} UTC")


def _note_failure(page: ModuleType, error: Exception) -> None:
    """Say that a page could not be drawn; the trace is for the log."""
    logger.error("the page %s could not be drawn", page.TITLE, exc_info=error)
    st.error(
        f"The rest of this page could not be drawn ({type(error).__name__}): the API's answer has "
        "a form that the dashboard does not know. Are both of one version? The log has the trace."
    )


if __name__ == "__main__":
    draw()
