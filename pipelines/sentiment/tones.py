"""The tones of titles: TextBlob's polarity and subjectivity, and two of our own dictionary.

TextBlob's default analyzer (of the pattern library) is called directly, since a blob per title
costs ten times as much. The dictionary is dictionary.csv; README.md has its rules.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

DICTIONARY = Path(__file__).with_name("dictionary.csv")
WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # letters and digits; a hyphen parts two words
POSITIVE_TONES = {"financial": "gain", "policy": "easing"}  # each kind's tone that counts as 1
TONES = ("polarity", "subjectivity", "financial_tone", "policy_tone")
NEGATIONS = frozenset({"no", "not", "never", "without", "cannot"})
NEGATION_REACH = 2  # words before a term in which a negation turns it round
# What follows is not read: TextBlob's time grows with the square of a run of punctuation.
LONGEST_TITLE = 1_000  # characters


@dataclass
class TermList:
    """The terms of one kind, each with 1 or -1, by their first word."""

    terms: dict[str, list[tuple[tuple[str, ...], int]]] = field(default_factory=dict)

    def add(self, words: tuple[str, ...], sign: int) -> None:
        """Add a term. Of those that begin with the same word, the longest is tried first."""
        listed = self.terms.setdefault(words[0], [])
        listed.append((words, sign))
        listed.sort(key=lambda term: -len(term[0]))

    def tone(self, words: Sequence[str]) -> float:
        """Return (terms of one tone - terms of the other) / (their number); 0 without any.

        A term that is part of a longer one found there does not count; a negation in the two
        words before a term turns it round.
        """
        total = number = place = 0
        while place < len(words):
            for term, sign in self.terms.get(words[place], ()):
                if term == tuple(words[place : place + len(term)]):
                    before = words[max(0, place - NEGATION_REACH) : place]
                    total += -sign if any(_is_negation(word) for word in before) else sign
                    number += 1
                    place += len(term)
                    break
            else:
                place += 1
        return total / number if number else 0.0


def title_tones(titles: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the tones of each title, an array each; a title's length is bounded."""
    values = np.zeros((len(titles), len(TONES)))
    term_lists, sentiment = read_dictionary(), textblob_sentiment()
    for row, title in enumerate(titles):
        text = title[:LONGEST_TITLE]
        words = split_words(text)
        values[row] = (*sentiment(text), *(terms.tone(words) for terms in term_lists.values()))
    return {name: values[:, place].copy() for place, name in enumerate(TONES)}


def split_words(text: str) -> list[str]:
    """Return a text's words in lower case, in their order."""
    return [word.replace("’", "'") for word in WORDS.findall(text.lower())]


@cache
def read_dictionary(path: Path = DICTIONARY) -> Mapping[str, TermList]:
    """Read the terms of each kind from the dictionary."""
    lists = {kind: TermList() for kind in POSITIVE_TONES}
    for kind, tone, words in _dictionary_rows(path):
        sign = 1 if tone == POSITIVE_TONES[kind] else -1
        lists[kind].add(tuple(split_words(words)), sign)
    return lists


def _dictionary_rows(path: Path) -> Iterator[tuple[str, str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["kind"], row["tone"], row["words"]


def _is_negation(word: str) -> bool:
    return word in NEGATIONS or word.endswith("n't")


@cache
def textblob_sentiment() -> Callable[[str], tuple[float, float]]:
    """Return TextBlob's function from a text to its polarity and subjectivity."""
    from textblob.en import sentiment  # two seconds, as it imports NLTK

    function: Callable[[str], tuple[float, float]] = sentiment
    return function
