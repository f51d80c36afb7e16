"""Which model speaks: the one that the settings name, and where it cannot, the one that ships."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import settings
from pipelines.sentiment.choice import NO_FOLDER, chosen_model
from pipelines.sentiment.finbert import MODEL
from tests.sentiment.tiny_bert import write_folder


def test_the_model_that_ships_speaks_unasked() -> None:
    chosen = chosen_model()
    assert (chosen.model.name, chosen.asked_model, chosen.reason) == ("headlines", "headlines", "")
    assert not chosen.is_substitute
    assert chosen.summary() == (f"the sentiment model is headlines 1 ({chosen.model.sha256[:12]})")


def test_finbert_speaks_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BULLION_SENTIMENT", "finbert")
    monkeypatch.setenv("BULLION_FINBERT", str(write_folder(tmp_path)))
    chosen = chosen_model()
    assert (chosen.model.name, chosen.asked_model, chosen.reason) == ("finbert", "finbert", "")
    assert chosen.model.version == "tiny-fp32"
    assert not caplog.records


def test_where_finbert_cannot_speak_it_is_said_who_does_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BULLION_SENTIMENT", "finbert")
    chosen = chosen_model()
    assert (chosen.model.name, chosen.asked_model) == ("headlines", "finbert")
    assert chosen.reason == NO_FOLDER
    monkeypatch.setenv("BULLION_FINBERT", str(tmp_path / "none"))
    assert "none" in chosen_model().reason
    folder = write_folder(tmp_path / "damaged")
    (folder / MODEL).write_bytes((folder / MODEL).read_bytes() + b"x")
    monkeypatch.setenv("BULLION_FINBERT", str(folder))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        chosen = chosen_model()
    assert chosen.is_substitute
    assert "SHA-256" in chosen.reason
    assert f"instead of finbert: {chosen.reason}" in chosen.summary()
    assert chosen.summary() in caplog.text


def test_an_unknown_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_SENTIMENT", "finbart")
    with pytest.raises(InvalidRequest, match="BULLION_SENTIMENT='finbart'"):
        settings()
