"""Describe a forecast's model for the metadata of its file."""

from __future__ import annotations

from pipelines.forecasts.base import TargetForecast
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.description import Description


def describe_model(forecast: TargetForecast, comparison: Comparison) -> Description:
    """Describe a comparison's model: what it takes, what its outputs mean, whom it forecasts."""
    trained = {forecast.symbols[code] for code in comparison.symbols}
    return Description(
        classes=forecast.label.classes,
        features=forecast.feature_names,
        symbols=forecast.symbols,
        thresholds=comparison.thresholds,
        shares=comparison.shares,
        kind=forecast.label.kind,
        untrained=tuple(symbol for symbol in forecast.symbols if symbol not in trained),
        more={
            "forecast": forecast.name,
            "target": forecast.target.name,
            "definition": forecast.model_fingerprint,
        },
    )
