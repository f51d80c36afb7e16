"""The training of the model that ships, on made-up headlines: the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.modeling.scorer import checksum
from pipelines.sentiment.headlines import DESCRIPTION, MODEL, headline_model
from pipelines.sentiment.train_headlines import (
    best_temperature,
    calibration_error,
    main,
    train,
)
from tests.sentiment.made_headlines import sentfin_csv


def test_a_training_learns_and_is_the_same_to_the_bit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "headlines.csv"
    file.write_bytes(sentfin_csv(700))
    main([str(file), str(tmp_path / "made")])
    description = json.loads(capsys.readouterr().out)
    content = (tmp_path / "made" / MODEL).read_bytes()
    assert train(sentfin_csv(700)) == (content, description)
    assert description["sha256"] == checksum(content)
    assert json.loads((tmp_path / "made" / DESCRIPTION).read_text()) == description
    held_out = description["held_out"]
    # A tenth of the labels are noise, two thirds of which fall on another label.
    assert 0.8 < held_out["headlines"]["accuracy"] < 1
    assert held_out["headlines"]["macro_f1"] > held_out["textblob"]["macro_f1"] + 0.2
    assert held_out["most_frequent"]["accuracy"] < 0.5
    scores = headline_model(tmp_path / "made").score(list(description["examples"]))
    np.testing.assert_allclose(scores, list(description["examples"].values()), atol=1e-4)


def test_the_temperature_makes_confidence_fit() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(20_000, 3))
    powers = np.exp(logits)
    honest = powers / powers.sum(axis=1, keepdims=True)
    labels = (honest.cumsum(axis=1) > rng.random((len(honest), 1))).argmax(axis=1)
    loud = np.exp(1.5 * logits)
    loud /= loud.sum(axis=1, keepdims=True)
    assert best_temperature(loud, labels) == pytest.approx(1.5, abs=0.1)
    assert calibration_error(honest, labels) < 0.02 < calibration_error(loud, labels)


def test_the_arguments_are_named_where_they_are_wrong() -> None:
    with pytest.raises(SystemExit, match="usage"):
        main([])
