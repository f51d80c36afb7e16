"""Requests to a forecast with several targets, and their answers."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from fastapi.testclient import TestClient

from serving.schemas.scoring import Prediction
from tests.serving.daily import DAILY, NEEDED, build_request
from tests.serving.scored_api import problem

PATH = f"/forecasts/{DAILY.name}"
JSON = {"content-type": "application/json"}
NAMES = DAILY.feature_names
VALUE, RISK = DAILY.target_names
Indicators = dict[str, float]


def predict(client: TestClient, body: Any, path: str = f"{PATH}/predict") -> Prediction:
    return Prediction.model_validate_json(client.post(path, json=body).text)


def get_indicators(client: TestClient) -> Indicators:
    return predict(client, build_request()).features_used


def expect_refusal(client: TestClient, body: Any) -> Any:
    answer = client.post(f"{PATH}/predict", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422, answer.text
    assert problem(answer).hint
    return problem(answer)


BARS = "ts,open,high,low,close,volume"


def build_csv(count: int = NEEDED + 3) -> str:
    rows = [
        ",".join(str(bar[name]) for name in BARS.split(","))
        for bar in build_request(count=count)["bars"]
    ]
    return "\n".join([BARS, *rows]) + "\n"


def write_rows(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def upload_daily(client: TestClient, content: str, accept: str = "*/*", path: str = PATH) -> Any:
    return client.post(f"{path}/predict_batch", content=content, headers={"accept": accept})
