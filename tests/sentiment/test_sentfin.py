"""Labelled headlines: which are used, and that near-equal ones stand on one side."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.sentiment.base import LABELS
from pipelines.sentiment.sentfin import held_out_rows, near_equal_groups, parts_of, read_sentfin
from tests.sentiment.made_headlines import sentfin_csv

HEAD = "S No.,Title,Decisions,Words\n"


def test_the_label_is_that_of_all_entities() -> None:
    rows = HEAD + "\n".join(
        [
            "1,Alpha  gains,{'Alpha': 'positive'},2",
            "2,Beta's loss,\"{'Beta's': 'negative', 'B': 'negative'}\",2",
            "3,Gamma up and Delta down,\"{'Gamma': 'positive', 'Delta': 'negative'}\",5",
            "4,Epsilon meets,{'Epsilon': 'neutral'},2",
            "5,ALPHA GAINS,{'Alpha': 'positive'},2",
            "6,epsilon meets,{'Epsilon': 'positive'},2",  # contradicts row 4
            "7,Zeta meets,{'positive neutralings': 'neutral'},2",
        ]
    )
    headlines = read_sentfin(rows.encode())
    assert headlines.titles == ("Alpha gains", "Beta's loss", "Zeta meets")
    assert [LABELS[label] for label in headlines.labels] == ["positive", "negative", "neutral"]


def test_another_file_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no columns Title and Decisions"):
        read_sentfin(b"a,b\n1,2\n")


def test_near_equal_titles_and_theirs_are_one_group() -> None:
    titles = [
        "the maker reports a profit of # crore in the quarter",
        "board to meet",
        "the maker reports a profit of # crore in a quarter",
        "the maker reports profit of # crore in a quarter",
    ]
    np.testing.assert_array_equal(near_equal_groups(titles), [0, 1, 0, 0])


def test_a_fifth_is_held_out_and_no_group_is_parted() -> None:
    headlines = read_sentfin(sentfin_csv(600))
    held_out = held_out_rows(headlines)
    assert 0.1 < held_out.mean() < 0.3
    sides: dict[int, set[bool]] = {}
    for group, side in zip(headlines.groups.tolist(), held_out.tolist(), strict=True):
        sides.setdefault(group, set()).add(side)
    assert max(map(len, sides.values())) == 1
    assert len(sides) < len(headlines)  # there are groups
    reversed_rows = headlines.take(np.ones(len(headlines), bool))
    np.testing.assert_array_equal(held_out_rows(reversed_rows), held_out)
    assert set(parts_of(headlines, 4, "fold")) == {0, 1, 2, 3}
