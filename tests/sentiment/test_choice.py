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
    choice = chosen_model()
    assert (choice.model.name, choice.asked_model, choice.reason) == ("headlines", "headlines", "")
    assert not choice.is_substitute
    assert choice.summary() == (f"the sentiment model is headlines 1 ({choice.model.sha256[:12]})")


def test_finbert_speaks_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BULLION_SENTIMENT", "finbert")
    monkeypatch.setenv("BULLION_FINBERT", str(write_folder(tmp_path)))
    choice = chosen_model()
    assert (choice.model.name, choice.asked_model, choice.reason) == ("finbert", "finbert", "")
    assert choice.model.version == "tiny-fp32"
    assert not caplog.records


def test_where_finbert_cannot_speak_it_is_said_who_does_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BULLION_SENTIMENT", "finbert")
    choice = chosen_model()
    assert (choice.model.name, choice.asked_model) == ("headlines", "finbert")
    assert choice.reason == NO_FOLDER
    monkeypatch.setenv("BULLION_FINBERT", str(tmp_path / "none"))
    assert "none" in chosen_model().reason
    folder = write_folder(tmp_path / "damaged")
    (folder / MODEL).write_bytes((folder / MODEL).read_bytes() + b"x")
    monkeypatch.setenv("BULLION_FINBERT", str(folder))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        choice = chosen_model()
    assert choice.is_substitute
    assert "SHA-256" in choice.reason
    assert f"instead of finbert: {choice.reason}" in choice.summary()
    assert choice.summary() in caplog.text


def test_an_unknown_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_SENTIMENT", "finbart")
    with pytest.raises(InvalidRequest, match="BULLION_SENTIMENT='finbart'"):
        settings()
