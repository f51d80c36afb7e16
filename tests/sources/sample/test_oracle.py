"""The planted predictability has the size that is told, and bars show it."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import InvalidRequest
from pipelines.sources.sample.market import span_of, ticks
from pipelines.sources.sample.oracle import (
    oracle_next_session,
    oracle_rank_ic,
    oracle_score,
    rank_ic,
)
from pipelines.sources.sample.skeleton import Market, instruments

MEMBERS = tuple(instruments())[:100]
START, END = utc("2024-11-01"), utc("2026-11-01")


@pytest.mark.parametrize("planted", [0.05, 0.2, 0.4])
def test_the_oracle_reaches_the_planted_rank_ic(planted: float) -> None:
    reached = oracle_rank_ic(Market(rank_ic=planted), MEMBERS, START, END)
    assert reached == pytest.approx(planted, abs=0.02)


def test_the_oracle_finds_nothing_in_pure_noise() -> None:
    assert oracle_rank_ic(Market(rank_ic=0.0), MEMBERS, START, END) == 0
    noise = [oracle_score(Market(rank_ic=0.0), symbol, START, END) for symbol in MEMBERS]
    informed = [oracle_score(Market(), symbol, START, END) for symbol in MEMBERS]
    score = np.concatenate([one.score for one in informed])
    assert abs(rank_ic(score, np.concatenate([one.outcome for one in noise]))) < 0.02


def test_outcomes_are_the_returns_of_the_bars_after() -> None:
    oracle = oracle_score(Market(), "NVDA", START, END)
    span = span_of(interval_of("1h"), START, END, END)
    assert (oracle.ts == span.bars.ts).all()
    move = np.diff(np.log(ticks(Market(), "NVDA", span).close))
    expected = (oracle.outcome * oracle.volatility)[:-1]
    assert np.abs(move - expected).max() < 0.0002  # the cents


def test_most_of_it_can_be_had_from_closed_bars_alone() -> None:
    span = span_of(interval_of("1h"), START, END, END)
    guesses, outcomes, best = [], [], []
    for symbol in MEMBERS[:40]:
        move = np.diff(np.log(ticks(Market(), symbol, span).close))
        square = np.cumsum(np.r_[0.0, move**2])
        rolling = np.sqrt((square[20:] - square[:-20]) / 20)  # ends with the bar itself
        guesses.append(move[19:-1] / rolling[:-1])
        outcomes.append(move[20:] / rolling[:-1])
        best.append(oracle_score(Market(), symbol, START, END).score[20:-1])
    outcome = np.concatenate(outcomes)
    reached, reachable = (rank_ic(np.concatenate(s), outcome) for s in (guesses, best))
    assert reached > 0.9 * reachable


DECADE = utc("2016-11-01")


def daily_returns(market: Market, symbol: str) -> np.ndarray:
    return np.diff(
        np.log(ticks(market, symbol, span_of(interval_of("1d"), DECADE, END, END)).close)
    )


@pytest.mark.parametrize("seed", [1, 7])
def test_bonds_and_fear_speak_of_the_next_session(seed: int) -> None:
    market = Market(seed)
    oracle = oracle_next_session(market, DECADE, END)
    assert (oracle.ts == span_of(interval_of("1d"), DECADE, END, END).bars.ts).all()
    spy, bonds, fear = (daily_returns(market, symbol) for symbol in ("SPY", "TLT", "VIX"))
    expected = (oracle.outcome * oracle.volatility)[:-1]
    assert np.corrcoef(spy, expected)[0, 1] > 0.999
    assert np.corrcoef(oracle.score, oracle.outcome)[0, 1] == pytest.approx(0.36, abs=0.05)
    what_both_say = bonds[:-1] / bonds.std() - fear[:-1] / fear.std()
    own = np.corrcoef(spy[:-1], spy[1:])[0, 1]
    assert np.corrcoef(what_both_say, spy[1:])[0, 1] > 0.25 > own


def test_noise_has_no_next_session_either() -> None:
    market = Market(rank_ic=0.0)
    assert (oracle_next_session(market, DECADE, END).score == 0).all()
    spy, bonds, fear = (daily_returns(market, symbol) for symbol in ("SPY", "TLT", "VIX"))
    what_both_say = bonds[:-1] / bonds.std() - fear[:-1] / fear.std()
    assert abs(np.corrcoef(what_both_say, spy[1:])[0, 1]) < 0.05


def test_an_empty_span_has_an_empty_oracle() -> None:
    assert len(oracle_score(Market(), "NVDA", utc("2026-10-31"), utc("2026-11-01")).score) == 0


def test_an_unknown_symbol_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="unknown symbol 'NVDX'"):
        oracle_score(Market(), "NVDX", START, END)
