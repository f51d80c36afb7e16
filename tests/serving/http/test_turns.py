"""Turns at the lake: a few requests at once, some that wait, and the rest refused at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from serving.http.turns import Turns
from serving.schemas.errors import Busy
from tests.serving.scored_api import api_at, problem

LAKE = ("/signals/history", "/predictions/history", "/models/decisions")


@pytest.mark.parametrize("path", [*LAKE, "/bars/newest?symbol=NVDA"])
def test_a_request_that_would_wait_too_long_for_the_lake_is_refused_at_once(
    scored_folder: Path, path: str
) -> None:
    with api_at(scored_folder) as client:
        turns = client.app.state.queries = Turns("the lake", at_once=1, waiting=0)  # type: ignore[attr-defined]
        assert client.portal is not None
        with client.portal.wrap_async_context_manager(turns.turn()):
            answer = client.get(path)
            assert answer.status_code == 503
            assert (problem(answer).type, answer.headers["retry-after"]) == ("busy", "1")
            assert client.get("/signal/index").status_code == 200
        assert client.get(path).status_code == 200


def test_a_request_waits_a_moment_and_is_refused() -> None:
    async def wait() -> None:
        turns = Turns("the lake", at_once=1, waiting=1, patience=0.01)
        async with turns.turn():
            with pytest.raises(Busy, match="the lake is busy"):
                async with turns.turn():
                    raise AssertionError("its turn came")
        async with turns.turn():
            pass  # a request that gave up has released its place

    asyncio.run(wait())


def test_a_waiting_request_gets_its_turn() -> None:
    async def take() -> list[str]:
        turns, order = Turns("the lake", at_once=1, waiting=1), list[str]()

        async def work(name: str) -> None:
            async with turns.turn():
                order.append(f"{name} begins")
                await asyncio.sleep(0)
                order.append(f"{name} ends")

        results = await asyncio.gather(*map(work, "abc"), return_exceptions=True)
        assert [type(result) for result in results] == [type(None), type(None), Busy]
        await work("d")
        return order

    assert asyncio.run(take()) == [
        f"{name} {event}" for name in "abd" for event in ("begins", "ends")
    ]
