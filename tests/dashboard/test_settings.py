"""The dashboard stays on this machine, unless it is told otherwise."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dashboard.settings import Settings


def test_it_listens_on_this_machine_alone() -> None:
    assert Settings().host == "127.0.0.1"
    assert set(Settings().host_list) == {"localhost", "127.0.0.1"}


def test_names_are_added_to_those_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_DASHBOARD_HOSTS", "signals.example.com, other.example.com,")
    assert {"signals.example.com", "other.example.com", "localhost"} < set(Settings().host_list)


def test_a_key_is_not_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_DASHBOARD_KEY", "hidden")
    assert "hidden" not in repr(Settings())
    assert Settings().key.get_secret_value() == "hidden"


@pytest.mark.parametrize(("name", "value"), [("PORT", "0"), ("TIMEOUT_SECONDS", "0")])
def test_a_wrong_setting_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BULLION_DASHBOARD_{name}", value)
    with pytest.raises(ValidationError):
        Settings()
