"""Answers about live prices have the fields that the API's state has."""

from __future__ import annotations

from serving.schemas.prices import LivePrices
from serving.state.prices import StreamPrices
from tests.serving.live_prices import AT, write_price


def test_what_the_state_says_is_an_answer() -> None:
    write_price()
    prices, now = StreamPrices("sample"), AT.timestamp()
    prices.look()
    answer = prices.describe(now) | {"prices": [prices.price_row("ES", now)]}
    assert LivePrices.model_validate(answer).model_dump() == answer
