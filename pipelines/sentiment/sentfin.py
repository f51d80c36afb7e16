"""The labelled headlines of SEntFiN, and their part that training never sees.

SEntFiN 1.0 (MIT, https://github.com/pyRis/SEntFiN) has the sentiment of each entity that a
headline names. Used are headlines whose entities all have the same: that is the headline's. Those
that stand there twice are used once, and with two different labels not at all. Near-equal
headlines (a rapidfuzz ratio of 90 on words without digits and marks) stand on one side together:
otherwise the held-out fifth would hold what was learned by heart.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from hashlib import sha256
from io import StringIO

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.sentiment.base import LABELS

NEAR_EQUAL = 90  # rapidfuzz's ratio
SEED = 1
PARTS = 5  # one of which is held out
BLOCK = 500  # titles compared with all others at a time
# The column is nearly Python, but names have apostrophes: the labels alone are read.
LABEL = re.compile(rf": '({'|'.join(LABELS)})'")


@dataclass(frozen=True)
class Headlines:
    """Titles with their labels (as places in LABELS) and groups of near-equal titles."""

    titles: tuple[str, ...]
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.titles)

    def take(self, selection: np.ndarray) -> Headlines:
        """Return the headlines where `selection` is true."""
        titles = tuple(
            title for title, is_selected in zip(self.titles, selection, strict=True) if is_selected
        )
        return Headlines(titles, self.labels[selection], self.groups[selection])


def read_sentfin(content: bytes) -> Headlines:
    """Read the usable headlines of SEntFiN.csv."""
    labels_of: dict[str, set[str]] = {}
    titles: dict[str, str] = {}
    reader = csv.DictReader(StringIO(content.decode("utf-8-sig")))
    if not {"Title", "Decisions"} <= set(reader.fieldnames or ()):
        raise InvalidRequest(
            "the file has no columns Title and Decisions", "name SEntFiN.csv of pyRis/SEntFiN"
        )
    for row in reader:
        decisions = set(LABEL.findall(row["Decisions"]))
        if len(decisions) == 1:
            title = " ".join(row["Title"].split())
            titles.setdefault(title.lower(), title)
            labels_of.setdefault(title.lower(), set()).update(decisions)
    usable = [key for key, labels in labels_of.items() if len(labels) == 1]
    selection = tuple(titles[key] for key in usable)
    labels = np.array([LABELS.index(min(labels_of[key])) for key in usable], dtype=np.int64)
    return Headlines(
        selection, labels, near_equal_groups([normalised(title) for title in selection])
    )


def normalised(title: str) -> str:
    """Return a title as it is compared: words in lower case, numbers as #, no marks."""
    return " ".join(re.sub(r"\d+", "#", re.sub(r"[^\w ]+", " ", title.lower())).split())


def near_equal_groups(titles: list[str]) -> np.ndarray:
    """Return the number of each title's group: near-equal ones, and those near-equal to them."""
    from rapidfuzz import fuzz, process

    parents = list(range(len(titles)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for first in range(0, len(titles), BLOCK):
        ratios = process.cdist(
            titles[first : first + BLOCK],
            titles,
            scorer=fuzz.ratio,
            score_cutoff=NEAR_EQUAL,
            dtype=np.uint8,
        )
        for row, other in zip(*(places.tolist() for places in np.nonzero(ratios)), strict=True):
            parents[max(root(first + row), root(other))] = min(root(first + row), root(other))
    return np.array([root(place) for place in range(len(titles))], dtype=np.int64)


def held_out_rows(headlines: Headlines) -> np.ndarray:
    """Return which headlines training never sees: a fifth of the groups, by a seeded hash."""
    return np.asarray(parts_of(headlines, PARTS, f"held out {SEED}") == 0)


def parts_of(headlines: Headlines, count: int, salt: str) -> np.ndarray:
    """Return the part (from 0 on) of each headline; near-equal ones are in one part."""
    first_title: dict[int, str] = {}  # of each group, in the order of the alphabet
    groups = headlines.groups.tolist()
    for group, title in zip(groups, headlines.titles, strict=True):
        first_title[group] = min(first_title.get(group, title), title)
    part_of = {
        group: int(sha256(f"{salt} {title}".encode()).hexdigest(), 16) % count
        for group, title in first_title.items()
    }
    return np.array([part_of[group] for group in groups], dtype=np.int64)
