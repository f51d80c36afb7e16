"""A stream that writes how it stands is well, whatever it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from include.deploy.stream_health import LATEST, main
from tests.serving.live_prices import write_price


def test_it_is_well_while_it_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("sample") == 1
    write_price(at=datetime.now(UTC), connected=False, trouble="lost")
    assert main("sample") == 0
    assert "connected: False; lost" in capsys.readouterr().out
    write_price(at=datetime.now(UTC) - timedelta(seconds=LATEST + 1))
    assert main("sample") == 1
