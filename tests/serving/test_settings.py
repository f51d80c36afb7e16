"""Settings of the API: defaults that keep it on this machine, and lists with commas."""

from __future__ import annotations

import pytest

from pipelines.core.errors import InvalidRequest
from serving.settings import Settings, settings


def test_the_api_listens_only_on_this_machine_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BULLION_API_HOST", raising=False)
    assert Settings().host == "127.0.0.1"


def test_keys_and_hosts_are_lists_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_API_KEYS", " alpha,, beta ")
    monkeypatch.setenv("BULLION_API_HOST", "192.0.2.7")
    monkeypatch.setenv("BULLION_API_HOSTS", "API.example, ")
    config = settings()
    assert config.key_list == ("alpha", "beta")
    assert config.host_list == ("localhost", "127.0.0.1", "::1", "192.0.2.7", "api.example")


def test_a_wrong_value_is_an_error_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BULLION_API_PORT", "70000")
    with pytest.raises(InvalidRequest, match="BULLION_API_PORT='70000'"):
        settings()


def test_the_source_of_the_lake_is_served_unless_another_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BULLION_SOURCE", "yahoo")
    assert Settings().data_source == "yahoo"
    assert Settings(source="sample").data_source == "sample"
