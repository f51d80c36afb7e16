"""A topic is a file of phrases: what it matches, and what in it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.topics import MOST_BYTES, Topic, topic, topic_names

CHIPS = """meaning: chips
terms: [S&P 500, chip   makers]
symbols:
  NVDA: [Nvidia, GeForce]
  AMD: [AMD]
gdelt: '(nvidia OR amd)'
"""


def own_topic(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str) -> Topic:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("BULLION_TOPICS", str(folder))
    return topic(name)


@pytest.mark.parametrize("name", topic_names())
def test_every_shipped_topic_can_be_read(name: str) -> None:
    shipped = topic(name)
    assert shipped.meaning
    assert shipped.terms or shipped.symbols


def test_phrases_match_as_whole_words_in_any_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chips = own_topic(tmp_path, monkeypatch, CHIPS, "chips")
    for text in ("The s&p 500 fell", "CHIP\n makers", "geforce cards", "AMD's boss"):
        assert chips.matches(text), text
    for text in ("S&P 5000", "chipmakers", "nvidiaa", "famd", ""):
        assert not chips.matches(text), text
    assert chips.symbols_in("AMD and Nvidia and GeForce") == ("NVDA", "AMD")
    assert chips.symbols_in("the S&P 500") == ()
    assert chips.queries == {"gdelt": "(nvidia OR amd)"}
    assert "chips" in topic_names()
    assert "sp500" in topic_names()


def test_a_topic_of_the_users_takes_the_place_of_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own_topic(tmp_path, monkeypatch, CHIPS, "sp500").meaning == "chips"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("terms: [", "cannot be read"),
        ("- a\n- b", "is no mapping of fields"),
        ("term: [a]", "unknown field"),
        ("meaning: x", "neither terms nor symbols"),
        ("terms: oil", "terms is no list"),
        ("terms: ['']", "a phrase of 0 characters"),
        (f"terms: [{'x' * 201}]", "a phrase of 201 characters"),
        ("symbols: [AAPL]", "symbols is no mapping"),
        ("symbols: {AAPL: Apple}", "symbols.AAPL is no list"),
        (f"terms: [a]  # {'x' * MOST_BYTES}", "cannot be read"),
    ],
    ids=lambda value: value[:24],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        own_topic(tmp_path, monkeypatch, text, "broken")
    assert "broken.yaml" in caught.value.message
    assert caught.value.hint


def test_an_unknown_topic_is_refused_with_where_to_write_it() -> None:
    with pytest.raises(InvalidRequest, match="unknown topic 'sp50'") as caught:
        topic("sp50")
    assert "did you mean sp500?" in caught.value.hint
    assert "sp50.yaml" in caught.value.hint
