"""A wrong MODEL_URI is refused with a reason, and the decided model serves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.lake import Lake
from tests.serving.scored_api import wait_until
from tests.serving.serving_models import api_client, reasons, serve_model


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("/dev/zero", "a device, a pipe or a folder"),
        ("file:///dev/zero", "a device, a pipe or a folder"),
        ("{}/pipe", "a device, a pipe or a folder"),
        ("{}/endless", "larger than"),
        ("{}/missing", "cannot be read: No such file"),
        ("file://{}/no%00file", "cannot be read"),
        ("file://elsewhere{}/pipe", "no file of this machine"),
        ("file://[", "no URI"),
    ],
)
def test_a_wrong_model_uri_is_refused_and_the_decided_model_serves(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch, uri: str, words: str
) -> None:
    serve_model(lake, folder)
    os.mkfifo(folder / "pipe")
    with (folder / "endless").open("wb") as sparse:
        sparse.truncate(2**40)
    monkeypatch.setenv("MODEL_URI", uri.format(folder))
    monkeypatch.setenv("BULLION_MODEL_SHA256", "0" * 64)
    with api_client() as client:
        wait_until(lambda: client.get("/model-info").is_success)
        assert client.get("/model-info").json()["model_version"] == 1
        (refusal,) = (why for why in reasons(client) if "MODEL_URI" in why)
        assert words in refusal
        assert str(folder) not in refusal
