"""Each feed offers what the process asks of it."""

from __future__ import annotations

import inspect

import pytest

from pipelines.stream.messages import PriceFeed
from pipelines.stream.oanda import OandaPrices
from pipelines.stream.sample import SamplePrices

OFFERED = ("connect", "now", "calendar_of")


@pytest.mark.parametrize("feed", [OandaPrices, SamplePrices])
def test_a_feed_is_named_by_its_source_and_has_the_same_methods(feed: type) -> None:
    from pipelines.sources import SOURCES

    assert feed.source in SOURCES  # type: ignore[attr-defined]
    for name in OFFERED:
        declared = inspect.signature(getattr(PriceFeed, name))
        assert inspect.signature(getattr(feed, name)) == declared
