"""Evidence is checked before a gate judges it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.gates.evidence import check_classes, check_truth
from tests.gates.market import build_evidence


def test_without_predictions_the_most_probable_class_is_published() -> None:
    market = replace(build_evidence(), predictions=None)
    np.testing.assert_array_equal(market.published_classes, market.outputs.argmax(axis=1))
    short = replace(market, predictions=np.zeros(3, np.int64))
    with pytest.raises(InvalidRequest, match="3 predictions for"):
        _ = short.published_classes


def test_rows_of_symbols_that_the_champion_does_not_know_are_left_out() -> None:
    market = build_evidence()
    champion = market.outputs.copy()
    champion[market.judging.symbol == 2] = np.nan
    shared = replace(market, champion=champion).for_champion()
    assert 2 not in shared.judging.symbol
    assert len(shared.truth) == len(shared.outputs) == (market.judging.symbol != 2).sum()
    assert shared.no_champion == ""
    assert market.no_champion == "there is no champion yet"
    stranger = replace(market, champion=np.full_like(champion, np.nan))
    assert stranger.no_champion == "the champion knows none of the symbols"


def test_classes_and_values_of_rows_without_an_outcome_are_refused() -> None:
    rows = build_evidence().judging.take(np.arange(3))
    with pytest.raises(InvalidRequest, match="classes reach from -1 to 1"):
        check_classes(np.array([0, 1, -1]), rows, 5)
    with pytest.raises(InvalidRequest, match="2 classes for 3 rows"):
        check_classes(np.array([0, 1]), rows, 5)
    with pytest.raises(InvalidRequest, match="1 judging rows have no outcome"):
        check_truth(np.array([0.0, np.nan, 1.0]), 3, "judging")
