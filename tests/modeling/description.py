"""The description of the models of a comparison of hourly rows."""

from __future__ import annotations

from pipelines.modeling.comparison import Comparison
from pipelines.modeling.description import Description


def describe(comparison: Comparison) -> Description:
    return Description(
        classes=comparison.label.classes,
        features=("a", "b", "c", "d", "e", "f"),
        symbols=("AAPL", "MSFT", "NVDA", "AMZN"),
        thresholds=comparison.thresholds,
        shares=comparison.shares,
        more={"forecast": "nasdaq100_hourly"},
    )
