"""The model of MODEL_URI, which serves its target whatever the lake's decisions say."""

from __future__ import annotations

import logging

from pipelines.core.errors import BullionError
from pipelines.forecasts import TargetForecast
from pipelines.forecasts import forecast as forecast_named
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.mlflow import model_name
from serving.state import model as models
from serving.state.model_files import Pinned

LOG = logging.getLogger(__name__)


class Pin:
    """The file, once it was read; one that is refused changes nothing."""

    def __init__(self) -> None:
        self.trouble = ""
        self._file, self._read = Pinned(), False
        self._held: tuple[str, OnnxScorer] | None = None

    def read(self, anew: bool) -> None:
        """Read it the first time, and when it is to be read anew."""
        if not self._file.uri or (self._read and not anew):
            return
        self._read = True
        try:
            scorer = OnnxScorer(self._file.body())
            told = scorer.description.more
            declared = forecast_named(told.get("forecast", ""))
            found = declared.target_forecast(told.get("target", ""))
            models.checked(found, scorer, told.get("definition"))
            self._held, self.trouble = (model_name(found), scorer), ""
        except BullionError as error:
            self.trouble = f"MODEL_URI is refused: {error.summary or error.message}"
            LOG.warning("MODEL_URI=%s is refused: %s", self._file.uri, error)

    def of(self, forecast: TargetForecast) -> OnnxScorer | None:
        """The model of the target, if it is the one that is pinned."""
        return self._held[1] if self._held and self._held[0] == model_name(forecast) else None
