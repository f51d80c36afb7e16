"""What a comparison says of each candidate: the figures of each part of time, and the gap."""

from __future__ import annotations

import pytest

from pipelines.modeling.comparison import Aucs, Comparison


def test_the_gap_is_to_the_tail_or_to_the_test_where_there_is_none() -> None:
    assert Aucs(0.7, None, 0.6, 0.55).gap == pytest.approx(0.15)
    assert Aucs(0.7, None, 0.6, None).gap == pytest.approx(0.1)
    assert Aucs(0.7, None, None, None).gap is None


def test_the_winner_reads_the_features_of_the_first_of_the_ranking(comparison: Comparison) -> None:
    assert comparison.winner_features == comparison.ranking[0].features == comparison.feature_names


def test_without_folds_and_tail_two_parts_have_an_auc(comparison: Comparison) -> None:
    for result in comparison.ranking:
        assert result.aucs is not None
        assert min(result.aucs.train, result.aucs.test or 0.0) > 0.6
        assert (result.aucs.validation, result.aucs.out_of_time) == (None, None)
