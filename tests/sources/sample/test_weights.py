"""The weights of the made-up index."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import universe
from pipelines.sources.base import WEIGHTS
from pipelines.sources.sample import Sample
from tests.sources.sample.requests import read_bars, request

SAMPLE = Sample()
WEEK = utc("2026-11-02"), utc("2026-11-07")


def weights(name: str, as_of: str) -> pa.Table:
    parts = [SAMPLE.parse_weights(answer) for answer in SAMPLE.fetch_weights(name, utc(as_of))]
    return pa.concat_tables(parts) if parts else WEIGHTS.empty_table()


def test_the_weights_of_every_month_sum_to_one() -> None:
    table = weights("nasdaq100", "2026-11-20T15:00+00:00")
    assert table.schema.equals(WEIGHTS)
    months = table.group_by("effective").aggregate([("weight", "sum"), ("weight", "max")])
    assert len(months) == 143
    assert np.allclose(months["weight_sum"], 1)
    assert (
        0.05 < min(months["weight_max"].to_pylist()) < max(months["weight_max"].to_pylist()) < 0.2
    )
    assert pc.max(table["effective"]).as_py() == date(2026, 11, 2)
    assert not pc.any(table["partial"]).as_py()


def test_weights_are_known_from_the_open_and_never_change() -> None:
    newest = weights("nasdaq100", "2026-11-20")
    before = weights("nasdaq100", "2026-11-02T14:29:59+00:00")
    at = weights("nasdaq100", "2026-11-02T14:30+00:00")
    assert pc.max(before["effective"]).as_py() == date(2026, 10, 1)
    assert at.equals(newest)
    assert newest.slice(0, len(before)).equals(before)
    assert pc.max(at["known_at"]).as_py() == utc("2026-11-02T14:30+00:00")


def test_weights_drift_with_prices() -> None:
    table = weights("nasdaq100", "2026-11-20")
    price = read_bars(SAMPLE, request(("NVDA", "AMD"), "1d", utc("2026-01-30"), utc("2026-02-28")))
    grown = {}
    for symbol in ("NVDA", "AMD"):
        close = price.filter(pc.field("symbol") == symbol)["close"].to_numpy()
        rows = table.filter(pc.field("symbol") == symbol)
        by_month = dict(zip(rows["effective"].to_pylist(), rows["weight"].to_pylist(), strict=True))
        now, then = by_month[date(2026, 3, 2)], by_month[date(2026, 2, 2)]
        grown[symbol] = (now / then) / (close[-1] / close[0])
    assert grown["NVDA"] == pytest.approx(grown["AMD"], rel=1e-3)


def test_a_year_begins_with_the_weights_of_the_list() -> None:
    """What the prices do later must not show in the weights of earlier years."""
    values = weights("nasdaq100", "2019-01-02T15:00+00:00")["weight"].to_numpy()
    weight = values[-len(universe("nasdaq100").symbols) :]
    expected = 1 / np.arange(3, len(weight) + 3)
    assert np.allclose(weight, expected / expected.sum())


def test_ten_weights_are_fractions_of_the_whole_index() -> None:
    ten, full = weights("qqq", "2020-05-05"), weights("nasdaq100", "2020-05-05")
    assert ten["symbol"].to_pylist()[:10] == list(universe("qqq").symbols)
    assert pc.all(ten["partial"]).as_py()
    assert ten["weight"].to_pylist()[:10] == full["weight"].to_pylist()[:10]


def test_there_are_no_weights_before_the_first_session() -> None:
    assert len(weights("nasdaq100", "2015-01-02")) == 0
    assert len(weights("nasdaq100", "2015-01-03")) == len(universe("nasdaq100").symbols)


def test_weights_of_an_unknown_universe_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="unknown universe"):
        weights("dax", "2020-05-05")
