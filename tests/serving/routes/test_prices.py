"""Live prices over HTTP and WebSockets: at most four a second, and the newest alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from pipelines.steps.lake import open_lake
from serving.app import create_app
from serving.routes import stream
from serving.routes.stream import PRICES_EVERY, PriceClient
from tests.serving.live_prices import write_price

STREAM = "ws://localhost/ws/market-stream?kind=prices&symbol={}"


@pytest.fixture
def client() -> Iterator[TestClient]:
    with open_lake():
        pass
    with TestClient(create_app(), base_url="http://localhost") as client:
        yield client


def now() -> datetime:
    return datetime.now(UTC)


def test_the_newest_price_is_answered_with_its_age(client: TestClient) -> None:
    empty = client.get("/prices/newest").json()
    assert (empty["prices"], empty["stream"], empty["sample"]) == ([], None, True)
    assert client.get("/prices/newest?symbol=ES").status_code == 404
    write_price(3010.5, now())
    answer = client.get("/prices/newest?symbol=ES")
    assert answer.headers["cache-control"] == "no-store"
    (row,) = answer.json()["prices"]
    assert (row["symbol"], row["mid"], row["stale"]) == ("ES", 3010.5, False)
    assert 2 <= row["age_seconds"] < 60
    assert answer.json()["stream"]["live"] is True
    refused = client.get("/prices/newest?symbol=ESX")
    assert refused.status_code == 404
    assert "did you mean ES?" in refused.text


def test_the_metrics_have_the_stream(client: TestClient) -> None:
    assert "bullion_stream_live{" not in client.get("/metrics").text
    write_price(3010.5, now(), reconnects=3)
    text = client.get("/metrics").text
    for line in (
        'bullion_stream_live{source="sample"} 1.0',
        'bullion_stream_reconnects{source="sample"} 3.0',
        'bullion_stream_lag_seconds{source="sample"} 0.1',
        'bullion_stream_price{source="sample",symbol="ES"} 3010.5',
    ):
        assert line in text
    assert "bullion_stream_bar_delay_seconds{" not in text  # not known yet


def test_a_listener_gets_the_newest_prices_and_no_more_than_four_a_second(
    client: TestClient,
) -> None:
    write_price(1.0, now())
    with client.websocket_connect(STREAM.format("ES")) as socket:
        state = socket.receive_json()
        assert (state["type"], state["price"]["mid"], state["stale"]) == ("state", 1.0, False)
        assert socket.receive_json()["type"] == "price"  # the hub sees the file
        began, mids = time.monotonic(), []
        for mid in range(2, 42):
            write_price(float(mid), now())
            time.sleep(0.02)
        while not mids or mids[-1] != 41:
            message = socket.receive_json()
            mids.append(message["price"]["mid"])
        seconds = time.monotonic() - began
    assert mids == sorted(mids)
    assert len(mids) <= seconds / PRICES_EVERY + 1


def test_a_symbol_that_is_not_streamed_is_refused(client: TestClient) -> None:
    def code(symbol: str) -> int:
        with (
            pytest.raises(WebSocketDisconnect) as error,
            client.websocket_connect(STREAM.format(symbol)),
        ):
            pass
        return error.value.code

    with client.websocket_connect(STREAM.format("ES")) as socket:  # before any stream has run
        assert socket.receive_json()["price"] is None
    write_price(1.0, now())
    assert code("NQ") == stream.POLICY
    assert code("") == stream.POLICY
    assert not client.app.state.hub.clients  # type: ignore[attr-defined]


def test_a_slow_client_gets_the_newest_alone() -> None:
    class Slow:
        def __init__(self) -> None:
            self.sent: list[str] = []
            self.may_send = asyncio.Event()

        async def send_text(self, text: str) -> None:
            self.sent.append(text)
            await self.may_send.wait()

    async def listen() -> list[str]:
        socket = Slow()
        client = PriceClient(socket)  # type: ignore[arg-type]
        for number in range(1000):
            assert client.queue(json.dumps(number))  # never too far behind
            if number == 0:
                await asyncio.sleep(0)
        socket.may_send.set()
        while client._sending is not None:
            await asyncio.sleep(0)
        return socket.sent

    assert asyncio.run(listen()) == ["0", "999"]
