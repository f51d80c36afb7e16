"""The skeleton is one history, whatever is asked of it and however far the calendar reaches."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.calendar import calendar, interval_of, utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import universe
from pipelines.sources.sample import skeleton as sample_skeleton
from pipelines.sources.sample.skeleton import (
    FULL_DAY,
    NIGHT,
    Market,
    close_before,
    filter_ar1,
    generator,
    grid,
    instruments,
    minute_share,
    skeleton,
    slot_share,
)
from pipelines.sources.sample.weights import weights


def test_an_autoregression_by_doubling_is_the_recursion() -> None:
    shocks = generator(1, "test").standard_normal(300)
    expected, last = np.empty(300), 0.0
    for place, shock in enumerate(shocks):
        expected[place] = last = 0.97 * last + shock
    assert np.allclose(filter_ar1(shocks, 0.97), expected)


@pytest.mark.parametrize("symbol", ["NVDA", "QQQ"])
def test_a_market_made_longer_keeps_its_past(monkeypatch: pytest.MonkeyPatch, symbol: str) -> None:
    """Skeletons reach as far as the calendar; tomorrow's longer one must not move a bar."""
    full = skeleton(Market(seed=11), symbol)
    short = calendar("XNYS").bars(interval_of("1d"), utc("2015-01-01"), utc("2020-01-01"))
    count = len(short)
    for cached in (grid, skeleton):
        cached.cache_clear()
    monkeypatch.setattr("pipelines.core.calendar.Calendar.bars", lambda *_: short)
    try:
        sample_skeleton._factor.cache_clear()
        sample_skeleton._climate.cache_clear()
        cut = skeleton(Market(seed=11), symbol)
        assert (cut.level == full.level[: len(cut.level)]).all()
        assert (cut.opening == full.opening[:count]).all()
    finally:
        monkeypatch.undo()
        for cached in (grid, skeleton, sample_skeleton._factor, sample_skeleton._climate):
            cached.cache_clear()


def test_an_impossible_rank_ic_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cannot be planted"):
        Market(rank_ic=0.9)


def test_the_shipped_list_is_whole_and_the_sample_has_all_of_it() -> None:
    everything, ten = universe("nasdaq100"), universe("qqq")
    assert len(everything.symbols) == len(set(everything.symbols)) >= 100
    assert ten.symbols == everything.symbols[:10]
    assert all(member.name and member.sector for member in everything.members)
    assert set(instruments()) == {
        *everything.symbols,
        "QQQ",
        "SPY",
        "IWM",
        "TLT",
        "GLD",
        "VIX",
        "ES",
    }


def test_the_minutes_and_the_night_of_a_full_day_share_its_variance() -> None:
    assert minute_share(FULL_DAY).sum() + NIGHT == pytest.approx(1)
    assert slot_share(FULL_DAY).sum() == pytest.approx(1 - NIGHT)
    assert len(slot_share(FULL_DAY)) == 7


def test_loads_of_an_instrument_make_a_factor_of_unit_variance() -> None:
    for it in instruments().values():
        assert it.to_market**2 + it.to_sector**2 + it.to_self**2 == pytest.approx(1)
    z = skeleton(Market(), "NVDA").z
    assert z.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(z[1:], z[:-1])[0, 1] == pytest.approx(Market().rho, abs=0.02)


@pytest.mark.parametrize("month", [5, 11, -2])
def test_the_fund_is_the_sum_of_its_members_by_their_weights_of_the_month(month: int) -> None:
    market, slots = Market(), grid()
    known = weights(market, utc("2026-09-01"))
    first, after = (np.searchsorted(slots.session, known.effective[m]) for m in (month, month + 1))
    hours = slice(slots.first[first], slots.first[after])

    def growth(symbol: str) -> np.ndarray:
        before = close_before(market, symbol)[first]
        bones = skeleton(market, symbol)
        return np.exp(np.append(bones.level[hours], bones.opening[first:after]) - before)

    of_members = np.array([growth(symbol) for symbol in known.symbols])
    np.testing.assert_allclose(growth("QQQ"), known.weight[month] @ of_members, rtol=1e-12)


def test_the_fund_can_be_predicted_as_its_members_can() -> None:
    z = skeleton(Market(), "QQQ").z
    assert z.std() == pytest.approx(1, abs=0.05), "its declared volatility is that of the sum"
    assert np.corrcoef(z[1:], z[:-1])[0, 1] == pytest.approx(Market().rho, abs=0.02)
    noise = skeleton(Market(rank_ic=0), "QQQ").z
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.02
