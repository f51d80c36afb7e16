"""The lists of feeds that are shipped can be read, and belong to a topic."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from pipelines.core.topics import topic_names
from pipelines.sources.rss.feed_list import FOLDER, read_feed_list

LISTS = sorted(path.stem for path in FOLDER.glob("*.csv"))


@pytest.mark.parametrize("name", LISTS)
def test_a_shipped_list_is_of_official_feeds_over_https(name: str) -> None:
    feeds = read_feed_list(name)
    assert feeds
    for feed in feeds:
        parts = urlsplit(feed.url)
        assert parts.scheme == "https"
        assert (parts.hostname or "").endswith((".gov", ".europa.eu"))


def test_a_list_has_the_name_of_a_topic() -> None:
    assert LISTS
    assert set(LISTS) <= set(topic_names())
