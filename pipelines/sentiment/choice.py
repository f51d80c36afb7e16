"""Which sentiment model speaks: the one that the settings name, or the one that ships."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import BullionError
from pipelines.core.settings import Settings, settings
from pipelines.sentiment.base import SentimentModel, UnusableModel
from pipelines.sentiment.finbert import load_finbert
from pipelines.sentiment.headlines import headline_model

log = logging.getLogger(__name__)

NO_FOLDER = "BULLION_FINBERT names no folder"


@dataclass(frozen=True)
class ChosenModel:
    """The model that speaks, the one that was asked for, and why they differ, if they do."""

    model: SentimentModel
    asked_model: str
    reason: str = ""  # why another model speaks; empty: none does

    @property
    def is_substitute(self) -> bool:
        return bool(self.reason)

    def summary(self) -> str:
        """Return in words which model speaks, and instead of which."""
        speaker = f"{self.model.name} {self.model.version} ({self.model.sha256[:12]})"
        if not self.is_substitute:
            return f"the sentiment model is {speaker}"
        return f"the sentiment model is {speaker} instead of {self.asked_model}: {self.reason}"


def chosen_model(config: Settings | None = None) -> ChosenModel:
    """Return the model that the settings ask for; where it cannot be used, the one that ships.

    News goes on without FinBERT, and every row, answer and log line can say so.
    """
    config = config or settings()
    if config.sentiment == "headlines":
        return ChosenModel(headline_model(), config.sentiment)
    try:
        if not config.finbert:
            raise UnusableModel(NO_FOLDER, "set it to a folder of `bullion sentiment export`")
        return ChosenModel(load_finbert(Path(config.finbert)), config.sentiment)
    except BullionError as error:
        choice = ChosenModel(headline_model(), config.sentiment, error.message)
        log.warning("%s; %s", choice.summary(), error.hint)
        return choice
