"""A topic of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.news_requests import add_topic

TOPIC = """
meaning: markets of the tests
terms: [stocks, Federal Reserve]
symbols: {AAPL: [Apple, iPhone]}
gdelt: '("stocks" OR "Federal Reserve")'
"""


@pytest.fixture
def markets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic `markets`, and no proxy before the servers of the tests."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    add_topic(monkeypatch, tmp_path / "topics", TOPIC)
