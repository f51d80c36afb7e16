"""Companions are aligned as of each close: what was known then, and nothing later."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.features.companions import NO_COMPANIONS, Companion, Companions
from pipelines.features.inputs import Dataset, Reference, Subject

MEASURES = Dataset("measures", "gold.measures", "topic", "about", "known_at", ("close",))
MINUTE = np.timedelta64(1, "m")
FIRST = np.datetime64("2026-01-05T14:30", "us")
SUBJECT = Subject(MEASURES, "oil", oldest=timedelta(minutes=30))
CLOSE, LOG, AGE = SUBJECT.close, SUBJECT.log_close, SUBJECT.age
# What each row is about, how much later it was known, and its value.
versions = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 40), st.integers(1, 1000)), max_size=25
)
instants = st.lists(st.integers(-5, 130), min_size=1, max_size=25)
Version = tuple[int, int, int]


def companion_of(rows: list[Version]) -> Companion:
    ordered = sorted(((about, about + late, value) for about, late, value in rows),
                     key=lambda row: (row[1], row[0]))  # fmt: skip
    about, known_rows, values = (np.array([row[n] for row in ordered], np.int64) for n in range(3))
    return Companion(
        FIRST + about * MINUTE, FIRST + known_rows * MINUTE, {"close": values.astype(np.float64)}
    )


def align(rows: list[Version], at: list[int], *references: Reference) -> list[np.ndarray]:
    companions = Companions({("measures", "oil"): companion_of(rows)})
    arrays = companions.align(references, FIRST + np.array(at) * MINUTE)
    return [arrays[reference.name] for reference in references]


@given(versions, instants)
def test_it_is_the_newest_version_of_the_newest_row_that_was_known(
    rows: list[Version], at: list[int]
) -> None:
    """By reading all rows for each instant, which is slow and plain."""
    close, age = align(rows, at, CLOSE, AGE)
    for place, now in enumerate(at):
        known_rows = [
            (about, about + late, value) for about, late, value in rows if about + late <= now
        ]
        newest = max(known_rows, key=lambda row: (row[0], row[1]), default=None)
        if newest is None or now - newest[0] > 30:
            assert np.isnan(close[place])
            assert np.isnan(age[place])
        else:
            best = {row[2] for row in known_rows if row[:2] == newest[:2]}
            assert close[place] in best
            assert age[place] == 60 * (now - newest[0])


@given(versions, versions, st.integers(0, 100), instants)
def test_what_is_known_later_changes_nothing(
    rows: list[Version], others: list[Version], now: int, at: list[int]
) -> None:
    """Rows and corrections that are known after an instant, of whatever time they are about."""
    before = [instant for instant in at if instant <= now] or [now]
    later = [row for row in others if row[0] + row[1] > now]
    np.testing.assert_array_equal(
        align(rows, before, CLOSE)[0], align(rows + later, before, CLOSE)[0]
    )


@given(versions, instants)
def test_each_instant_by_itself_gives_the_same(rows: list[Version], at: list[int]) -> None:
    together = align(rows, at, CLOSE, LOG, AGE)
    for place, now in enumerate(at):
        alone = align(rows, [now], CLOSE, LOG, AGE)
        np.testing.assert_array_equal([a[0] for a in alone], [a[place] for a in together])


def test_a_subject_without_rows_is_missing_everywhere() -> None:
    at = FIRST + np.arange(3) * MINUTE
    arrays = NO_COMPANIONS.align([CLOSE, AGE], at)
    assert sorted(arrays) == ["measures(oil).age", "measures(oil).close"]
    assert np.isnan(list(arrays.values())).all()
