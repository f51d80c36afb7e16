"""History: every row once, in three formats, and cursors that read no other rows."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.steps.lake import open_lake
from serving.http.formats import ARROW, CSV
from serving.schemas.answers import Decisions, PastPredictions, PastSignals
from tests.serving.daily import DAILY
from tests.serving.scored_api import api_at, lake_of, problem
from tests.steps.scored_market import HOURLY

PREDICTIONS = "/predictions/history?live=false"
MODELS = {
    "/signals/history?live=false": PastSignals,
    PREDICTIONS: PastPredictions,
    "/models/decisions?": Decisions,
}


@pytest.fixture(scope="module")
def challenger_api(
    scored_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """The API over a copy of the lake in which a challenger predicted what the champion did."""
    folder = tmp_path_factory.mktemp("challenger") / "lake"
    shutil.copytree(scored_folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{folder}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{folder}/files")
        with open_lake() as lake, lake.write("test") as writer:
            rows = writer.sql("SELECT * EXCLUDE (batch) FROM gold.predictions")
            for name, value in (("role", "challenger"), ("candidate", "rival")):
                place = rows.schema.get_field_index(name)
                rows = rows.set_column(place, name, pa.array([value] * rows.num_rows))
            writer.append("gold.predictions", rows)
    with api_at(folder) as client:
        yield client


def test_pages_together_give_every_row_once_the_newest_first(api: TestClient) -> None:
    for path, model in MODELS.items():
        whole = model.model_validate_json(api.get(path).text)
        assert whole.rows
        rows, cursor = [], ""
        while True:
            page = api.get(f"{path}&limit=7{cursor}")
            body = model.model_validate_json(page.text)
            rows += body.rows
            assert page.headers.get("x-next-cursor") == body.next
            if body.next is None:
                break
            cursor = f"&cursor={body.next}"
        assert rows == whole.rows


def test_history_lists_live_rows_by_default(api: TestClient) -> None:
    count = {
        live: len(api.get(f"/predictions/history{live}").json()["rows"])
        for live in ("", "?live=true", "?live=false")
    }
    counts = dict(
        lake_of(api).rows(
            "SELECT live, count(*) FROM gold.predictions "
            "WHERE role = 'champion' AND forecast = ? GROUP BY live",
            [HOURLY.name],
        )
    )
    assert count[""] == count["?live=true"] == counts[True]
    assert count["?live=false"] == counts[False]


def test_a_known_outcome_is_listed_with_its_prediction(api: TestClient) -> None:
    rows = PastPredictions.model_validate_json(api.get(PREDICTIONS).text).rows
    outcomes = {
        (s, ts): o
        for s, ts, o in lake_of(api).rows(
            "SELECT symbol, ts, outcome FROM gold.outcomes WHERE forecast = ?", [HOURLY.name]
        )
    }
    assert any(row.outcome is not None for row in rows)
    for row in rows:
        assert row.outcome == outcomes.get((row.symbol, row.ts))


def test_a_history_keeps_to_its_range_and_symbol(api: TestClient) -> None:
    start, end = "2026-08-28T00:00:00Z", "2026-08-29T02:00:00%2B02:00"
    rows = api.get(f"{PREDICTIONS}&symbol=NVDA&start={start}&end={end}").json()["rows"]
    assert {row["symbol"] for row in rows} == {"NVDA"}
    assert [row["ts"][:10] for row in rows] == ["2026-08-28"] * 7


def test_only_the_last_bars_of_sessions_span_a_night(api: TestClient) -> None:
    for path, model in list(MODELS.items())[:2]:
        rows = model.model_validate_json(api.get(path).text).rows
        for row in rows:
            last = row.closes_at.hour == 20
            assert row.spans_night is last
            assert (row.timestamp_next.date() > row.closes_at.date()) is last
        assert {row.spans_night for row in rows} == {True, False}


def test_json_csv_and_arrow_hold_the_same_rows(api: TestClient) -> None:
    body = PastPredictions.model_validate_json(api.get(f"{PREDICTIONS}&limit=9").text)
    arrow = api.get(f"{PREDICTIONS}&limit=9", headers={"Accept": ARROW})
    rows = pa.ipc.open_stream(arrow.content).read_all()
    assert orjson.loads(rows.schema.metadata[b"bullion.sample"]) is True
    text = api.get(f"{PREDICTIONS}&limit=9", headers={"Accept": f"text/html, {CSV};q=0.9"})
    for notices in (rows.schema.metadata[b"bullion.notices"], text.headers["x-bullion-notices"]):
        assert orjson.loads(notices) == body.notices
    assert "unproven" in body.notices[1]
    assert orjson.loads(text.headers["x-bullion-sample"]) is True
    table = pyarrow.csv.read_csv(io.BytesIO(text.content))
    assert arrow.headers["x-next-cursor"] == text.headers["x-next-cursor"] == body.next
    for name in (
        "symbol",
        "ts",
        "action",
        "confidence",
        "outcome",
        "proven",
        "source",
        "spans_night",
    ):
        expected = [getattr(row, name) for row in body.rows]
        assert rows[name].to_pylist() == expected
        assert table[name].to_pylist() == expected
    for row, column in zip(body.rows, table["probabilities"].to_pylist(), strict=True):
        assert orjson.loads(column) == row.probabilities


def test_a_format_that_is_not_available_is_refused(api: TestClient) -> None:
    answer = api.get(PREDICTIONS, headers={"Accept": "application/xml"})
    assert answer.status_code == 406
    assert ARROW in problem(answer).hint


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("start=2026-08-28", 422),
        ("start=2026-08-28T00:00:00", 422),
        ("start=2026-08-28T00:00:00Z&end=2026-08-27T00:00:00Z", 422),
        ("start=1900-01-01T00:00:00Z&end=2026-01-01T00:00:00Z", 413),
        ("start=0001-01-01T00:00:00%2B14:00", 422),
        ("limit=0", 422),
        ("limit=10001", 422),
        ("symbols=NVDA", 422),
        ("symbol=NV%00DA", 422),
    ],
)
def test_a_wrong_query_is_refused_with_a_hint(api: TestClient, query: str, status: int) -> None:
    answer = api.get(f"/predictions/history?{query}")
    assert answer.status_code == status
    assert problem(answer).hint


PLACES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.integers(),
        st.booleans(),
        st.none(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["2026-08-28T00:00:00+00:00", "0001-01-01T00:00:00+14:00", "NVDA", "'--"]),
    ),
    max_size=6,
)
CURSORS_OF_TEXT = PLACES.map(lambda values: base64.urlsafe_b64encode(str(values).encode()).decode())
CURSORS_OF_JSON = st.builds(
    lambda values: base64.urlsafe_b64encode(orjson.dumps(values)).decode(),
    st.lists(
        st.sampled_from(["2026-08-28T00:00:00Z", "' OR 1=1 --", True, 3, 2**63, None]), max_size=5
    ),
)


@settings(max_examples=60)
@given(cursor=st.one_of(st.text(max_size=60), CURSORS_OF_TEXT, CURSORS_OF_JSON))
def test_an_invented_cursor_reads_no_other_rows(api: TestClient, cursor: str) -> None:
    params = {"cursor": cursor, "symbol": "NVDA", "live": "false"}
    answer = api.get("/predictions/history", params=params)
    if (
        answer.status_code == 200
    ):  # a valid cursor by chance: it reads only the rows that were asked for
        assert {row["symbol"] for row in answer.json()["rows"]} <= {"NVDA"}
    else:
        assert answer.status_code == 422
        problem(answer)


@pytest.mark.parametrize("text", ["NVDA' OR '1'='1", "%", "*", "NVDA'; DROP TABLE gold.runs; --"])
def test_sql_in_a_parameter_reads_nothing(api: TestClient, text: str) -> None:
    assert api.get(PREDICTIONS, params={"symbol": text}).json()["rows"] == []
    assert api.get("/signals/history", params={"universe": text}).status_code == 422


def test_challengers_are_listed_where_they_are_asked_for(
    api: TestClient, challenger_api: TestClient
) -> None:
    assert {row["role"] for row in api.get(PREDICTIONS).json()["rows"]} == {"champion"}
    rows = {
        role: challenger_api.get(f"{PREDICTIONS}&role={role}").json()["rows"]
        for role in ("champion", "challenger", "all")
    }
    assert rows["champion"] == challenger_api.get(PREDICTIONS).json()["rows"]
    for role in ("champion", "challenger"):
        assert {row["role"] for row in rows[role]} == {role}
        assert [row for row in rows["all"] if row["role"] == role] == rows[role]
    assert len(rows["all"]) == len(rows["champion"]) + len(rows["challenger"])
    pages, cursor = [], ""
    while cursor is not None:
        address = f"{PREDICTIONS}&role=all&limit=97{cursor and '&cursor=' + cursor}"
        page = challenger_api.get(address).json()
        pages += page["rows"]
        cursor = page["next"]
    assert pages == rows["all"]
    assert problem(challenger_api.get(f"{PREDICTIONS}&role=king")).field == "role"


PATH = f"/forecasts/{DAILY.name}"

VALUE, RISK = DAILY.target_names

HISTORY = f"{PATH}/history?live=false"


def test_history_has_a_row_for_each_bar_and_target(api: TestClient) -> None:
    all_rows = PastPredictions.model_validate_json(api.get(HISTORY).text).rows
    assert {row.target for row in all_rows} == {VALUE, RISK}
    for name in (VALUE, RISK):
        rows = PastPredictions.model_validate_json(api.get(f"{HISTORY}&target={name}").text).rows
        assert rows == [row for row in all_rows if row.target == name]
        assert len(rows) == len(all_rows) / 2 > 20
        for row in rows:
            assert (row.value is None) == (row.action is not None) == (name == RISK)
            assert (row.probabilities is None) == (name == VALUE)
            assert (row.actual is not None) == (name == RISK and row.outcome is not None)
        assert any(row.outcome is not None for row in rows)
    answer = api.get(f"{HISTORY}&target=riks")
    assert (answer.status_code, problem(answer).field) == (422, "target")
    assert "did you mean risk" in problem(answer).hint
    assert api.get(f"/predictions/history?target={VALUE}").status_code == 422


def test_pages_give_every_row_of_both_targets_once(api: TestClient) -> None:
    whole = api.get(HISTORY).json()["rows"]
    rows, cursor = [], ""
    while cursor is not None:
        page = api.get(f"{HISTORY}&limit=7{cursor and '&cursor=' + cursor}").json()
        rows += page["rows"]
        cursor = page["next"]
    assert rows == whole


def test_history_is_the_same_in_all_formats(api: TestClient) -> None:
    rows = PastPredictions.model_validate_json(api.get(f"{HISTORY}&limit=9").text).rows
    arrow = api.get(f"{HISTORY}&limit=9", headers={"Accept": ARROW})
    table = pa.ipc.open_stream(arrow.content).read_all()
    text = api.get(f"{HISTORY}&limit=9", headers={"Accept": CSV})
    strings = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    lines = pyarrow.csv.read_csv(io.BytesIO(text.content), convert_options=strings)
    for name in ("target", "action", "value", "value_low", "value_high", "confidence", "actual"):
        expected = [getattr(row, name) for row in rows]
        assert table[name].to_pylist() == expected
        assert lines[name].to_pylist() == expected


def test_decisions_can_be_listed_for_one_target(api: TestClient) -> None:
    for name in DAILY.target_names:
        decisions = Decisions.model_validate_json(api.get(f"{PATH}/decisions?target={name}").text)
        assert [row.target for row in decisions.rows] == [name]
