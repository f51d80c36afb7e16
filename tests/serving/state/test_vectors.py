"""The newest features of each symbol: the row of gold, when it is late, and what limits it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from pipelines.core.maps import read_rows
from pipelines.lake import View
from pipelines.registry.decisions import ServingModel, read_decisions, serving_model_at
from serving.state.answers import EncodedAnswer
from serving.state.vectors import load_vectors
from tests.serving.scored_api import LAST_CLOSE, NIGHT, SOURCE, STALE_AT
from tests.steps.scored_market import HOURLY, SYMBOLS

GRACE = timedelta(minutes=5)
SINCE = LAST_CLOSE - timedelta(days=10)


@pytest.fixture(scope="module")
def models(view: View) -> dict[str, ServingModel]:
    target = HOURLY.target_forecast()
    serving = serving_model_at(read_decisions(view, target, SOURCE), NIGHT)
    assert serving is not None
    return {target.label.name: serving}


def vectors(view: View, models: dict[str, ServingModel], **marks: Any) -> dict[str, EncodedAnswer]:
    all_marks = {"data_source": SOURCE, "sample": True, "notices": ["made up"], "snapshot": 7}
    return load_vectors(view, HOURLY, all_marks | marks, models, SINCE, GRACE)


def read(answer: EncodedAnswer, now: float = NIGHT.timestamp()) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(answer.body(now))
    return body


def test_a_vector_is_the_newest_row_of_gold_to_the_bit(
    view: View, models: dict[str, ServingModel]
) -> None:
    answers = vectors(view, models)
    assert set(answers) == set(SYMBOLS)
    rows = read_rows(
        view.sql(
            f"FROM {HOURLY.table.full_name} WHERE source = ? AND closes_at = ?",
            [SOURCE, LAST_CLOSE],
        )
    )
    assert len(rows) == len(SYMBOLS)
    for row in rows:
        body = read(answers[row["symbol"]])
        assert body["features"] == {name: row[name] for name in HOURLY.feature_names}
        assert list(body["features"]) == list(HOURLY.feature_names)
        assert (body["ts"], body["known_at"]) == ("2026-08-31T19:30:00Z", "2026-08-31T20:00:00Z")


def test_it_is_stale_once_the_bar_after_it_should_be_there(
    view: View, models: dict[str, ServingModel]
) -> None:
    answer, late = vectors(view, models)["NVDA"], STALE_AT.timestamp()
    assert not read(answer, late - 1)["stale"]
    assert read(answer, late)["stale"]
    assert (
        "stale: the features of a bar after 2026-08-31 20:00 UTC are due"
        in (read(answer, late)["notices"])
    )
    assert answer.tag(late) != answer.tag(late - 1) == b'W/"7-features-fresh"'


def test_it_says_what_limits_the_models_that_read_it(
    view: View, models: dict[str, ServingModel]
) -> None:
    def notices(models: dict[str, ServingModel]) -> list[str]:
        return list(read(vectors(view, models)["NVDA"])["notices"])

    assert notices(models) == ["made up", "unproven model: no skill"]
    assert notices({}) == ["made up", "no model serves yet"]
    ((name, serving),) = models.items()
    proven = replace(serving, proven=True)
    assert notices({name: proven}) == ["made up"]
    older = replace(proven, decision=replace(proven.decision, definition="older"))
    assert notices({name: older}) == [
        "made up",
        "other features: its model learned from an earlier declaration",
    ]


def test_a_feature_without_a_value_is_null_and_named(
    view: View, models: dict[str, ServingModel]
) -> None:
    first = view.one(f"SELECT min(ts) FROM {HOURLY.table.full_name}")

    class FirstRows:
        """The view, which has nothing after the first bar."""

        def sql(self, query: str, values: list[Any]) -> Any:
            return view.sql(query.replace("ts > ?", "ts <= ?"), [values[0], first, values[2]])

    marks = {"data_source": SOURCE, "sample": True, "notices": [], "snapshot": 7}
    answers = load_vectors(FirstRows(), HOURLY, marks, models, SINCE, GRACE)  # type: ignore[arg-type]
    body = read(next(iter(answers.values())))
    missing = [name for name, value in body["features"].items() if value is None]
    assert missing
    assert body["notices"][-1] == f"no value: {', '.join(missing)}"


def test_another_source_has_none(view: View, models: dict[str, ServingModel]) -> None:
    assert vectors(view, models, data_source="yahoo") == {}
