"""The model that ships: verified, small, better than what it stands beside, the same alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.settings import ROOT
from pipelines.modeling.scorer import checksum
from pipelines.sentiment.base import LABELS, UnusableModel
from pipelines.sentiment.headlines import (
    DESCRIPTION,
    FOLDER,
    MODEL,
    MOST_BYTES,
    headline_description,
    headline_model,
)

TITLES = ("Shares soar on strong profit", "Lender's shares plunge", "Board to meet", "", "Aktie")


def test_the_file_is_what_its_description_says() -> None:
    content, description = (FOLDER / MODEL).read_bytes(), headline_description()
    assert len(content) < MOST_BYTES == 1 << 20
    assert checksum(content) == description["sha256"] == headline_model().sha256
    assert (headline_model().name, headline_model().version) == ("headlines", "1")
    assert description["training_data"]["licence"] == "MIT"


def test_the_answers_are_those_of_the_training() -> None:
    """A change of the tokeniser would make another model of the same file."""
    examples = headline_description()["examples"]
    np.testing.assert_allclose(
        headline_model().score(list(examples)), list(examples.values()), atol=1e-4
    )


def test_it_beats_what_it_stands_beside() -> None:
    held_out = headline_description()["held_out"]
    for other in ("textblob", "dictionary", "most_frequent"):
        for figure in ("accuracy", "macro_f1"):
            assert held_out["headlines"][figure] > held_out[other][figure] + 0.05
    assert held_out["headlines"]["calibration_error"] < 0.03


def test_titles_get_their_label() -> None:
    scores = headline_model().score(TITLES)
    assert [LABELS[place] for place in scores[:3].argmax(axis=1)] == list(LABELS)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-12)


def test_no_title_gives_no_row() -> None:
    assert headline_model().score([]).shape == (0, 3)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_a_title_is_scored_the_same_alone(titles: list[str]) -> None:
    scores = headline_model().score([*titles, "A longer title " * 20])
    for row, title in enumerate(titles):
        np.testing.assert_array_equal(headline_model().score([title])[0], scores[row])


def test_the_order_of_many_titles_is_kept() -> None:
    titles = [f"{'word ' * (place % 7)}{TITLES[place % 3]} {place}" for place in range(600)]
    scores = headline_model().score(titles)
    for row in (0, 1, 255, 256, 599):
        np.testing.assert_array_equal(headline_model().score([titles[row]])[0], scores[row])


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(FOLDER, folder)
    content = bytearray((folder / MODEL).read_bytes())
    content[1_000] ^= 1
    (folder / MODEL).write_bytes(content)
    with pytest.raises(UnusableModel, match="SHA-256"):
        headline_model(folder)


def test_another_order_of_labels_is_refused(tmp_path: Path) -> None:
    description = headline_description() | {"labels": ["negative", "positive", "neutral"]}
    (tmp_path / DESCRIPTION).write_text(json.dumps(description))
    with pytest.raises(UnusableModel, match="labels"):
        headline_model(tmp_path)


def test_scoring_loads_no_training_library() -> None:
    code = (
        "import sys; from pipelines.sentiment.choice import chosen_model;"
        " chosen_model().model.score(['up']);"
        " print([n for n in ('sklearn', 'torch', 'transformers', 'tokenizers', 'nltk', 'rapidfuzz')"
        " if n in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"


def test_the_page_has_the_figures_of_the_description() -> None:
    page, description = (FOLDER.parent / "README.md").read_text(), headline_description()
    assert f"on {description['headlines']['held_out']:,} headlines" in page
    for name, figures in description["held_out"].items():
        assert f"| {figures['accuracy']:.1%} | {figures['macro_f1']:.3f} |" in page, name
    apart = description["held_out"]["headlines"]["calibration_error"]
    assert f"are {apart:.3f} apart" in " ".join(page.split())
    assert f"{round((FOLDER / MODEL).stat().st_size / 1000)} kB" in page
    assert description["training_data"]["copyright"] in " ".join(page.split())
    assert description["training_data"]["copyright"] in (FOLDER / "NOTICE").read_text()
