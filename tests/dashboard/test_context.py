"""A page knows its forecast by its declaration alone."""

from __future__ import annotations

from dashboard.clock import Clock
from dashboard.context import Context
from dashboard.reader import Reader
from dashboard.settings import Settings
from tests.dashboard.test_api import TaggedApi, api_of


def test_paths_and_targets_are_those_of_the_selected_forecast() -> None:
    forecast = {"name": "my_own", "targets": [{"target": "a", "unit": "x"}, {"target": "b"}]}
    with TaggedApi() as server:
        reader = Reader(api_of(server))
        page = Context(reader, Settings(), Clock(), (forecast,), forecast)
        assert page.path("signal") == "/forecasts/my_own/signal"
        assert page.target("b") == {"target": "b"}
