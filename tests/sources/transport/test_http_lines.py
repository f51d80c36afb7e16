"""Lines of an endless answer; OANDA's stream tests its faults in tests/stream/test_oanda.py."""

from __future__ import annotations

import pytest

from pipelines.core.errors import SourceError
from pipelines.sources.transport.http_client import Reply
from pipelines.sources.transport.http_lines import LineReader
from pipelines.sources.transport.retries import Busy
from tests.servers.oanda import TOKEN
from tests.servers.oanda_stream import ACCOUNT, Refusal, Step, StreamServer
from tests.servers.provider import Fault, ProviderServer

PATH = f"/v3/accounts/{ACCOUNT}/pricing/stream"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def refuse(reply: Reply) -> None:
    raise SourceError(f"refused with {reply.status}: {reply.text()}")


def read(url: str, silence: float = 0.4, connects: list[int] | None = None) -> list[bytes]:
    connects = [] if connects is None else connects
    lines: list[bytes] = []
    reader = LineReader("test", silence, lambda: connects.append(1))
    for line in reader.read_lines(url + PATH, {}, HEADERS, refuse):
        lines.append(line)
        if line == b"last":
            break
    return lines


def serve(*script: Step) -> StreamServer:
    return StreamServer(script)


def test_lines_come_one_by_one_and_empty_ones_are_left_out() -> None:
    connects: list[int] = []
    with serve(b"one", b"", b"  ", b"two\nthree", b"last") as server:
        assert read(server.url, connects=connects) == [b"one", b"two", b"three", b"last"]
    assert connects == [1]


def test_a_line_without_end_is_left() -> None:
    with serve(b"x" * 70_000) as server, pytest.raises(Busy, match="65,536 bytes"):
        read(server.url)


def test_a_refusal_is_handed_on_with_its_words() -> None:
    with serve(Refusal(418, "short")) as server, pytest.raises(SourceError, match=r"418.*short"):
        read(server.url)
    with serve(Refusal(503)) as server, pytest.raises(Busy, match="HTTP 503"):
        read(server.url)


def test_headers_that_never_end_are_silence() -> None:
    with ProviderServer() as server:
        server.fail(Fault(drip_headers=0.05))
        with pytest.raises(Busy, match=r"nothing came for 0\.4 s"):
            read(server.url)
