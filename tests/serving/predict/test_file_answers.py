"""Files of bars and of indicators, for a forecast with several targets."""

from __future__ import annotations

import csv
import io
import json

import pytest
from fastapi.testclient import TestClient

from pipelines.requests.file_table import escape_formula
from serving.schemas.scoring import FileAnswer
from tests.serving.daily_requests import (
    RISK,
    VALUE,
    build_csv,
    get_indicators,
    upload_daily,
    write_rows,
)
from tests.serving.hourly_files import UNTIMED, file_of, rows_of, upload
from tests.serving.serving_models import SYMBOLS


def test_csv_has_columns_for_each_target(client: TestClient) -> None:
    for content in (build_csv(), write_rows([get_indicators(client)])):
        answer = FileAnswer.model_validate_json(upload_daily(client, content).text)
        rows = list(csv.DictReader(io.StringIO(upload_daily(client, content, "text/csv").text)))
        for row, json_row in zip(rows, answer.rows, strict=True):
            assert row["reason"] == (json_row.reason or "")
            assert row[f"{VALUE}.proven"] == "false"
            if json_row.prediction is None:
                assert row[f"{VALUE}.value"] == row[f"{RISK}.action"] == ""
                continue
            value, risk = json_row.prediction.targets[VALUE], json_row.prediction.targets[RISK]
            assert value is not None
            assert value.kind == "value"
            assert risk is not None
            assert risk.kind == "classes"
            for name in ("value", "value_low", "value_high"):
                assert float(row[f"{VALUE}.{name}"]) == getattr(value, name)
            assert row[f"{RISK}.action"] == risk.action
            for name, share in risk.probabilities.items():
                assert float(row[f"{RISK}.p_{name}"]) == share


def test_json_csv_and_form_uploads_give_the_same_answer(client: TestClient) -> None:
    content = file_of(*rows_of(SYMBOLS[0]))
    from_json = upload(client, content).json()
    answer = upload(client, content, "text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == len(from_json["rows"])
    for row, json_row in zip(rows, from_json["rows"], strict=True):
        assert row["reason"] == (json_row["reason"] or "")
        prediction = json_row["prediction"] or {}
        assert row["action"] == prediction.get("action", "")
        if prediction:
            assert float(row["p_hold"]) == prediction["probabilities"]["hold"]
    from_form = client.post("/predict_batch", files={"file": ("bars.csv", content)}).json()
    assert from_form["rows"] == from_json["rows"]


def test_csv_headers_have_what_json_says_about_all_rows(client: TestClient) -> None:
    content = file_of(*(row.split(",", 2)[2] for row in rows_of("NVDA")), header=UNTIMED)
    body = upload(client, content, query="?symbol=NVDA").json()
    answer = upload(client, content, "text/csv", "?symbol=NVDA")
    assert json.loads(answer.headers["x-bullion-notices"]) == body["notices"]
    for words in "made-up data", "have no times":
        assert words in answer.headers["x-bullion-notices"]
    assert json.loads(answer.headers["x-bullion-sample"]) is body["sample"] is True
    for row in csv.DictReader(io.StringIO(answer.text)):  # these columns stay in a saved file
        assert (row["trained_on"], row["unproven_reason"]) == (body["trained_on"], "")


@pytest.mark.parametrize("formula", ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1"])
def test_the_csv_answer_contains_no_formula(client: TestClient, formula: str) -> None:
    content = file_of(
        *rows_of(SYMBOLS[0]), f'"{formula}",x,1,1,1,1,1', f'NVDA,"{formula}",1,1,1,1,1'
    )
    answer = upload(client, content, "text/csv")
    assert answer.status_code == 200
    for row in csv.DictReader(io.StringIO(answer.text)):
        for name in ("symbol", "ts", "action", "reason"):
            assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r")), row
    assert escape_formula(formula) == f"'{formula}"
