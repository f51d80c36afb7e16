"""Signals are combined by the weights that were known at each bar."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from pipelines.core.calendar import utc
from pipelines.core.universes import universe
from pipelines.forecasts import AAPL_DAILY, NVDA_5M
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.labels.action import ACTIONS, SCORES
from pipelines.scoring.signals import combine_actions, combine_predictions
from pipelines.scoring.weights import Weights, weigh_alone
from tests.scoring.index_weights import index_weights

QQQ = universe("qqq").symbols
CLOSES = utc("2026-09-01T15:30+00:00")


def prediction_rows(actions: dict[str, str], **changes: object) -> pa.Table:
    constants = {
        "ts": datetime(2026, 9, 1, 14, 30, tzinfo=UTC),
        "closes_at": CLOSES,
        "timestamp_next": utc("2026-09-01T16:30+00:00"),
        "session": date(2026, 9, 1),
        "model_version": 3,
        "proven": True,
        "unproven_reason": None,
        "instead_of": None,
    }
    expected = {action: score / 4 for action, score in zip(ACTIONS, SCORES, strict=True)}
    rows = [
        constants | {"symbol": s, "action": action, "expected_score": expected[action]} | changes
        for s, action in actions.items()
    ]
    combined = pa.Table.from_pylist(rows)
    return combined.set_column(6, "unproven_reason", combined["unproven_reason"].cast(pa.string()))


def test_members_without_a_weight_are_left_out_and_reported() -> None:
    known = index_weights(*((s, 0.1, "2026-08-03", "2026-08-03") for s in QQQ[:4]))
    combined = combine_actions(
        (ComponentWeighted("qqq"),), prediction_rows(dict.fromkeys(QQQ[2:6], "buy")), {"QQQ": known}
    )
    assert combined.unweighed == {"qqq": set(QQQ[4:])}
    signal = combined.signals.to_pylist()[0]
    assert (signal["coverage"], signal["wss"], signal["weights_partial"]) == (0.5, 0.5, True)
    assert signal["expected_wss"] == 0.125, "a quarter of each score"
    assert signal["index_share"] == pytest.approx(0.4)
    parts = combined.contributions.to_pylist()
    assert {p["symbol"]: p["action"] for p in parts} == {
        QQQ[0]: None, QQQ[1]: None, QQQ[2]: "buy", QQQ[3]: "buy",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("effective", "words"),
    [
        ("2026-06-01", "; weights of QQQ are of 2026-06-01, 92 days old"),
        ("2026-05-31", "; weights of QQQ are of 2026-05-31, 93 days old"),
    ],
)
def test_weights_older_than_a_quarter_are_warned_of_in_the_reason(
    effective: str, words: str
) -> None:
    known = index_weights(*((s, 0.1, effective, effective) for s in QQQ))
    combined = combine_actions(
        (ComponentWeighted("qqq"),), prediction_rows(dict.fromkeys(QQQ, "buy")), {"QQQ": known}
    )
    reason = combined.signals["reason"][0].as_py()
    assert reason.startswith("WSS +1.0000 is at least 0.5")
    assert (words in reason) is (effective == "2026-05-31")


def test_where_models_differ_the_bar_has_the_version_of_the_least_proven() -> None:
    known = index_weights(*((s, 0.1, "2026-08-03", "2026-08-03") for s in QQQ))
    proven = prediction_rows(dict.fromkeys(QQQ[:5], "buy"))
    unproven = prediction_rows(
        dict.fromkeys(QQQ[5:], "buy"), model_version=2, proven=False, unproven_reason="no skill"
    )
    combined = combine_actions(
        (ComponentWeighted("qqq"),), pa.concat_tables([proven, unproven]), {"QQQ": known}
    )
    signal = combined.signals.to_pylist()[0]
    assert (signal["model_version"], signal["proven"]) == (2, False)
    assert signal["unproven_reason"] == "no skill"


def test_no_weights_or_no_member_scored_makes_no_signal_and_says_why() -> None:
    rows = prediction_rows({QQQ[0]: "buy"})
    later = index_weights((QQQ[0], 0.1, "2026-08-03", "2026-09-02"))
    other = index_weights((QQQ[1], 0.1, "2026-08-03", "2026-08-03"))
    for known, reason in (
        (later, "only after"),
        (other, "was scored"),
        (index_weights(), "are not known"),
    ):
        combined = combine_actions((ComponentWeighted("qqq"),), rows, {"QQQ": known})
        assert combined.signals.num_rows == combined.contributions.num_rows == 0
        assert reason in next(iter(combined.no_signal["qqq"]))


@pytest.mark.parametrize(
    ("action", "signal"),
    [("strong_sell", "SELL"), ("sell", "SELL"), ("hold", "HOLD"), ("buy", "BUY")],
)
def test_a_symbol_that_is_forecast_alone_has_the_signal_of_its_action(
    action: str, signal: str
) -> None:
    known = Weights("NVDA", weigh_alone("NVDA"))
    combined = combine_predictions(
        NVDA_5M.target_forecast(), prediction_rows({"NVDA": action}), {"NVDA": known}
    )
    (row,) = combined.signals.to_pylist()
    assert (row["universe"], row["index"], row["instrument"]) == ("nvda", "NVDA", "NVDA")
    assert (row["signal"], row["wss"]) == (signal, SCORES[ACTIONS.index(action)])
    assert (row["coverage"], row["index_share"], row["weights_partial"]) == (1.0, 1.0, False)
    assert "days old" not in row["reason"]
    (part,) = combined.contributions.to_pylist()
    assert (part["symbol"], part["weight"], part["share"]) == ("NVDA", 1.0, 1.0)


@pytest.mark.parametrize(
    ("value", "action", "signal"),
    [(-0.004, "sell", "SELL"), (0, "hold", "HOLD"), (1e-6, "buy", "BUY")],
)
def test_a_value_makes_a_signal_by_its_sign(value: float, action: str, signal: str) -> None:
    rows = prediction_rows({"AAPL": "hold"}, value=float(value), expected_score=float(value))
    rows = rows.set_column(
        rows.schema.get_field_index("action"), "action", pa.nulls(1, pa.string())
    )
    known = {"AAPL": Weights("AAPL", weigh_alone("AAPL"))}
    combined = combine_predictions(AAPL_DAILY.target_forecast("return"), rows, known)
    (row,), (part,) = combined.signals.to_pylist(), combined.contributions.to_pylist()
    assert (row["signal"], row["expected_wss"]) == (signal, value)
    assert (part["action"], part["score"]) == (action, row["wss"])
