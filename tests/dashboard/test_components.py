"""Parts of pages: what is wrong is said once, tables have the CSV of the API."""

from __future__ import annotations

import pytest

from tests.dashboard.screens import open_script, texts


def notices_script() -> None:
    from dashboard.api import Answer
    from dashboard.components import draw_notices

    answer = Answer({"notices": ["sample data", "<b>unproven</b>"]})
    draw_notices(answer, answer, Answer())


def test_each_notice_is_drawn_once_and_as_text() -> None:
    screen = open_script(notices_script)
    assert [element.value for element in screen.warning] == [
        "Sample data\\.",
        "\\<b\\>unproven\\</b\\>\\.",
    ]


def problems_script() -> None:
    import streamlit as st

    from dashboard.api import Answer, Api, Problem
    from dashboard.clock import Clock
    from dashboard.components import has_data
    from dashboard.context import Context
    from dashboard.reader import Reader
    from dashboard.settings import Settings

    page = Context(Reader(Api(Settings())), Settings(), Clock(), (), {})
    down = Problem("The API cannot be reached.", "Start it.")
    denied = Problem("nothing was scored.", "wait.", 503, "not_yet")
    from datetime import UTC, datetime

    read_at = datetime(2026, 8, 31, 20, 1, 2, tzinfo=UTC)
    cases = [
        Answer({"rows": []}), Answer(problem=denied), Answer(problem=denied),
        Answer({"rows": [1]}, down, read_at), Answer(problem=down),
    ]  # fmt: skip
    st.text(str([has_data(page, answer) for answer in cases]))


def test_a_problem_is_said_once_and_old_data_are_drawn_as_old() -> None:
    screen = open_script(problems_script)
    assert screen.text[0].value == "[True, False, False, True, False]"
    assert [element.value.replace("\\", "") for element in screen.info] == [
        "nothing was scored. wait."
    ]
    [old] = screen.error
    assert old.value.startswith("**Old:** read at 20:01:02.")


def table_script() -> None:
    from dashboard.api import Api
    from dashboard.clock import Clock
    from dashboard.components import draw_table
    from dashboard.context import Context
    from dashboard.reader import Reader
    from dashboard.settings import Settings

    page = Context(Reader(Api(Settings())), Settings(), Clock(), (), {})
    rows = [{"a": 1, "b": "x", "c": 2}, {"a": 3, "b": "y", "c": 4}]
    draw_table(page, rows, {"b": "Title", "a": "Number"}, ("/path", {}), key="t", height=400)


def test_a_table_has_the_named_columns_in_their_order_and_a_button() -> None:
    screen = open_script(table_script)
    assert list(screen.dataframe[0].value.columns) == ["b", "a"]
    assert "GET /path" in screen.get("download_button")[0].proto.help


@pytest.mark.parametrize("value", ["one", "two"])
def test_a_selection_stands_in_the_address(value: str) -> None:
    def script() -> None:
        import streamlit as st

        from dashboard.components import segments, select

        st.text(select("Label", ["one", "two"], key="pick"))
        st.text(segments("Label", ["one", "two"], key="press", default="one"))

    screen = open_script(script, pick=value, press=value)
    assert [element.value for element in screen.text] == [value, value]


def test_an_unknown_selection_in_the_address_is_the_first() -> None:
    def script() -> None:
        import streamlit as st

        from dashboard.components import select

        st.text(select("Label", ["one", "two"], key="pick"))

    assert open_script(script, pick="<script>").text[0].value == "one"


def chart_script() -> None:
    import plotly.graph_objects as go

    from dashboard.components import draw_chart

    draw_chart(go.Figure(go.Bar(x=[1], y=[1])), key="c", description="one bar")


def test_a_chart_says_what_it_shows() -> None:
    screen = open_script(chart_script)
    assert screen.get("plotly_chart")[0].proto.alt == "one bar"
    assert texts(screen) == ""
