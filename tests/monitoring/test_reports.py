"""Evidently's reports: they load nothing from outside, and say what cannot be compared."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import LABELS, Label
from pipelines.modeling.dataset import Rows
from pipelines.monitoring.live_rows import LiveRows, ReferenceRows
from pipelines.monitoring.reports import (
    POLICY,
    DriftReport,
    block_network,
    build_quality_page,
    measure_drift,
)
from tests.monitoring.live_rows import simulate_live_rows

NAMES = ("first", "second", "third")


def random_rows(count: int, seed: int) -> Rows:
    random = np.random.default_rng(seed)
    zero = np.zeros(count, np.int64)
    features = random.normal(0, 1, (count, 4)).astype(np.float32)
    at = np.full(count, np.datetime64("2026-03-02", "us"))
    return Rows(features, random.normal(size=count), zero, at, at, at.astype("datetime64[D]"), zero)


def drift_of(
    live: Rows, training: Rows | None = None, scores: tuple[float, ...] = (-1, 0, 1)
) -> DriftReport:
    """The drift of live rows with classes in equal shares; without scores, of values."""
    training = training or random_rows(600, 1)
    truths = [np.arange(len(rows)) % 3 if scores else rows.outcome for rows in (training, live)]
    outputs = np.zeros((len(live), 3))
    live_rows = LiveRows(live, np.ones(len(live), np.int64), outputs, truths[1], truths[1])
    return measure_drift(
        ReferenceRows(training, truths[0], NAMES, scores).build_evidence(live_rows)
    )


def test_a_moved_feature_is_reported_and_the_page_loads_nothing() -> None:
    live = random_rows(400, 2)
    live.features[:, 1] += 2
    drift = drift_of(live)
    assert list(drift.moved) == ["second"]
    assert drift.share == pytest.approx(1 / 3)
    assert set(drift.distances) == set(NAMES)
    assert drift.distances["second"] == drift.moved["second"] > drift.limit
    assert max(drift.distances[name] for name in ("first", "third")) < drift.limit
    assert drift.rows == 400
    page = drift.page.decode()
    assert POLICY in page
    assert "<link" not in page
    assert 'src="http' not in page


def test_features_that_are_missing_or_constant_count_as_drifted() -> None:
    live, training = random_rows(400, 2), random_rows(600, 1)
    live.features[:, 0] = np.nan
    training.features[:, 2] = 7
    drift = drift_of(live, training)
    assert drift.broken == ("first", "third")
    assert drift.share == pytest.approx(2 / 3)
    live.features[:, 1] = 5.0  # the same in every live row: far from what it was
    assert "second" in drift_of(live, training).moved
    live.features[:] = np.nan
    with pytest.raises(InvalidRequest, match="no feature can be compared"):
        drift_of(live, training)
    with pytest.raises(InvalidRequest, match="5 live rows are too few"):
        drift_of(random_rows(5, 1))


def test_moved_values_set_the_labels_apart() -> None:
    live = random_rows(400, 2)
    assert drift_of(live, scores=()).labels < 0.1
    live.outcome[:] += 3
    assert drift_of(live, scores=()).labels > 0.5


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.name)
def test_every_kind_of_target_has_a_page_of_predictions_and_outcomes(label: Label) -> None:
    page = build_quality_page(label, simulate_live_rows(label)).decode()
    assert POLICY in page
    assert "<link" not in page
    assert 'src="http' not in page
    assert (label.classes or ("Regression",))[0] in page


def test_links_to_other_sites_are_removed() -> None:
    page = b"<html><head><link rel=x href='https://fonts.example/a.css'></head>t</html>"
    assert b"fonts.example" not in block_network(page)
    assert POLICY.encode() in block_network(b"no head at all")
