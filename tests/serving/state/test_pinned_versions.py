"""A process serves the versions that it is set to, whatever another over the same lake serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import BullionError
from pipelines.lake import Lake
from serving.state.pinned_versions import parse_versions
from tests.serving.scored_api import wait_until
from tests.serving.serving_models import LATER, api_client, reasons, serve_model, version


def test_versions_are_named_by_forecast_or_by_target() -> None:
    assert parse_versions("") == {}
    assert parse_versions("nasdaq100_hourly=3, aapl_daily.risk=2,") == {
        "nasdaq100_hourly.action": 3,
        "aapl_daily.risk": 2,
    }


@pytest.mark.parametrize(
    "text", ["nasdaq100_hourly", "nasdaq100_hourly=x", "nasdaq=3", "aapl_daily=1", "aapl_daily.x=1"]
)
def test_what_names_no_version_is_refused_when_the_api_starts(text: str) -> None:
    with pytest.raises(BullionError):
        parse_versions(text)


def test_a_pinned_version_serves_whatever_is_promoted_later(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_model(lake, folder)
    monkeypatch.setenv("BULLION_API_MODELS", "nasdaq100_hourly=1")
    with api_client() as blue:
        wait_until(lambda: version(blue) == 1)
        serve_model(lake, folder, seed=1, version=2, as_of=LATER)
        monkeypatch.setenv("BULLION_API_MODELS", "nasdaq100_hourly=2")
        with api_client() as green:
            wait_until(lambda: version(green) == 2)
            assert blue.post("/reload-model").is_success
            assert version(blue) == 1


def test_a_version_that_the_lake_does_not_know_is_named(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_model(lake, folder)
    monkeypatch.setenv("BULLION_API_MODELS", "nasdaq100_hourly=7")
    with api_client() as client:
        wait_until(lambda: any("names version 7" in reason for reason in reasons(client)))
        assert version(client) is None
