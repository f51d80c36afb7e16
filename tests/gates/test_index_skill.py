"""The gate of an index's signal: the rank IC of the published WSS with the next return."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.gates import GateVerdict, IndexEvidence, IndexSkill, judge_all
from tests.gates.market import build_evidence

GATE = IndexSkill()
EVIDENCE = build_evidence()


def build_index(ic: float, sessions: int = 300, seed: int = 0, name: str = "qqq") -> IndexEvidence:
    random = np.random.default_rng(seed)
    wss, noise = random.standard_normal((2, sessions * 7))
    return IndexEvidence(
        name,
        np.round(wss, 1),
        wss,
        ic * wss + np.sqrt(1 - ic**2) * noise,
        np.repeat(np.datetime64("2026-01-01") + np.arange(sessions), 7),
    )


def judge(*indexes: IndexEvidence) -> GateVerdict:
    return GATE.judge(replace(EVIDENCE, indexes=indexes))


def test_a_wss_that_ranks_the_next_return_passes_with_its_interval() -> None:
    verdict = judge(build_index(0.15))
    assert verdict.passed
    assert verdict.low is not None
    assert verdict.high is not None
    assert 0 < verdict.low < verdict.value < verdict.high
    assert "rank IC of the WSS of qqq 0.1" in verdict.reason
    assert "300 sessions and 2,100 bars" in verdict.reason
    assert "of the expected WSS 0.1" in verdict.reason


@pytest.mark.parametrize("seed", range(5))
def test_a_wss_the_wrong_way_round_is_refused(seed: int) -> None:
    assert not judge(build_index(-0.1, seed=seed)).passed


def test_of_several_universes_the_weakest_decides() -> None:
    strong, weak = build_index(0.3), build_index(-0.1, name="nasdaq100")
    verdict = judge(strong, weak)
    assert not verdict.passed
    assert verdict.value == judge(weak).value
    assert "qqq" in verdict.reason
    assert "nasdaq100" in verdict.reason


def test_without_any_weights_no_signal_is_published_and_none_is_judged() -> None:
    verdict = judge()
    assert verdict.passed
    assert verdict.low is None
    assert "no signal would have been published" in verdict.reason
    assert judge(build_index(0.3, sessions=0)) == verdict


def test_a_constant_wss_and_too_few_sessions_do_not_pass() -> None:
    index = build_index(0.3)
    assert "the same at all bars" in judge(replace(index, wss=np.zeros(len(index.wss)))).reason
    few = judge_all((GATE,), replace(EVIDENCE, indexes=(build_index(0.3, sessions=9),)))
    assert not few.promote
    assert "9 sessions are too few" in few.reason
