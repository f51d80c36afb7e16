"""Evidently's reports: they load nothing from outside, and say what cannot be compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import LABELS, Label
from pipelines.modeling.dataset import Rows
from pipelines.monitoring.live import LiveRows, TrainedOn
from pipelines.monitoring.pages import KEPT, keep_pages, reports_folder
from pipelines.monitoring.reports import POLICY, Drifted, drift, offline, quality
from tests.monitoring.test_kinds import made as live_rows

NAMES = ("first", "second", "third")


def made(count: int, seed: int) -> Rows:
    random = np.random.default_rng(seed)
    zero = np.zeros(count, np.int64)
    features = random.normal(0, 1, (count, 4)).astype(np.float32)
    at = np.full(count, np.datetime64("2026-03-02", "us"))
    return Rows(features, random.normal(size=count), zero, at, at, at.astype("datetime64[D]"), zero)


def held(
    live: Rows, training: Rows | None = None, scores: tuple[float, ...] = (-1, 0, 1)
) -> Drifted:
    """Classes in equal shares; without scores, values."""
    training = training or made(600, 1)
    truths = [np.arange(len(rows)) % 3 if scores else rows.outcome for rows in (training, live)]
    given = np.zeros((len(live), 3))
    of = LiveRows(live, np.ones(len(live), np.int64), given, truths[1], truths[1])
    return drift(TrainedOn(training, truths[0], NAMES, scores).beside(of))


def test_a_feature_that_moved_is_told_and_the_page_is_offline() -> None:
    live = made(400, 2)
    live.features[:, 1] += 2
    found = held(live)
    assert list(found.moved) == ["second"]
    assert found.share == pytest.approx(1 / 3)
    page = found.page.decode()
    assert POLICY in page
    assert "<link" not in page
    assert 'src="http' not in page


def test_features_that_are_missing_or_constant_count_as_drifted() -> None:
    live, training = made(400, 2), made(600, 1)
    live.features[:, 0] = np.nan
    training.features[:, 2] = 7
    found = held(live, training)
    assert found.broken == ("first", "third")
    assert found.share == pytest.approx(2 / 3)
    live.features[:, 1] = 5.0  # the same in every live row: far from what it was
    assert "second" in held(live, training).moved
    live.features[:] = np.nan
    with pytest.raises(InvalidRequest, match="no feature can be compared"):
        held(live, training)
    with pytest.raises(InvalidRequest, match="5 live rows are too few"):
        held(made(5, 1))


def test_values_that_moved_are_labels_apart() -> None:
    live = made(400, 2)
    assert held(live, scores=()).labels < 0.1
    live.outcome[:] += 3
    assert held(live, scores=()).labels > 0.5


@pytest.mark.parametrize("label", LABELS, ids=lambda one: one.name)
def test_every_kind_of_target_has_a_page_of_what_was_said_and_happened(label: Label) -> None:
    page = quality(label, live_rows(label)).decode()
    assert POLICY in page
    assert "<link" not in page
    assert 'src="http' not in page
    assert (label.classes or ("Regression",))[0] in page


def test_links_to_the_outside_are_taken_out() -> None:
    page = b"<html><head><link rel=x href='https://fonts.example/a.css'></head>t</html>"
    assert b"fonts.example" not in offline(page)
    assert POLICY.encode() in offline(b"no head at all")


def test_pages_are_listed_newest_first_and_old_ones_go(tmp_path: Path) -> None:
    folder = reports_folder(tmp_path / "catalog.sqlite")
    assert folder == tmp_path / "reports"
    days = [f"2026-{month:02d}-{day:02d}" for month in (1, 2) for day in range(1, 21)]
    for day in days:
        keep_pages(folder, "f", "s", day, {"drift": b"d", "quality": b"q"})
    written = keep_pages(folder, "g", "s", "2026-02-10", {"drift": b"d"})
    assert written == (folder / "g" / "s" / "2026-02-10-drift.html", folder / "index.html")
    index = written[-1].read_text()
    places = [index.index(f'"f/s/{day}-drift.html"') for day in reversed(days[-KEPT:])]
    assert places == sorted(places)
    assert f"{days[0]}-drift" not in index
    assert {file.name[:10] for file in (folder / "f" / "s").iterdir()} == set(days[-KEPT:])
    assert not list(folder.rglob(".*")), "no temporary file stays"
    assert keep_pages(folder, "f", "s", "2026-03-01", {}) == ()
