"""Figures of what live signals earned, on signals whose every figure can be told by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.gates import IndexEvidence, IndexSkill
from pipelines.gates.intervals import Figure
from pipelines.labels import LABELS
from pipelines.modeling.metrics import reliability
from pipelines.monitoring.kinds import monitor_of
from pipelines.monitoring.performance import (
    FollowedSignals,
    HitRate,
    hit_rates,
    interval_coverage,
    strength_groups,
    summarise,
)
from tests.gates.market import build_evidence

NAN = float("nan")
DAY = np.datetime64("2026-03-02")
FOUR = FollowedSignals(
    session=DAY + np.array([0, 0, 1, 1]),
    direction=np.array([1, -1, 0, 1]),
    wss=np.array([0.8, -0.6, 0.1, 0.5]),
    expected_wss=np.array([NAN, -0.2, 0.1, 0.2]),
    next_return=np.array([0.02, 0.03, -0.01, NAN]),
)


def simulate(sessions: int = 60, ic: float = 0.4, seed: int = 0) -> FollowedSignals:
    random = np.random.default_rng(seed)
    wss, noise = random.standard_normal((2, sessions * 7))
    return FollowedSignals(
        np.repeat(DAY + np.arange(sessions), 7),
        np.sign(np.where(np.abs(wss) > 0.5, wss, 0)).astype(np.int64),
        np.round(wss, 2),
        wss / 2,
        (ic * wss + np.sqrt(1 - ic**2) * noise) / 1000,
    )


def figures_of(signals: FollowedSignals) -> dict[str, Figure]:
    return {row.name: row.figure for row in summarise(signals)}


def test_following_is_long_short_or_flat_and_an_open_bar_earns_nothing_yet() -> None:
    figures = {name: figure.value for name, figure in figures_of(FOUR).items()}
    assert (figures["signals"], figures["with_outcome"], figures["sessions"]) == (4, 3, 2)
    assert figures["earned"] == pytest.approx(0.02 - 0.03)
    assert figures["always_long"] == pytest.approx(0.02 + 0.03 - 0.01)
    assert figures["beyond_always_long"] == pytest.approx(-0.05)
    assert figures["mean_earned"] == pytest.approx(-0.01 / 3)
    assert figures["max_drawdown"] == pytest.approx(0.03)
    assert figures["max_drawdown_always_long"] == pytest.approx(0.01)
    assert figures["hit_rate"] == 0.5


def test_without_an_outcome_there_are_counts_and_no_figures() -> None:
    for signals in (FOUR.take(np.zeros(4, bool)), FOUR.take(np.array([3]))):
        figures = figures_of(signals)
        assert figures["with_outcome"].value == 0
        for name in ("earned", "hit_rate", "wss_rank_ic"):
            assert np.isnan(figures[name].value)


def test_the_rank_ic_is_the_one_that_the_gate_of_the_index_measures() -> None:
    signals, known = simulate(), simulate()
    index = IndexEvidence("qqq", known.wss, known.expected_wss, known.next_return, known.session)
    verdict = IndexSkill().judge(replace(build_evidence(), indexes=(index,)))
    figure = figures_of(signals)["wss_rank_ic"]
    assert figure.value == pytest.approx(verdict.value)
    assert figure.low is not None
    assert verdict.low is not None
    assert figure.low < verdict.low < figure.value, "95 % on both sides is wider than 80 % on one"


def test_intervals_are_there_from_ten_sessions_on_and_the_same_each_time() -> None:
    assert figures_of(simulate(9))["earned"].low is None
    first, second = figures_of(simulate(10)), figures_of(simulate(10))
    assert first == second
    for name in ("earned", "always_long", "beyond_always_long", "mean_earned", "hit_rate"):
        low, high = first[name].low, first[name].high
        assert low is not None
        assert high is not None
        assert low < first[name].value < high


def test_rows_of_older_releases_have_no_expected_wss_and_are_left_out_of_its_figure() -> None:
    (row,) = [row for row in summarise(FOUR) if row.name == "expected_wss_rank_ic"]
    assert row.signals == 2


def test_hit_rates_count_signals_with_a_side_after_which_the_index_moved() -> None:
    groups = strength_groups(FOUR.wss)
    assert groups.tolist() == ["0.75 to 1.00", "0.50 to 0.75", "0.00 to 0.25", "0.50 to 0.75"]
    rates = hit_rates(groups, FOUR.is_hit, FOUR.is_judged, FOUR.session)
    assert rates == [
        HitRate("0.50 to 0.75", 1, 0, Figure(0.0)),
        HitRate("0.75 to 1.00", 1, 1, Figure(1.0)),
    ]
    unmoved = np.where(np.arange(4) == 0, 0.0, FOUR.next_return)
    still = FollowedSignals(FOUR.session, FOUR.direction, FOUR.wss, FOUR.wss, unmoved)
    assert still.is_judged.tolist() == [False, True, False, False]


def test_the_strongest_signal_is_in_the_last_group() -> None:
    assert strength_groups(np.array([-2.0, 1.5, -0.25])).tolist() == [
        "1.50 to 2.00", "1.50 to 2.00", "0.25 to 0.50",
    ]  # fmt: skip


def test_calibration_has_the_groups_of_training() -> None:
    label = next(label for label in LABELS if len(label.classes) == 2)
    random = np.random.default_rng(0)
    probability = random.random(1000)
    truth = (random.random(1000) < probability).astype(np.int64)
    outputs = np.stack([1 - probability, probability], axis=1)
    session = np.repeat(DAY + np.arange(100), 10)
    groups = monitor_of(label.kind).calibration(label, outputs, truth, session)
    curve = reliability(truth == 1, probability, 5)
    upper = [group for group in groups if group.name == label.classes[1]]
    assert [group.promised for group in upper] == pytest.approx(curve.x)
    assert [group.came.value for group in upper] == pytest.approx(curve.y)
    assert [group.rows for group in upper] == [200] * 5
    assert all(group.came.low is not None for group in upper)


def test_the_coverage_of_intervals_is_what_they_held() -> None:
    inside, session = np.arange(40) % 4 != 0, np.repeat(DAY + np.arange(20), 2)
    (group,) = interval_coverage(inside, session, 0.8)
    assert (group.name, group.promised, group.came.value, group.rows) == ("interval", 0.8, 0.75, 40)
    assert interval_coverage(inside[:0], session[:0], 0.8) == []
