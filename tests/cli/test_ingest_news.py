"""`bullion ingest --dataset news` names what is wrong before it opens a lake."""

from __future__ import annotations

import pytest

from pipelines.cli.ingest_news import ingest_dataset
from pipelines.core.errors import InvalidRequest
from pipelines.core.topics import topic_names
from pipelines.sources import sources_of


def test_a_missing_topic_is_named_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="no topic was named") as caught:
        ingest_dataset("news", "sample", None, None, None, {}, force=False)
    assert all(name in caught.value.hint for name in topic_names())


def test_a_source_without_news_is_refused_with_those_that_have_them() -> None:
    with pytest.raises(InvalidRequest, match="yahoo has no news") as caught:
        ingest_dataset("news", "yahoo", "sp500", None, None, {}, force=False)
    assert all(name in caught.value.hint for name in sources_of("news"))
