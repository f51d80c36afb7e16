"""A model that reads a part of its forecast's features asks a request for no more."""

from __future__ import annotations

from pathlib import Path

from pipelines.lake import Lake
from tests.serving.serving_models import HOURLY, SYMBOLS, api_client, build_request, serve_model

FEATURES = tuple(
    feature.name for feature in HOURLY.features if feature.window <= 6 and feature.window > 1
)
NEEDED = max(feature.window for feature in HOURLY.features if feature.name in FEATURES)


def test_the_answers_and_the_models_page_know_its_features_alone(lake: Lake, folder: Path) -> None:
    serve_model(lake, folder, features=FEATURES)
    with api_client() as client:
        info = client.get("/model-info").json()
        assert (tuple(info["features"]), info["look_back"]) == (FEATURES, NEEDED - 1)
        request = build_request(count=NEEDED)
        answer = client.post("/predict", json=request).json()
        assert tuple(answer["features_used"]) == FEATURES
        assert answer["bars_used"] == NEEDED
        too_short = build_request(count=NEEDED - 1)
        refusal = client.post("/predict", json=too_short)
        assert f"{NEEDED} are needed" in refusal.text

        batch = client.post("/predict/batch", json={"requests": [request, too_short]}).json()
        assert [result["prediction"] is not None for result in batch["results"]] == [True, False]

        indicators = {"symbol": SYMBOLS[0], "indicators": answer["features_used"]}
        by_indicators = client.post("/predict", json=indicators).json()
        assert by_indicators["probabilities"] == answer["probabilities"]
