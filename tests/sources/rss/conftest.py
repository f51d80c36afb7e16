"""A local server with feeds, and a list that names two of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.feeds import FeedServer


@pytest.fixture
def server(markets: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FeedServer]:
    with FeedServer() as feed_server:
        folder = tmp_path / "feeds"
        folder.mkdir()
        url = feed_server.url
        lines = ["name,url,language", f"One,{url}/one.xml?key=s3cr3t,", f"Two,{url}/two.xml,de"]
        (folder / "markets.csv").write_text("\n".join(lines))
        monkeypatch.setenv("BULLION_FEEDS", str(folder))
        yield feed_server
