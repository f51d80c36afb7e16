"""The model of MODEL_URI, which serves its target whatever the lake's decisions say."""

from __future__ import annotations

import logging

from pipelines.core.errors import BullionError
from pipelines.forecasts import TargetForecast
from pipelines.forecasts import forecast as forecast_named
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.mlflow import model_name
from pipelines.requests.model import check_decided_scorer
from serving.state.model_files import PinnedFile

LOG = logging.getLogger(__name__)


class PinnedModel:
    """The scorer of the pinned file, once it was read; a file that is refused changes nothing."""

    def __init__(self) -> None:
        self.trouble = ""
        self._file, self._was_read = PinnedFile(), False
        self._scorer: OnnxScorer | None = None
        self._name = ""  # of the model whose target it serves

    def read(self, force: bool = False) -> None:
        """Read the file the first time, and whenever it is to be read again."""
        if not self._file.uri or (self._was_read and not force):
            return
        self._was_read = True
        try:
            scorer = OnnxScorer(self._file.body())
            details = scorer.description.more
            forecast = forecast_named(details.get("forecast", ""))
            target = forecast.target_forecast(details.get("target", ""))
            self._scorer = check_decided_scorer(target, scorer, details.get("definition"))
            self._name, self.trouble = model_name(target), ""
        except BullionError as error:
            self.trouble = f"MODEL_URI is refused: {error.summary or error.message}"
            LOG.warning("MODEL_URI=%s is refused: %s", self._file.uri, error)

    def scorer_of(self, forecast: TargetForecast) -> OnnxScorer | None:
        """Return the scorer, if this is the target that it serves."""
        return self._scorer if self._name == model_name(forecast) else None
