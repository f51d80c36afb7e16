"""Bodies are bounded, each of them and all together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.http.bodies import Bodies
from serving.http.turns import PATIENCE
from serving.schemas.errors import Busy, TooLarge
from serving.settings import Settings
from tests.serving.scored_api import api_at, problem

LAKE = ("/signals/history", "/predictions/history", "/models/decisions")
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def bodies() -> Bodies:
    """Bounds of 2,048 bytes for each body, and 3,072 for all together."""
    return Bodies(Settings(body_bytes=2048, bodies_bytes=3072))


def pieces(*sizes: int) -> Any:
    """Return a function that receives pieces of these sizes, one at a time."""
    lengths: Iterator[int] = iter(sizes)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * next(lengths), "more_body": True}

    return receive


def test_all_bodies_together_are_bounded_until_they_are_released(bodies: Bodies) -> None:
    async def overlap() -> None:
        async with (
            bodies.count_body(pieces(1000, 1000)) as first,
            bodies.count_body(pieces(1500)) as second,
        ):
            await first()
            await first()
            with pytest.raises(Busy) as busy:
                await second()
            assert busy.value.seconds > 0
        assert bodies.bytes_in_memory == 0
        async with bodies.count_body(pieces(1500)) as third:
            await third()
            assert bodies.bytes_in_memory == 1500

    asyncio.run(overlap())


def test_a_body_waits_for_room_and_is_refused_after_a_moment(bodies: Bodies) -> None:
    async def overlap() -> None:
        order = list[str]()

        async def read(name: str, length: int) -> None:
            async with bodies.count_body(pieces(length), length) as receive:
                order.append(name)
                await receive()
                await asyncio.sleep(0.05)

        await asyncio.gather(read("first", 2000), read("second", 2000), read("small", 1000))
        assert order == ["first", "small", "second"]
        async with bodies.count_body(pieces(2000), 2000):
            began = asyncio.get_running_loop().time()
            with pytest.raises(Busy):
                await read("third", 2000)
            assert asyncio.get_running_loop().time() - began >= PATIENCE
        assert bodies.bytes_in_memory == 0
        await read("fourth", 2000)

    asyncio.run(overlap())


def test_a_chunked_body_is_bounded_too(bodies: Bodies) -> None:
    async def read() -> None:
        async with bodies.count_body(pieces(2048, 1)) as receive:
            await receive()
            with pytest.raises(TooLarge):
                await receive()

    asyncio.run(read())


def test_a_body_that_finds_no_room_is_refused_with_retry_after(scored_folder: Path) -> None:
    with api_at(scored_folder, bodies_bytes="1024") as client:
        answer = client.post("/predict", json={"symbol": "N" * 2000})
        assert answer.status_code == 503
        assert problem(answer).type == "busy"
        assert int(answer.headers["retry-after"]) > 0
        assert client.post("/predict", json={}).status_code == 422


def test_a_body_that_breaks_off_is_not_logged_as_a_failure(
    api: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> list[dict[str, Any]]:
        messages: Iterator[dict[str, Any]] = iter(
            [
                {"type": "http.request", "body": b"{", "more_body": True},
                {"type": "http.disconnect"},
            ]
        )
        answers: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(messages)

        async def send(message: Any) -> None:
            answers.append(message)

        scope = {
            "type": "http", "method": "POST", "path": "/predict", "query_string": b"",
            "raw_path": b"/predict", "root_path": "", "scheme": "http", "http_version": "1.1",
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
            "server": ("localhost", 8000), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await api.app(scope, receive, send)
        return answers

    assert api.portal is not None
    (start, _) = api.portal.call(ask)
    assert start["status"] == 400
    # The first request of an API may find forecasts that were not trained yet.
    assert {record.name for record in caplog.records} <= {"serving.state.model_loader"}
