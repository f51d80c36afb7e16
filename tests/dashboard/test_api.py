"""What the dashboard knows of the API: one request for all, 304s, and the last good answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.api import Answer, Api
from dashboard.settings import Settings
from tests.servers.ports import free_port
from tests.servers.provider import Fault, ProviderServer, Response

NOT_YET = {
    "error": {"type": "not_yet", "message": "nothing was scored", "hint": "wait", "field": None}
}


class TaggedApi(ProviderServer):
    """An API whose answer has an ETag, and changes when `value` does."""

    def __init__(self) -> None:
        super().__init__()
        self.value: Any = {"wss": 1.0, "age_seconds": 3}
        self.has_tags = True

    def respond(self, path: str, params: dict[str, str], headers: dict[str, str]) -> Response:
        tag = f'"{json.dumps(self.value)}"'.replace(" ", "").replace("{", "").replace("}", "")
        known_tag = {name.lower(): value for name, value in headers.items()}.get("if-none-match")
        if "text/csv" in str(headers):
            return Response(body=b"a,b\n1,2\n", media_type="text/csv")
        if self.has_tags and known_tag == tag:
            return Response(304, headers={"ETag": tag})
        tags = {"ETag": tag} if self.has_tags else {}
        return Response(body=json.dumps(self.value).encode(), headers=tags)


@pytest.fixture
def server() -> Iterator[TaggedApi]:
    with TaggedApi() as running:
        yield running


def api_of(server: ProviderServer, **settings: Any) -> Api:
    return Api(Settings(api=server.url, **({"fresh_seconds": 0} | settings)))


def test_an_unchanged_answer_is_a_304_and_keeps_its_version(server: TaggedApi) -> None:
    api = api_of(server)
    first, second = api.get("/signal"), api.get("/signal")
    assert first.data == second.data == server.value
    assert first.version == second.version
    assert first.read_at
    assert second.read_at
    assert second.read_at > first.read_at
    assert "if-none-match" in str(server.questions[1].headers).lower()
    server.value = {"wss": 2.0}
    third = api.get("/signal")
    assert third.data == {"wss": 2.0}
    assert third.version != first.version


def test_an_age_alone_makes_no_new_version(server: TaggedApi) -> None:
    server.has_tags = False
    api = api_of(server)
    first = api.get("/signal")
    server.value = {"wss": 1.0, "age_seconds": 99}
    assert api.get("/signal").version == first.version
    server.value = {"wss": 1.5, "age_seconds": 99}
    assert api.get("/signal").version != first.version


def test_sessions_share_a_request_while_its_answer_is_fresh(server: TaggedApi) -> None:
    api = api_of(server, fresh_seconds=60)
    threads = [threading.Thread(target=api.get, args=("/signal",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.questions) == 1
    api.get("/signal", universe="qqq")
    assert len(server.questions) == 2


def test_parameters_are_sent_as_the_api_reads_them(server: TaggedApi) -> None:
    start = datetime(2026, 8, 31, tzinfo=UTC)
    api_of(server).get("/x", live=False, start=start, names=["a", "b"], limit=3, cursor=None)
    assert server.questions[0].params == {
        "live": "false", "start": "2026-08-31T00:00:00+00:00", "names": "a,b", "limit": "3",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=500, body=b"<html>trace</html>", media_type="text/html"), "status 500"),
        (Fault(status=502, body=b"{}"), "status 502"),
        (Fault(status=200, body=b"<html>"), "no JSON"),
        (Fault(delay=1.0), "not answered within 0.3 s"),
        (Fault(status=200, body=b"{}  ", lost=3), "cannot be reached"),
        (Fault(status=401, body=b"{}"), "key"),
        (
            Fault(status=503, body=json.dumps({"error": {"type": "busy", "message": "full"}})),
            "full",
        ),
        (Fault(status=429, body=json.dumps({"error": {"type": "x", "message": "often"}})), "often"),
    ],
)
def test_a_failure_is_a_sentence_and_the_last_answer_is_old(
    server: TaggedApi, fault: Fault, words: str
) -> None:
    api = api_of(server, timeout_seconds=0.3)
    first = api.get("/signal")
    server.fail(fault)
    failed = api.get("/signal")
    assert failed.problem
    assert words in failed.problem.message
    assert failed.is_old
    assert (failed.data, failed.read_at) == (first.data, first.read_at)
    assert failed.version != first.version  # so that the page is drawn again, as old
    recovered = api.get("/signal")
    assert not recovered.problem
    assert recovered.version == first.version


def test_a_silent_api_is_waited_for_once_and_asked_again(server: TaggedApi) -> None:
    api = api_of(server, timeout_seconds=0.3)
    server.fail(Fault(delay=1.0), times=None)
    for path in ("/a", "/b", "/c"):
        answer = api.get(path)
        assert answer.problem
        assert "not answered" in answer.problem.message
    assert [q.path for q in server.questions] == ["/a", "/health", "/health"]
    server.fail(Fault(), times=None)
    assert not api.get("/b").problem
    assert not api.get("/c").problem
    assert [q.path for q in server.questions][3:] == ["/health", "/b", "/c"]


def test_one_slow_route_makes_no_other_old(server: TaggedApi) -> None:
    api = api_of(server, timeout_seconds=0.3)
    server.fail(Fault(delay=1.0))
    assert api.get("/slow").problem
    assert not api.get("/signal").problem


@pytest.mark.parametrize("status", [404, 422, 503])
def test_where_the_api_says_that_there_is_nothing_nothing_old_is_shown(
    server: TaggedApi, status: int
) -> None:
    api = api_of(server)
    api.get("/signal")
    server.fail(Fault(status=status, body=json.dumps(NOT_YET)))
    answer = api.get("/signal")
    assert answer.data is None
    assert answer.problem
    assert answer.problem.is_denial
    assert answer.problem.message == "nothing was scored."
    assert answer.problem.hint == "wait."
    assert api.get("/signal").data == server.value  # and no 304 of what was forgotten


def test_an_api_that_is_not_there_is_named_with_what_to_do() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    answer = Api(Settings(api=address)).get("/forecasts")
    assert answer.problem
    assert address in answer.problem.message
    assert "make up" in answer.problem.hint
    assert not answer.is_old
    assert answer.rows == []


def test_the_key_is_sent_and_never_written_out(server: TaggedApi) -> None:
    api = api_of(server, key="hidden")
    server.fail(Fault(status=401, body=b"{}"))
    answer = api.get("/signal")
    headers = {name.lower(): value for name, value in server.questions[0].headers.items()}
    assert headers["x-api-key"] == "hidden"
    assert "hidden" not in repr(answer)
    assert answer.problem
    assert "BULLION_DASHBOARD_KEY" in answer.problem.hint


def test_rows_are_loaded_as_the_api_writes_them(server: TaggedApi) -> None:
    assert api_of(server).csv("/signals", limit=2) == b"a,b\n1,2\n"


def test_memory_is_bounded(server: TaggedApi) -> None:
    server.value = {"rows": ["x" * 1000] * 10}
    api = api_of(server, cache_bytes=50_000, fresh_seconds=60)
    for number in range(50):
        api.get("/signal", number=number)
    before = len(server.questions)
    api.get("/signal", number=49)
    assert len(server.questions) == before  # the newest is still there
    api.get("/signal", number=0)
    assert len(server.questions) == before + 1  # the oldest is not
    api.close()


def test_an_answer_without_data_is_not_old() -> None:
    assert not Answer().is_old
