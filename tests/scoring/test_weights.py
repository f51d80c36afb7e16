"""A bar has the newest weights that were in effect and known at its close."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.weights import QUARTER_DAYS, Weights, find_age_warning, weigh_alone
from tests.scoring.index_weights import index_weights

CLOSES_AT = np.array(["2026-09-01T15:30"], "datetime64[us]")
SESSION = np.array(["2026-09-01"], "datetime64[D]")


@pytest.mark.parametrize(
    ("closes", "session", "expected"),
    [
        ("2026-08-31T20:00", "2026-08-31", 0.1),
        ("2026-09-01T15:30", "2026-09-01", 0.2),  # effective that day, and known
        ("2026-09-02T15:30", "2026-09-02", 0.2),  # the next is effective, and not known yet
        ("2026-09-02T16:00", "2026-09-02", 0.3),
        ("2026-07-31T16:00", "2026-07-31", np.nan),
    ],
)
def test_a_bar_has_the_newest_weights_that_apply_and_were_known(
    closes: str, session: str, expected: float
) -> None:
    known = index_weights(
        ("AAPL", 0.1, "2026-08-03", "2026-08-03"),
        ("AAPL", 0.2, "2026-09-01", "2026-08-30"),
        ("AAPL", 0.3, "2026-09-02", "2026-09-02T16:00+00:00"),
    )
    weight = known.at_bars(
        np.array([closes], "datetime64[us]"), np.array([session], "datetime64[D]")
    ).of_members(["AAPL"])
    assert weight.tolist() == [[pytest.approx(expected, nan_ok=True)]]


def test_one_set_of_weights_is_never_completed_from_another() -> None:
    known = index_weights(
        ("AAPL", 0.1, "2026-08-03", "2026-08-03"),
        ("MSFT", 0.1, "2026-08-03", "2026-08-03"),
        ("AAPL", 0.2, "2026-09-01", "2026-08-30"),
    )
    weights = known.at_bars(CLOSES_AT, SESSION)
    assert [weight_set and weight_set.weights for weight_set in weights.sets] == [{"AAPL": 0.2}]
    np.testing.assert_array_equal(weights.of_members(["MSFT", "AAPL"]), [[np.nan, 0.2]])


def test_without_rows_nothing_is_known_and_the_reason_says_so() -> None:
    weights = index_weights()
    assert weights.at_bars(CLOSES_AT, SESSION).sets == (None,)
    assert weights.missing_reason == "weights of QQQ are not known"


def test_weights_are_old_after_a_quarter() -> None:
    day = date(2026, 9, 1)
    assert find_age_warning("QQQ", day - timedelta(days=QUARTER_DAYS), day) == ""
    assert find_age_warning("QQQ", day + timedelta(days=1), day) == ""
    old = find_age_warning("QQQ", date(2026, 5, 31), day)
    assert old.startswith("weights of QQQ are of 2026-05-31, 93 days old")


days = st.integers(0, 9)
rows = st.lists(st.tuples(st.sampled_from("AB"), st.floats(0.01, 1), days, days), max_size=12)


@given(rows, st.lists(st.tuples(days, days), min_size=1, max_size=10))
def test_many_bars_have_the_weights_of_each_bar_alone(
    records: list[tuple[str, float, int, int]], bars: list[tuple[int, int]]
) -> None:
    first = np.datetime64("2026-01-01")
    known = index_weights(*((s, by, str(first + e), str(first + k)) for s, by, e, k in records))
    closes_at = np.array([first + close for close, _ in bars], "datetime64[us]")
    session = np.array([first + day for _, day in bars])
    weights = known.at_bars(closes_at, session)
    for bar, (close, day) in enumerate(bars):
        open_rows = [row for row in records if row[2] <= day and row[3] <= close]
        newest = max((row[2] for row in open_rows), default=None)
        expected = {s: by for s, by, effective, _ in open_rows if effective == newest}
        of_bar = weights.sets[weights.set_of_bar[bar]]
        assert (dict(of_bar.weights) if of_bar else {}) == expected


def test_a_symbol_by_itself_weighs_one_at_any_bar_and_never_ages() -> None:
    known = Weights("NVDA", weigh_alone("NVDA"))
    closes = np.array(["1971-01-04T15:30", "2026-09-01T15:30"], "datetime64[us]")
    at_bars = known.at_bars(closes, closes.astype("datetime64[D]"))
    assert at_bars.of_members(["NVDA"]).tolist() == [[1.0], [1.0]]
    (weight_set,) = (s for s in at_bars.sets if s)
    assert find_age_warning("NVDA", weight_set.effective, date(2026, 9, 1)) == ""
