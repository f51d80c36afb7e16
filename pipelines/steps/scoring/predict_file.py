"""Predict every row of a file of bars or indicators, by the models that serve now."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.lake import Lake, View
from pipelines.modeling.description import UnreadableModel
from pipelines.registry.decisions import ModelKey, serving_model_at
from pipelines.registry.mlflow import Registry, UnsoundModel
from pipelines.requests.csv_file import CsvFile, read_csv
from pipelines.requests.file_scoring import score_file
from pipelines.requests.file_table import write_csv
from pipelines.requests.model import Model, Models, decided_model, read_target_decisions
from pipelines.steps.models.load import load_champion

MOST_ROWS = 200_000  # of one file
MOST_REASONS = 5  # that a summary names


@dataclass(frozen=True, eq=False)
class FilePredictions:
    """A file whose lines have their predictions, or the reason why they have none."""

    models: Models
    file: CsvFile

    def table(self, min_confidence: float | None = None) -> str:
        """Write the predictions as CSV, a row for each row of the file."""
        return write_csv(self.models, self.file.lines, min_confidence)

    def summary(self) -> list[str]:
        """Say what became of the rows, how often it acts, and what limits its worth."""
        lines = self.file.lines
        scored = [line.predictions for line in lines if line.predictions is not None]
        bad = [line.reason or "" for line in lines if line.bad]
        warming = len(lines) - len(scored) - len(bad)
        sentences = [
            f"{self.models.forecast.name}: {len(lines):,} rows, {len(scored):,} predicted, "
            f"{warming:,} with too little before them, {len(bad):,} refused"
        ]
        for target in self.models.by_target:
            scores = [row[target]["score"] for row in scored if row[target]["score"] is not None]
            if scores and min(self.models.by_target[target].forecast.label.scores) < 0:
                acting = sum(score != 0 for score in scores)
                sentences.append(f"{target}: acts at {acting:,} of {len(scores):,}, else holds")
        # Alike but for the value that they quote.
        reasons = Counter(re.sub("'.*?'", "...", reason.partition(": ")[2]) for reason in bad)
        sentences += [f"refused: {n:,} x {why}" for why, n in reasons.most_common(MOST_REASONS)]
        return sentences + self.file.notices + self.models.notices


def predict_file(
    lake: Lake,
    registry: Registry,
    forecast: Forecast,
    source: str,
    content: bytes,
    symbol: str | None = None,
    timezone: str | None = None,
    now: datetime | None = None,
) -> FilePredictions:
    """Predict the rows of a CSV file by the models trained on a source; nothing is written.

    What features read beside the file's own bars comes from the lake. `symbol` is that of all
    rows, where the file has no column for it, and `timezone` that of times without an offset.
    """
    zone = _find_zone(timezone) if timezone else None
    now = now or datetime.now(UTC)
    file = read_csv(content, MOST_ROWS, forecast)
    with lake.view() as view:
        models = load_models(view, registry, forecast, source, now)
        score_file(models, file, symbol, now, view, zone)
    return FilePredictions(models, file)


def _find_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidRequest(
            f"{name!r} is no timezone", "name one such as America/New_York, or UTC"
        ) from error


def load_models(
    view: View, registry: Registry, forecast: Forecast, source: str, now: datetime
) -> Models:
    """Load the models that serve a forecast's targets, as the API does; none at all is an error."""
    by_target: dict[str, Model] = {}
    lacking: dict[str, str] = {}
    for target in forecast.per_target():
        model = _load_model(view, registry, target, source, now)
        if isinstance(model, Model):
            by_target[target.target.name] = model
        else:
            lacking[target.target.name] = model
    if not by_target:
        raise InvalidRequest(
            f"no model of {forecast.name} trained on {source} serves: "
            f"{'; '.join(dict.fromkeys(lacking.values()))}",
            f"bullion train {forecast.name} --source {source}",
        )
    return Models(forecast, by_target, lacking)


def _load_model(
    view: View, registry: Registry, forecast: TargetForecast, source: str, now: datetime
) -> Model | str:
    """Load the model that serves a target; one whose file is lost is passed over. Or say why."""
    decisions = read_target_decisions(view, forecast, source, None)
    lost: dict[ModelKey, str] = {}
    while choice := serving_model_at(decisions.rows, now, lost):
        try:
            scorer = load_champion(registry, forecast, choice.decision)
        except (UnsoundModel, UnreadableModel) as error:
            lost[choice.decision.model] = error.message
            continue
        return decided_model(forecast, decisions, choice, scorer)
    return "; ".join(lost.values()) or "nothing was trained yet"
