"""How the tests ask a forecast with several targets."""

from __future__ import annotations

import json
from typing import Any

from fastapi.testclient import TestClient

from serving.schemas.scoring import Prediction
from tests.serving.daily import DAILY, NEEDED, sent
from tests.serving.served import problem

HERE = f"/forecasts/{DAILY.name}"
JSON = {"content-type": "application/json"}
NAMES = DAILY.feature_names
VALUE, RISK = DAILY.target_names
Features_ = dict[str, float]


def said(client: TestClient, body: Any, path: str = f"{HERE}/predict") -> Prediction:
    return Prediction.model_validate_json(client.post(path, json=body).text)


def indicators(client: TestClient) -> Features_:
    return said(client, sent()).features_used


def refused(client: TestClient, body: Any) -> Any:
    answer = client.post(f"{HERE}/predict", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422, answer.text
    assert problem(answer).hint
    return problem(answer)


BARS = "ts,open,high,low,close,volume"


def file_of_bars(count: int = NEEDED + 3) -> str:
    rows = [
        ",".join(str(bar[name]) for name in BARS.split(",")) for bar in sent(count=count)["bars"]
    ]
    return "\n".join([BARS, *rows]) + "\n"
