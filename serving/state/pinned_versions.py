"""The versions of models that a process is set to serve, whatever the lake's decisions say.

By them two processes over one lake serve different models: a release that is tried, and the one
that serves.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import forecast as forecast_named
from pipelines.registry.mlflow import model_name

SETTING = "BULLION_API_MODELS"


def parse_versions(text: str) -> Mapping[str, int]:
    """Return the version of each model that is named: FORECAST=3, or FORECAST.TARGET=3."""
    versions: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, version = part.partition("=")
        forecast, _, target = name.strip().partition(".")
        if not version.strip().isdecimal():
            raise InvalidRequest(
                f"{SETTING} has {part!r}", "write FORECAST=3, or FORECAST.TARGET=3, with commas"
            )
        declared = forecast_named(forecast).target_forecast(target)
        versions[model_name(declared)] = int(version)
    return versions
