"""Settings of the providers, and keys that never show."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from pipelines.core.errors import InvalidRequest
from pipelines.sources.transport.provider_settings import KeyGuard, provider_settings, read_key

KEY = "abcdef0123456789"


def test_settings_come_from_the_environment_and_keys_do_not_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BULLION_FINNHUB_KEY", KEY)
    monkeypatch.setenv("BULLION_GDELT_SECONDS", "9")
    settings = provider_settings()
    assert settings.gdelt_seconds == 9
    assert settings.finnhub_key.get_secret_value() == KEY
    assert KEY not in f"{settings} {settings!r}"
    monkeypatch.setenv("BULLION_GDELT_SECONDS", "-1")
    with pytest.raises(InvalidRequest, match="BULLION_GDELT_SECONDS"):
        provider_settings()
    monkeypatch.setenv("BULLION_GDELT_SECONDS", "7")
    monkeypatch.setenv("BULLION_USER_AGENT", "a\r\nX-Evil: 1")
    with pytest.raises(InvalidRequest, match="BULLION_USER_AGENT"):
        provider_settings()


@pytest.mark.parametrize("key", ["", "  ", "abc def", "abc\ndef", "schlüssel"])
def test_a_key_that_is_none_is_said_by_its_setting_and_not_shown(key: str) -> None:
    with pytest.raises(InvalidRequest, match="BULLION_X_KEY") as caught:
        read_key("BULLION_X_KEY", "wire", "https://wire.example", SecretStr(key))
    assert not key.strip() or key not in str(caught.value)


def test_a_key_that_a_provider_repeats_is_taken_out() -> None:
    guard = KeyGuard(KEY)
    assert guard.hide(f"your key {KEY} is") == "your key *** is"
    assert guard.hide_in_body(f"<{KEY}>".encode()) == b"<***>"
    assert KeyGuard("demo").hide_in_body(b"democracy") == b"democracy"
