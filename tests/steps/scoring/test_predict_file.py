"""A file is predicted by the model that serves, without a server and without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import NVDA_5M
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.scoring.predict_file import load_models, predict_file
from tests import models
from tests.requests.five_minutes import LOOK_BACK, NOW, START, scored_file, write_lines
from tests.steps.served import fresh_registry

CONTENT = "\n".join(write_lines()).encode()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return fresh_registry(tmp_path / "mlflow")


def serve(
    lake: Lake, registry: Registry, seed: int = 0, version: int = 1, **details: object
) -> str:
    body = models.body(NVDA_5M, seed)
    model = models.store_verified(registry, NVDA_5M, body, version)
    models.decide(lake, NVDA_5M, "sample", model, START, **details)  # type: ignore[arg-type]
    return model.sha256


def test_each_row_has_the_prediction_of_the_serving_model(lake: Lake, registry: Registry) -> None:
    serve(lake, registry, proven=False, reason="no skill")
    snapshot = lake.snapshot
    result = predict_file(lake, registry, NVDA_5M, "sample", CONTENT, now=NOW)
    assert lake.snapshot == snapshot, "nothing is written"
    lines = scored_file(write_lines()).lines
    assert [line.predictions for line in result.file.lines] == [line.predictions for line in lines]
    summary = result.summary()
    assert summary[0] == (
        f"nvda_5m: 156 rows, {156 - LOOK_BACK} predicted, {LOOK_BACK} with too little before "
        "them, 0 refused"
    )
    scores = [line.predictions["action"]["score"] for line in lines if line.predictions]
    acting = sum(score != 0 for score in scores)
    assert f"action: acts at {acting} of {len(scores)}, else holds" in summary
    assert "the model is unproven: no skill" in summary
    assert result.table().count("\n") == 157


def test_without_a_model_the_error_names_the_next_step(lake: Lake, registry: Registry) -> None:
    with pytest.raises(InvalidRequest, match="nothing was trained yet") as refused:
        predict_file(lake, registry, NVDA_5M, "sample", CONTENT, now=NOW)
    assert "bullion train nvda_5m --source sample" in refused.value.hint
    with pytest.raises(InvalidRequest, match="'Mars' is no timezone"):
        predict_file(lake, registry, NVDA_5M, "sample", CONTENT, timezone="Mars")


def test_a_model_whose_file_is_lost_is_passed_over(lake: Lake, registry: Registry) -> None:
    serve(lake, registry)
    newer = serve(lake, registry, seed=1, version=2)
    (registry.folder / "verified" / f"{newer}.onnx").unlink()
    with lake.view() as view:
        loaded = load_models(view, registry, NVDA_5M, "sample", NOW)
    assert loaded.main.version == 1
    assert "version 2 cannot serve" in " ".join(loaded.notices)


def test_rows_that_are_refused_are_counted_by_their_reason(lake: Lake, registry: Registry) -> None:
    serve(lake, registry)
    content = "\n".join(write_lines("%Y-%m-%d %H:%M", "America/New_York")).encode()
    result = predict_file(lake, registry, NVDA_5M, "sample", content, now=NOW)
    refused = [sentence for sentence in result.summary() if sentence.startswith("refused: ")]
    assert len(refused) == 1
    assert refused[0].startswith("refused: 156 x ts is ..., not a time with its zone")
    zoned = predict_file(
        lake, registry, NVDA_5M, "sample", content, timezone="America/New_York", now=NOW
    )
    assert not any(line.bad for line in zoned.file.lines)
