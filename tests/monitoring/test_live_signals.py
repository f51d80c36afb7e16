"""Live signals of an index, as the gate of the WSS judges them."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.gates import IndexSkill
from pipelines.monitoring.live_signals import LiveSignals
from pipelines.monitoring.live_skill import Credit, LiveSkill
from tests.gates.market import build_evidence

EVIDENCE = build_evidence()
GATE = IndexSkill(resamples=200)


def simulate_signals(ic: float, sessions: int = 30, seed: int = 0) -> LiveSignals:
    random = np.random.default_rng(seed)
    count = sessions * 7
    wss, noise = random.standard_normal((2, count))
    session = np.repeat(np.datetime64("2026-03-02") + np.arange(sessions), 7)
    return LiveSignals(
        np.array(["qqq"] * count, dtype=object),
        np.ones(count, np.int64),
        session.astype("datetime64[us]"),
        session,
        wss,
        wss / 4,
        ic * wss + np.sqrt(1 - ic**2) * noise,
    )


@pytest.mark.parametrize(("ic", "failed"), [(-0.1, True), (0.3, False)])
def test_signals_are_judged_by_the_gate_that_credited_them(ic: float, failed: bool) -> None:
    verdict = LiveSkill().judge(
        simulate_signals(ic), Credit(GATE, 0.2), lambda part: part.add_to(EVIDENCE)
    )
    assert verdict.failed is failed
    assert verdict.rows == 30 * 7
    assert "live skill_index" in verdict.reason


def test_signals_without_a_next_return_are_not_judged_and_a_constant_wss_is_no_failure() -> None:
    signals = simulate_signals(0.3)
    signals.next_return[:7] = np.nan
    assert (len(signals.judged), signals.judged.sessions) == (29 * 7, 29)
    signals.wss[:] = 0.0
    verdict = LiveSkill().judge(signals, Credit(GATE, 0.2), lambda part: part.add_to(EVIDENCE))
    assert not verdict.failed
    assert "the prediction is the same" in verdict.reason


def test_figures_are_those_of_each_universe_and_rows_of_older_releases_have_no_expected_wss() -> (
    None
):
    signals = simulate_signals(0.5)
    signals.expected_wss[:] = np.nan
    figures = signals.figures()
    assert figures["signals_qqq"] == 210
    assert figures["wss_rank_ic_qqq"] == pytest.approx(0.5, abs=0.12)
    assert figures["expected_wss_rank_ic_qqq"] is None
    assert signals.take(np.zeros(210, bool)).figures() == {}
