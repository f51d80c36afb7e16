"""What tests of streams share: OANDA's settings for a server on the loopback."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.servers.oanda import TOKEN
from tests.servers.oanda_stream import StreamServer


@pytest.fixture
def use_server(monkeypatch: pytest.MonkeyPatch) -> Callable[[StreamServer], None]:
    """Lets the settings name a server."""

    def use(server: StreamServer) -> None:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        monkeypatch.setenv("BULLION_OANDA_URL", server.url)
        monkeypatch.setenv("BULLION_OANDA_TOKEN", TOKEN)

    return use
