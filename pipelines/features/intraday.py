"""The 114 features of minutes: of an instrument with bid and ask, and of the news about it.

INTRADAY.md lists them, with meaning, unit, window and formula; `python -m
pipelines.features.feature_page` brings it in step. They look back at up to 249 bars, and none
looks at a whole sample: a rank is among the bars of its window.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.features.activity import (
    tick_flow,
    volume_mean,
    volume_rank,
    volume_ratio,
    volume_trend,
    volume_z_score,
)
from pipelines.features.base import Feature
from pipelines.features.news import news_ages, news_signals, sentiment_change
from pipelines.features.oscillators import (
    adx,
    aroon,
    cci,
    minus_di,
    money_flow,
    place_in_range,
    plus_di,
    roc,
    stochastic_d,
    stochastic_k,
)
from pipelines.features.quotes import (
    effective_spread,
    effective_spread_mean,
    quote_place,
    quote_place_mean,
    quote_pressure,
    quoted_spread,
    quoted_spread_mean,
    quoted_spread_rank,
    quoted_spread_ratio,
)
from pipelines.features.range_volatility import (
    garman_klass,
    parkinson,
    parkinson_ratio,
    range_rank,
    rogers_satchell,
    yang_zhang,
)
from pipelines.features.return_shape import (
    downside_share,
    jump_share,
    kurtosis,
    largest_move,
    skewness,
    variance_ratio,
    volatility_rank,
)
from pipelines.features.returns import (
    lagged_return,
    log_return,
    return_by_spread,
    return_by_volume,
    scaled_return,
)
from pipelines.features.session_time import (
    bars_to_close,
    place_in_session,
    time_of_day,
    time_of_week,
)
from pipelines.features.trade_flow import (
    amihud,
    amihud_ratio,
    close_place,
    close_place_mean,
    high_low_spread,
    price_impact,
    roll_spread,
    signed_flow,
    up_share,
)
from pipelines.features.trend import (
    bollinger_place,
    ema_gap,
    macd,
    macd_histogram,
    macd_signal,
    rsi,
    sma_cross,
    sma_gap,
)
from pipelines.features.volatility import (
    atr,
    body_ratio,
    bollinger_width,
    lower_wick,
    mean_true_range,
    range_ratio,
    upper_wick,
    volatility,
    volatility_ratio,
)

TOPIC = "sp500"

TECHNICAL: tuple[Feature, ...] = (
    *(rsi(bars) for bars in (7, 14, 28)),
    macd(12, 26, 60),
    macd_signal(12, 26, 9, 60),
    macd_histogram(12, 26, 9, 60),
    *(roc(bars) for bars in (5, 10, 20)),
    stochastic_k(14),
    stochastic_d(14, 3),
    *(sma_gap(bars) for bars in (5, 10, 20, 50)),
    *(ema_gap(bars) for bars in (5, 10, 20, 50)),
    sma_cross(5, 20),
    sma_cross(10, 50),
    bollinger_place(20),
    bollinger_width(20),
    atr(14),
    adx(14),
    plus_di(14),
    minus_di(14),
    cci(20),
    aroon(25),
    money_flow(14),
    volume_mean(20),
    volume_ratio(20),
    volume_z_score(20),
    volume_trend(5, 20),
)

MICROSTRUCTURE: tuple[Feature, ...] = (
    quoted_spread(),
    quoted_spread_mean(20),
    quoted_spread_ratio(20),
    quoted_spread_rank(50),
    effective_spread(),
    effective_spread_mean(20),
    roll_spread(20),
    high_low_spread(20),
    quote_place(),
    quote_place_mean(10),
    *(quote_pressure(bars) for bars in (5, 20)),
    close_place(),
    close_place_mean(10),
    *(signed_flow(bars) for bars in (10, 30)),
    up_share(20),
    *(price_impact(bars) for bars in (20, 50)),
    amihud(20),
    amihud_ratio(5, 20),
    *(tick_flow(bars) for bars in (1, 5)),
    volume_rank(50),
)

VOLATILITY: tuple[Feature, ...] = (
    *(volatility(bars) for bars in (5, 20, 50)),
    volatility_ratio(5, 20),
    volatility_ratio(20, 50),
    *(parkinson(bars) for bars in (20, 50)),
    *(garman_klass(bars) for bars in (20, 50)),
    *(rogers_satchell(bars) for bars in (20, 50)),
    *(yang_zhang(bars) for bars in (20, 50)),
    parkinson_ratio(20),
    range_ratio(),
    mean_true_range(20),
    volatility_rank(20, 100),
    range_rank(50),
    largest_move(20),
    downside_share(20),
    skewness(50),
    kurtosis(50),
    jump_share(20),
    variance_ratio(5, 50),
)

DERIVED: tuple[Feature, ...] = (
    *(log_return(bars) for bars in (1, 2, 3, 15, 30, 60)),
    *(lagged_return(bars) for bars in (1, 2, 3)),
    scaled_return(20),
    body_ratio(),
    upper_wick(),
    lower_wick(),
    place_in_range(60),
    place_in_session(),
    bars_to_close(),
    *time_of_day(),
    *time_of_week(),
    return_by_volume(20),
    return_by_spread(20),
)

NEWS: tuple[Feature, ...] = (
    *news_signals(TOPIC),
    sentiment_change(TOPIC, 30),
    *news_ages(TOPIC),
)

FAMILIES: Mapping[str, tuple[Feature, ...]] = {
    "Technical": TECHNICAL,
    "Microstructure": MICROSTRUCTURE,
    "Volatility": VOLATILITY,
    "Derived": DERIVED,
    "News": NEWS,
}
# Without the news: for the candidates that must do without them.
INTRADAY_MARKET: tuple[Feature, ...] = (*TECHNICAL, *MICROSTRUCTURE, *VOLATILITY, *DERIVED)
INTRADAY: tuple[Feature, ...] = (*INTRADAY_MARKET, *NEWS)
