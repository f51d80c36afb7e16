"""Ports and secrets of the services."""

from __future__ import annotations

import pytest

from include.services.settings import Services, services
from pipelines.core.errors import InvalidRequest


def test_two_services_cannot_have_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_MLFLOW_PORT", "8080")
    with pytest.raises(InvalidRequest, match="BULLION_MLFLOW_PORT and BULLION_AIRFLOW_PORT"):
        services()


def test_a_port_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_PAGES_PORT", "70000")
    with pytest.raises(InvalidRequest, match="BULLION_PAGES_PORT='70000'"):
        services()


def test_secrets_are_made_once_and_for_their_owner_alone(config: Services) -> None:
    first = config.secrets
    assert Services(home=config.home).secrets == first
    assert len(set(first.values())) == len(first) == 5
    assert (config.home / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_came_later_is_added_and_the_others_stay(config: Services) -> None:
    config.home.mkdir()
    (config.home / "secrets.json").write_text('{"admin": "kept"}')
    assert config.secrets["admin"] == "kept"
    assert config.secrets["jwt_secret"]
