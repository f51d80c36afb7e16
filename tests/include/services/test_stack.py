"""A start that cannot succeed is refused before anything runs."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from include.services.settings import Services
from include.services.stack import Stack
from include.services.supervisor import ServiceError
from pipelines.core.errors import InvalidRequest


def test_a_full_disk_is_reported_before_anything_starts(
    config: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))
    with pytest.raises(ServiceError, match=r"1\.0 GiB are free") as caught:
        Stack(config).up(detach=True)
    assert "BULLION_HOME=" in caught.value.hint


def test_an_unknown_source_is_refused_before_anything_starts(
    config: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_SOURCE", "yahooo")
    with pytest.raises(InvalidRequest, match="yahooo"):
        Stack(config).up(detach=True)
    assert not (config.home / "airflow").exists()


def test_two_starts_at_once_are_one(config: Services) -> None:
    with (
        Stack(config)._only_start(),
        pytest.raises(ServiceError, match="another `make up` is at work"),
    ):
        Stack(config).up(detach=True)
