"""Parameters that routes share: known names, hints for unknown ones, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticCustomError

from pipelines.registry.decisions import ModelDecision, ServingModel
from serving.http.dependencies import (
    MAIN,
    check_policy,
    combined_universe,
    json_response,
    known_target,
    known_universe,
    newest_of,
    not_yet,
    signal_universes,
)
from serving.schemas.errors import NotFound
from serving.state.cache import ForecastCache, SignalCache
from tests.serving.daily import DAILY
from tests.steps.scored_market import HOURLY

EMPTY = ForecastCache(HOURLY, {}, {}, {}, {}, {}, {}, None, {})
CACHE = SignalCache(1, "sample", True, {HOURLY.name: EMPTY})
NOW = datetime(2026, 9, 1, tzinfo=UTC)
DECISION = ModelDecision(NOW, 1, "promoted", True, "", "forest", "", "", {}, "", NOW)


def test_a_known_name_is_returned_and_an_unknown_one_gets_a_hint() -> None:
    assert known_universe("qqq") == "qqq"
    with pytest.raises(PydanticCustomError) as universe_error:
        known_universe("qqqq")
    assert universe_error.value.context is not None
    assert universe_error.value.context["hint"] == "did you mean qqq?"
    assert known_target(DAILY, None) is None
    assert known_target(DAILY, "risk") == "risk"
    with pytest.raises(RequestValidationError) as target_error:
        known_target(DAILY, "riks")
    (details,) = target_error.value.errors()
    assert details["loc"] == ("query", "target")
    assert "did you mean risk" in details["ctx"]["hint"]


def test_a_forecast_is_found_by_its_name() -> None:
    assert HOURLY.name == MAIN
    assert newest_of(CACHE, MAIN) is EMPTY
    with pytest.raises(NotFound) as error:
        newest_of(CACHE, "nasdaq_hourly")
    assert MAIN in error.value.hint


def test_only_a_universe_that_the_forecast_combines_has_signals() -> None:
    assert combined_universe(EMPTY, "qqq") == combined_universe(EMPTY, None) == "qqq"
    with pytest.raises(NotFound, match="combines no signal of qqq"):
        combined_universe(replace(EMPTY, forecast=DAILY), "qqq")
    assert combined_universe(replace(EMPTY, forecast=DAILY), None) == "aapl"
    only_risk = replace(DAILY, targets=(DAILY.target_forecast("risk").target,))
    with pytest.raises(NotFound, match=r"aapl_daily combines no signal\n"):
        combined_universe(replace(EMPTY, forecast=only_risk), None)


def test_a_symbol_with_a_signal_of_its_own_is_a_universe_that_can_be_named() -> None:
    assert {"qqq", "nvda", "aapl"} <= set(signal_universes())
    assert known_universe("nvda") == "nvda"
    with pytest.raises(PydanticCustomError, match="unknown universe 'nvdia'"):
        known_universe("nvdia")


def test_a_confidence_policy_needs_a_target_with_a_hold_class() -> None:
    check_policy(HOURLY, 0.6)
    check_policy(DAILY, None)
    with pytest.raises(RequestValidationError) as error:
        check_policy(DAILY, 0.6)
    assert error.value.errors()[0]["loc"] == ("query", "min_confidence")


def test_the_error_before_the_first_signal_names_what_is_missing() -> None:
    with_bars = replace(EMPTY, bars={"NVDA": NOW})
    with_model = replace(with_bars, models={"action": ServingModel(DECISION, True, None)})
    for cache, words in (
        (EMPTY, "no bar is there yet"),
        (with_bars, "no model was trained yet"),
        (with_model, "nothing was scored yet"),
    ):
        error = not_yet(cache, CACHE, "signal of qqq")
        assert error.message == f"{MAIN} has no signal of qqq from sample: {words}"
        assert error.seconds > 0


def test_a_computed_answer_is_stored_by_no_cache() -> None:
    response = json_response({"at": NOW}, {"X-Next-Cursor": "abc"})
    assert orjson.loads(response.body) == {"at": "2026-09-01T00:00:00Z"}
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-next-cursor"] == "abc"
