"""Tones of titles: TextBlob's own figures, and the rules of the dictionary."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textblob import TextBlob

from pipelines.sentiment.tones import (
    DICTIONARY,
    LONGEST_TITLE,
    POSITIVE_TONES,
    read_dictionary,
    split_words,
    title_tones,
)

TITLES = (
    "Index soars after very good earnings!",
    "Not a bad quarter for the maker of chips",
    "Shares of the maker fall; a terrible, really disappointing outlook :(",
    "Board to meet on Tuesday",
    "It isn't great",
    "",
)


def tone_of(title: str, name: str) -> float:
    return float(title_tones([title])[name][0])


def test_polarity_and_subjectivity_are_those_of_textblob() -> None:
    tones = title_tones(TITLES)
    sentiments = [TextBlob(title).sentiment for title in TITLES]
    np.testing.assert_array_equal(tones["polarity"], [s.polarity for s in sentiments])
    np.testing.assert_array_equal(tones["subjectivity"], [s.subjectivity for s in sentiments])
    assert len(set(tones["polarity"])) == len(TITLES) - 1  # two have no word that it knows


# Negations, adverbs, words known and unknown of each length, and signs: how far each reaches.
REACHING = (
    *("not", "never", "no", "isn't", "really", "very", "hardly", "good", "bad", "terrible"),
    *("a", "'", "'a'", "of", "the", "company", "qqq", "!", "( ! )", ":(", "X D", "3.5%", "."),
)


@given(st.lists(st.sampled_from(REACHING), max_size=8).map(" ".join))
def test_a_title_has_textblobs_figures_whatever_stands_between_its_words(title: str) -> None:
    tones, sentiment = title_tones([title]), TextBlob(title).sentiment
    assert tones["polarity"][0] == sentiment.polarity
    assert tones["subjectivity"][0] == sentiment.subjectivity


@given(st.text(max_size=80))
def test_any_text_has_tones_within_their_bounds(title: str) -> None:
    tones = title_tones([title])
    sentiment = TextBlob(title).sentiment
    assert tones["polarity"][0] == sentiment.polarity
    assert tones["subjectivity"][0] == sentiment.subjectivity
    for name, values in tones.items():
        assert (0 if name == "subjectivity" else -1) <= values[0] <= 1


def test_no_titles_have_no_tones() -> None:
    assert {name: len(values) for name, values in title_tones([]).items()} == dict.fromkeys(
        ("polarity", "subjectivity", "financial_tone", "policy_tone"), 0
    )


@pytest.mark.parametrize(
    ("title", "tone"),
    [
        ("Shares surge", 1),
        ("SHARES PLUNGE", -1),
        ("Shares surge, then plunge", 0),
        ("Shares surge and rally, then plunge", 1 / 3),
        ("Board meets", 0),
        ("Loss narrows at the maker", 1),  # not: loss
        ("Shares hit 52-week low", -1),
        ("Profit growth slows", 0),  # profit, and growth slows
        ("No growth in sight", -1),
        ("Shares don’t fall", 1),
        ("Not one of its peers is strong", 1),  # the negation is too far away
        ("Regains", 0),  # no word of ours is a part of another word
    ],
)
def test_the_financial_tone_counts_terms(title: str, tone: float) -> None:
    assert tone_of(title, "financial_tone") == pytest.approx(tone)


@pytest.mark.parametrize(
    ("title", "tone"),
    [
        ("Central bank cuts rates", 1),
        ("Rate-cut hopes", 1),
        ("Central bank raises interest rates", -1),
        ("Rate hike looms as hawkish bank weighs stimulus", -1 / 3),
        ("No rate hike this month", 1),
        ("Shares surge", 0),
    ],
)
def test_the_policy_tone_counts_terms(title: str, tone: float) -> None:
    assert tone_of(title, "policy_tone") == pytest.approx(tone)


def test_the_rows_of_titles_do_not_mix() -> None:
    together = title_tones(TITLES)
    for row, title in enumerate(TITLES):
        for name, values in title_tones([title]).items():
            assert together[name][row] == values[0]


def test_a_title_without_end_is_read_to_its_bound() -> None:
    # Without the bound TextBlob takes minutes over it.
    tones = title_tones(["!" * 1_000_000, "(" * 1_000_000, "up " * 400 + "down " * 400])
    assert tones["financial_tone"][2] == 1  # the bound lies before the first down
    assert LONGEST_TITLE < 3 * 400


def test_a_term_stands_once_in_the_dictionary_and_is_what_a_title_can_have() -> None:
    with DICTIONARY.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({(row["kind"], row["words"]) for row in rows}) == len(rows)
    assert {(row["kind"], row["tone"]) for row in rows} == {
        ("financial", "gain"),
        ("financial", "loss"),
        ("policy", "easing"),
        ("policy", "tightening"),
    }
    for row in rows:
        assert " ".join(split_words(row["words"])) == row["words"]
        term_list = read_dictionary()[row["kind"]]
        expected = 1 if row["tone"] == POSITIVE_TONES[row["kind"]] else -1
        assert term_list.tone(row["words"].split()) == expected, row
