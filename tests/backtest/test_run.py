"""A backtest weighs members as a published signal would have weighed them."""

from __future__ import annotations

import numpy as np

from pipelines.backtest.run import member_weights
from pipelines.core.universes import universe
from tests.scoring.index_weights import weight_rows

QQQ = universe("qqq")
SESSION = np.datetime64("2026-08-03") + np.arange(4)
CLOSES_AT = SESSION.astype("datetime64[us]") + np.timedelta64(20, "h")


def test_weights_are_those_that_were_known_and_a_member_without_one_weighs_nothing() -> None:
    rows = weight_rows(
        *((symbol, 0.05, "2026-08-04", "2026-08-04") for symbol in QQQ.symbols),
        *((symbol, 0.10, "2026-08-05", "2026-08-06") for symbol in QQQ.symbols[1:]),
    )
    weights, known = member_weights(rows, QQQ, CLOSES_AT, SESSION)
    assert known.tolist() == [False, True, True, True]
    assert weights[:, 0].tolist() == [0.1, 0.05, 0.05, 0.0]
    assert weights[:, 1].tolist() == [0.1, 0.05, 0.05, 0.1]
