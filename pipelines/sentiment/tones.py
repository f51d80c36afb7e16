"""The tones of titles: TextBlob's polarity and subjectivity, and two of our own dictionary.

TextBlob's default analyzer (of the pattern library) is called directly, since a blob per title
costs ten times as much. The dictionary is dictionary.csv; README.md has its rules.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
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
UNKNOWN_WORD = "qqq"  # stands for a word that TextBlob does not know; its begin for a short one
REMEMBERED = 1 << 15  # words, and lists of them


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
        if self.terms.keys().isdisjoint(words):
            return 0.0
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
    """Return a function from a text to TextBlob's polarity and subjectivity.

    It is TextBlob's own, whose time goes to words that it does not know: these only end the reach
    of a negation or an adverb, by their length. One stands for all of them, so that few of the
    lists of words that are left are new.
    """
    from textblob._text import EMOTICONS  # two seconds, as it imports NLTK
    from textblob.en import sentiment

    emoticons = (sign.lower() for signs in EMOTICONS.values() for sign in signs)
    known_words = {*sentiment.keys(), *sentiment.negations, *emoticons, "!", "(!)"}

    @lru_cache(maxsize=REMEMBERED)
    def shorten(token: str) -> str:
        word: str = token.lower()
        is_long, ends_negation = len(word) > 2, len(word.strip("'")) > 1
        if word in known_words or (is_long and not ends_negation):
            return word
        return UNKNOWN_WORD if is_long else UNKNOWN_WORD[: 1 + ends_negation]

    @lru_cache(maxsize=REMEMBERED)
    def score(words: tuple[str, ...]) -> tuple[float, float]:
        polarity, subjectivity = sentiment([*words])
        return polarity, subjectivity

    def score_text(text: str) -> tuple[float, float]:
        words: list[str] = []
        for token in " ".join(sentiment.tokenizer(text)).split():
            word = shorten(token)
            # After a long unknown word, and at the begin, nothing is within reach.
            if not UNKNOWN_WORD.startswith(word) or (words and words[-1] != UNKNOWN_WORD):
                words.append(word)
        if words and words[-1] == UNKNOWN_WORD:
            words.pop()
        return score(tuple(words))

    return score_text
