"""Refuse a training on too few bars, and say how many it needs."""

from __future__ import annotations

import math

import numpy as np

from pipelines.backtest.walk import count_comparison_sessions, find_shortage
from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.modeling.dataset import Rows
from pipelines.modeling.required import Minimums

TOO_FEW = "too few"  # in each message about a number of rows, symbols or sessions


def check_enough_bars(forecast: TargetForecast, source: str, rows: Rows) -> None:
    """Raise where a comparison of the candidates would lack rows, with the bars that it needs."""
    shortage = find_shortage(forecast, rows, Minimums())
    if TOO_FEW not in shortage:
        return  # enough, or something that more bars do not mend: the comparison says what
    symbols, sessions = len(np.unique(rows.symbol)), len(np.unique(rows.session))
    bars_a_session = max(1, round(len(rows) / max(1, symbols * sessions)))
    # Bars without features at the beginning, and without an outcome before each cut.
    lost = math.ceil((forecast.look_back + 2 * forecast.label.horizon) / bars_a_session)
    needed = count_comparison_sessions(
        forecast.split, Minimums(), max(1, symbols * bars_a_session), lost
    )
    raise InvalidRequest(
        f"{source} has {len(rows):,} bars of {forecast.name} with an outcome, of {sessions:,} "
        f"sessions and {symbols} symbols: {shortage}",
        f"about {needed * bars_a_session:,} {forecast.interval} bars of each symbol are needed "
        f"({needed:,} sessions; the features alone look back {forecast.look_back} bars): bullion "
        f"ingest --source {source} --universe {forecast.universe} --interval {forecast.interval} "
        "with an earlier --start",
    )
