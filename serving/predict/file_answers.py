"""The answer to a file as JSON: a row for each of its rows."""

from __future__ import annotations

import orjson

from pipelines.core.instants import from_numpy
from pipelines.requests.csv_file import CsvFile, FileLine
from pipelines.requests.model import Models
from serving.predict import predictions
from serving.state.answers import OPTIONS


def build_json(models: Models, file: CsvFile, min_confidence: float | None) -> dict[str, object]:
    """Build the answer as JSON, with a row for each row of the file."""
    lines = file.lines
    scored, bad = (
        sum(line.predictions is not None for line in lines),
        sum(line.bad for line in lines),
    )
    return predictions.build_marks(models, file.notices) | {
        "models": predictions.describe_models(models),
        "data_source": "caller",
        "rows": [_encode_row(models, line, min_confidence) for line in lines],
        "scored": scored,
        "warming_up": len(lines) - scored - bad,
        "bad": bad,
    }


def _encode_row(models: Models, line: FileLine, min_confidence: float | None) -> orjson.Fragment:
    """Encode one row now: all rows at once would keep the interpreter from the event loop."""
    main = line.next_bars[models.main.target] if line.next_bars else None
    prediction = None
    if line.predictions is not None and line.next_bars is not None:
        prediction = predictions.describe_prediction(
            models, line.predictions, line.next_bars, min_confidence
        )
    row = {
        "line": line.line,
        "symbol": line.symbol or None,
        "ts": from_numpy(line.ts) if line.ts is not None else None,
        "timestamp_next": main and main.closes_at,
        "spans_night": main and main.spans_night,
        "prediction": prediction,
        "reason": line.reason,
    }
    return orjson.Fragment(orjson.dumps(row, option=OPTIONS))
