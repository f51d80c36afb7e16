"""A page is drawn anew exactly where something that it drew has changed."""

from __future__ import annotations

from dashboard.reader import Reader
from tests.dashboard.test_api import TaggedApi, api_of
from tests.servers.provider import Fault


def test_a_page_has_changed_when_one_of_its_answers_has() -> None:
    with TaggedApi() as server:
        reader = Reader(api_of(server))
        reader.get("/signal", universe="qqq")
        reader.get("/latest")
        assert not reader.has_changed()
        server.value = {"wss": 3.0}
        assert reader.has_changed()


def test_a_page_has_changed_once_when_the_api_fails_and_once_when_it_is_back() -> None:
    with TaggedApi() as server:
        api = api_of(server)
        reader = Reader(api)
        reader.get("/signal")
        server.fail(Fault(status=500))
        assert reader.has_changed()
        server.fail(Fault(status=500), times=2)
        old = Reader(api)
        old.get("/signal")
        assert not old.has_changed()  # drawn as old already
        assert old.has_changed()  # it is back
