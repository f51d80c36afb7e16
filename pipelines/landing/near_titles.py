"""Stories that repeat another one of the day before them: titles that are near-equal.

Two titles are near-equal where rapidfuzz's ratio of them is at least 90, in small letters and
without punctuation, and their numbers are the same. Of headlines of one desk, 78 % of the pairs
from 90 up differ in a number alone, a date or a price, and are two stories.

Only titles that share two of their four longest words are compared: those of 100,000 stories in
seconds. Whether two titles are near-equal depends on no third one, so the order of arrival does
not matter.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

RATIO = 90
WINDOW = 24 * 3600 * 10**6  # microseconds
LONGEST_WORDS = 4
PAIRS = 2_000_000  # compared at a time
# Scripts without blanks between words: two characters are taken for a word.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


def normalize_title(title: str) -> str:
    """Return a title in small letters, without punctuation."""
    text = title.lower() if title.isascii() else unicodedata.normalize("NFKC", title).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


def block_keys(title: str) -> list[tuple[str, ...]]:
    """Return the keys of a normalised title: near-equal titles share one."""
    numbers = tuple(word for word in title.split() if word.isdecimal())
    words = set(title.split()).difference(numbers)
    if not title.isascii() and UNSPACED.search(title):
        for word in [word for word in words if UNSPACED.search(word)]:
            words.remove(word)
            words.update(word[at : at + 2] for at in range(max(1, len(word) - 1)))
    # Longest first, and of a length by the alphabet: the second sort leaves equal ones in order.
    longest = sorted(sorted(words), key=len, reverse=True)[:LONGEST_WORDS]
    longest.sort()
    pairs: list[tuple[str, ...]] = [*combinations(longest, 2)] or [tuple(longest)]
    return [(*numbers, "", *pair) for pair in pairs]


@dataclass
class _Titles:
    """The different titles of each day, and the places of the stories that have them."""

    texts: list[str] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    places: list[list[int]] = field(default_factory=list)
    is_judged: list[bool] = field(default_factory=list)


def find_repeats(known_at: np.ndarray, titles: Sequence[str], must_judge: np.ndarray) -> np.ndarray:
    """Return for each story the place of the earliest near-equal one within 24 hours before it.

    The stories lie in the order in which they became known (microseconds). It is -1 where there is
    none, and for stories that are not to be judged.
    """
    repeats = np.full(len(titles), -1)
    group = _group_titles(known_at, titles, must_judge)
    near: dict[int, list[int]] = {}
    for earlier, later in _near_pairs(group):
        near.setdefault(later, []).append(earlier)
    for number, places in enumerate(group.places):
        candidates = [group.places[other] for other in (number, *near.get(number, ()))]
        if len(candidates) == 1 and len(places) == 1:
            continue
        for place in places:
            if must_judge[place]:
                since = int(np.searchsorted(known_at, known_at[place] - WINDOW))
                firsts = [c[at] for c in candidates if (at := bisect_left(c, since)) < len(c)]
                first = min(firsts)
                repeats[place] = first if first < place else -1
    return repeats


def _group_titles(known_at: np.ndarray, titles: Sequence[str], must_judge: np.ndarray) -> _Titles:
    group, numbers = _Titles(), dict[tuple[str, int], int]()
    days = known_at // WINDOW
    for place, title in enumerate(titles):
        text = normalize_title(title)
        key = (text or f"\n{place}", int(days[place]))  # signs alone repeat nothing
        if key not in numbers:
            numbers[key] = len(group.texts)
            group.texts.append(text)
            group.days.append(key[1])
            group.places.append([])
            group.is_judged.append(False)
        number = numbers[key]
        group.places[number].append(place)
        group.is_judged[number] |= bool(must_judge[place])
    return group


def _near_pairs(group: _Titles) -> Iterator[tuple[int, int]]:
    """Yield pairs of near-equal titles: one of the same day or of the day before, and a later."""
    from rapidfuzz import fuzz, process  # the API imports packages that import this one

    texts, lengths = group.texts, np.array([len(text) for text in group.texts], int)
    for earlier, later in _candidate_pairs(group):
        # A ratio of 90 means that a tenth of both lengths at most is not shared.
        alike = 10 * np.abs(lengths[earlier] - lengths[later]) <= lengths[earlier] + lengths[later]
        earlier, later = earlier[alike], later[alike]
        ratios = process.cpdist(
            [texts[n] for n in earlier],
            [texts[n] for n in later],
            scorer=fuzz.ratio,
            score_cutoff=RATIO,
        )
        near = np.flatnonzero(ratios >= RATIO)
        yield from zip(earlier[near].tolist(), later[near].tolist(), strict=True)


def _candidate_pairs(group: _Titles) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of titles with a common key, of one day or two in turn, some at a time."""
    numbers: dict[tuple[str, ...], int] = {}
    keys, owners = [], []
    for number, text in enumerate(group.texts):
        for key in block_keys(text) if text else ():
            keys.append(numbers.setdefault(key, len(numbers)))
            owners.append(number)
    if not owners:
        return
    key_of, owner_of = np.array(keys), np.array(owners)
    day = np.array(group.days)
    day = day - day.min() + 1
    span = int(day.max()) + 2
    order = np.lexsort((owner_of, key_of * span + day[owner_of]))
    owner_of, block = owner_of[order], (key_of * span + day[owner_of])[order]
    later = np.flatnonzero(np.array(group.is_judged)[owner_of])
    first = np.searchsorted(block, block[later] - 1)
    counts = np.searchsorted(block, block[later], side="right") - first
    total = np.cumsum(counts)
    for start, end in _cuts(total):
        count = counts[start:end]
        ends = np.repeat(later[start:end], count)
        offset = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        partners = owner_of[np.repeat(first[start:end], count) + offset]
        pairs = np.unique(partners * len(group.texts) + owner_of[ends])
        earlier, owners_later = np.divmod(pairs, len(group.texts))
        differ = earlier != owners_later
        yield earlier[differ], owners_later[differ]


def _cuts(total: np.ndarray) -> Iterator[tuple[int, int]]:
    """Cut a running sum into stretches of about PAIRS."""
    start, before = 0, 0
    while start < len(total):
        end = max(start + 1, int(np.searchsorted(total, before + PAIRS, side="right")))
        yield start, end
        start, before = end, int(total[end - 1])
