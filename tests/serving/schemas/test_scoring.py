"""Requests to score and their answers: examples that are valid, and values that are not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.contracts.columns import EXPLANATION
from serving.schemas.scoring import (
    EXAMPLE,
    EXAMPLE_BARS,
    EXAMPLE_FILE,
    EXAMPLE_INDICATORS,
    BarPrediction,
    BatchRequest,
    ClassResult,
    ScoreRequest,
    ValueResult,
)

MODEL = {"candidate": None, "model_version": 1, "proven": True, "unproven_reason": None}
NEXT_BAR = {"timestamp_next": None, "spans_night": None}
UNEXPLAINED = dict.fromkeys(column.name for column in EXPLANATION)
CLASSES = {
    "kind": "classes", "action": "up", "action_reason": "it is", "likeliest": "up", "score": 1.0,
    "expected_score": 0.5, "confidence": 0.75,
    "probabilities": {"down": 0.25, "up": 0.75}, "said": None, "risk": None, **MODEL, **NEXT_BAR,
    **UNEXPLAINED,
}  # fmt: skip
VALUE = {
    "kind": "value", "value": 0.1, "value_low": 0.0, "value_high": 0.2, "expected_score": 0.1,
    "unit": "fraction", "value_coverage": 0.8, "value_words": "80 of 100", **MODEL, **NEXT_BAR,
    **UNEXPLAINED,
}  # fmt: skip


def test_the_documented_examples_are_valid_requests() -> None:
    request = ScoreRequest.model_validate(EXAMPLE)
    assert request.bars is not None
    assert len(request.bars) == len(EXAMPLE_BARS)
    assert ScoreRequest.model_validate(EXAMPLE_INDICATORS).indicators
    assert len(BatchRequest.model_validate({"requests": [EXAMPLE] * 3}).requests) == 3
    header, *rows = EXAMPLE_FILE.splitlines()
    assert {len(row.split(",")) for row in rows} == {len(header.split(","))}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"close": "100.5"}, "close"),
        ({"close": True}, "close"),
        ({"ts": "1969-12-31T23:59:59Z"}, "ts"),
        ({"ts": "2200-01-01T00:00:01Z"}, "ts"),
        ({"ts": 0}, "ts"),
        ({"colour": 1.0}, "colour"),
    ],
)
def test_a_wrong_bar_is_refused_with_its_place_and_field(
    change: dict[str, Any], field: str
) -> None:
    bars = [EXAMPLE_BARS[0], EXAMPLE_BARS[1] | change]
    with pytest.raises(ValidationError) as error:
        ScoreRequest.model_validate({"bars": bars})
    assert error.value.errors()[0]["loc"][:3] == ("bars", 1, field)


def test_only_the_first_of_many_wrong_bars_is_read() -> None:
    with pytest.raises(ValidationError) as error:
        ScoreRequest.model_validate({"bars": [{"open": 1.0}] * 1000})
    assert {details["loc"][1] for details in error.value.errors()} == {0}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.5", True])
def test_an_indicator_is_a_finite_number(value: object) -> None:
    with pytest.raises(ValidationError):
        ScoreRequest.model_validate({"indicators": {"rsi_14": value}})


def test_the_kind_of_a_target_decides_its_fields() -> None:
    absent = (
        "action",
        "action_reason",
        "likeliest",
        "score",
        "confidence",
        "probabilities",
        "said",
        "risk",
    )
    main = VALUE | dict.fromkeys(absent) | {"target": "value"}
    prediction = BarPrediction.model_validate(
        main | {"targets": {"value": VALUE, "risk": CLASSES, "none": None}}
    )
    assert isinstance(prediction.targets["value"], ValueResult)
    assert isinstance(prediction.targets["risk"], ClassResult)
    with pytest.raises(ValidationError, match=r"targets\.risk\.value"):
        BarPrediction.model_validate(main | {"targets": {"risk": CLASSES | {"kind": "value"}}})
