"""Requests over HTTP: what is bounded, what is refused, and what is never said."""

from __future__ import annotations

import gzip
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipelines.core.errors import SourceError
from pipelines.sources.transport.http_client import HttpClient, seconds_to_wait
from pipelines.sources.transport.retries import Busy
from tests.servers.provider import Fault, ProviderServer, Response

SECRET = "s3cr3t-key-of-mine"


class Echo(ProviderServer):
    def respond(self, path: str, params: dict[str, str], headers: dict[str, str]) -> Response:
        return Response(body=path.encode(), media_type="text/plain; charset=utf-8")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Echo]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with Echo() as echo:
        yield echo


def client(**limits: float) -> HttpClient:
    return HttpClient("wire", "Bullion/test", **({"timeout": 5, "most_bytes": 10_000} | limits))  # type: ignore[arg-type]


def test_a_reply_has_status_headers_and_body(server: Echo) -> None:
    reply = client().get(f"{server.url}/a", {"b": "c d&"}, {"X-Key": "k"})
    assert (reply.status, reply.body, reply.media_type) == (200, b"/a", "text/plain")
    (question,) = server.questions
    assert question.params == {"b": "c d&"}
    assert question.headers["x-key"] == "k"
    assert question.headers["user-agent"] == "Bullion/test"


def test_a_body_that_drips_is_left_at_the_deadline(server: Echo) -> None:
    server.fail(Fault(body="x" * 100_000, drip=0.02))
    with pytest.raises(Busy, match=r"not whole after 0.3 s"):
        client(deadline=0.3).get(server.url)


def test_headers_that_drip_are_left_at_the_deadline(server: Echo) -> None:
    server.fail(Fault(drip_headers=0.02))
    patient = client(deadline=0.3)
    with pytest.raises(Busy, match=r"not whole after 0.3 s"):
        patient.get(server.url)
    assert patient.get(f"{server.url}/next").body == b"/next"


def test_a_server_that_hangs_is_not_waited_for(server: Echo) -> None:
    server.fail(Fault(delay=1.0))
    with pytest.raises(Busy, match="Timeout"):
        client(timeout=0.2).get(server.url)


def test_a_body_that_is_too_large_is_not_read(server: Echo) -> None:
    server.fail(Fault(body="x" * 10_001))
    with pytest.raises(SourceError, match="more than 10,000 bytes"):
        client().get(server.url)


def test_a_packed_body_is_unpacked_and_a_bomb_is_not(server: Echo) -> None:
    packed = {"Content-Encoding": "gzip"}
    server.fail(Fault(body=gzip.compress(b"x" * 10_000), headers=packed))
    assert client().get(server.url).body == b"x" * 10_000
    server.fail(Fault(body=gzip.compress(bytes(50 << 20)), headers=packed))
    with pytest.raises(SourceError, match="more than 10,000 bytes"):
        client(most_bytes=10_000).get(server.url)
    server.fail(Fault(body="<html></html>", headers=packed))
    with pytest.raises(Busy, match="no gzip"):
        client().get(server.url)
    server.fail(Fault(body="x", headers={"Content-Encoding": "br"}))
    with pytest.raises(SourceError, match="packed as 'br'"):
        client().get(server.url)


def test_a_redirect_is_followed_on_the_same_host_alone(server: Echo) -> None:
    server.fail(Fault(status=302, headers={"Location": "/b"}))
    assert client().get(f"{server.url}/a").body == b"/b"
    with Echo() as other:
        location = f"{other.url}/x?key={SECRET}"
        server.fail(Fault(status=302, headers={"Location": location}))
        with pytest.raises(SourceError, match=f"another host, {other.url}/x, which") as caught:
            client().get(f"{server.url}/a?key={SECRET}")
        assert SECRET not in str(caught.value)
        assert other.questions == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[", "//localhost:1/", "ftp:x"])
def test_a_redirect_to_nowhere_is_refused(server: Echo, location: str) -> None:
    server.fail(Fault(status=301, headers={"Location": location}))
    with pytest.raises(SourceError, match=r"another host|redirects to no address"):
        client().get(server.url)


def test_a_circle_of_redirects_ends(server: Echo) -> None:
    server.fail(Fault(status=302, headers={"Location": "/"}), times=None)
    with pytest.raises(SourceError, match="circle"):
        client().get(server.url)
    assert len(server.questions) == 4


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_says_how_long(server: Echo, status: int) -> None:
    server.fail(Fault(status=status, headers={"Retry-After": "12"}))
    with pytest.raises(Busy, match=str(status)) as caught:
        client().get(server.url)
    assert caught.value.wait == 12.0


def test_the_wait_may_be_a_date_and_nonsense_is_none() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=10))
    assert 590 < seconds_to_wait({"retry-after": date}) <= 600
    for text in ("", "soon", "-5", "1e99", "٣", "Mon, 99 Foo 2026", "9" * 400):
        assert seconds_to_wait({"retry-after": text}) == 0.0


def test_a_broken_connection_is_busy_and_says_no_secret(server: Echo) -> None:
    server.fail(Fault(body="x" * 100, lost=10))
    with pytest.raises(Busy, match="RemoteProtocolError"):
        client().get(server.url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/?key={SECRET}"
    with pytest.raises(Busy, match="ConnectError") as caught:
        client().get(address)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["http://", "file:///etc/passwd", "http://a b/", "x", "http://[/"])
def test_an_address_that_cannot_be_asked_is_an_error_in_words(server: Echo, url: str) -> None:
    with pytest.raises((SourceError, Busy)):
        client().get(url)


def test_no_log_has_the_query_of_an_address(server: Echo, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client().get(f"{server.url}/a", {"apikey": SECRET}, {"X-Token": SECRET})
    assert f"{server.url}/a" in caplog.text  # httpx does log
    assert SECRET not in caplog.text


def test_each_new_connection_can_be_waited_for(server: Echo) -> None:
    connections: list[int] = []

    def count() -> None:
        connections.append(len(server.questions))

    asking = HttpClient("wire", "Bullion/test", 5, before_connecting=count)
    for path in ("a", "b"):
        asking.get(f"{server.url}/{path}")
    assert connections == [0]
    server.fail(Fault(lost=1))
    with pytest.raises(Busy):
        asking.get(f"{server.url}/long")
    asking.get(server.url)
    assert connections == [0, 3]
    assert server.connections == 2


def test_a_chunked_body_that_breaks_off_is_no_answer(server: Echo) -> None:
    server.fail(Fault(body="x" * 5000, lost_chunk=2500))
    with pytest.raises(Busy, match="incomplete chunked read"):
        client().get(server.url)
