"""Weights as they were known at a bar, and what is combined of who has one."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.calendar import UTC_TYPE, utc
from pipelines.core.universes import universe
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.scoring.signals import Weights, combined

QQQ = universe("qqq").symbols
CLOSES = utc("2026-09-01T15:30+00:00")


def weights(*rows: tuple[str, float, str, str], partial: bool = False) -> Weights:
    made = [
        {
            "symbol": symbol,
            "weight": weight,
            "effective": date.fromisoformat(effective),
            "known_at": utc(known),
            "partial": partial,
        }
        for symbol, weight, effective, known in rows
    ]
    schema = pa.schema(
        [
            ("symbol", pa.string()),
            ("weight", pa.float64()),
            ("effective", pa.date32()),
            ("known_at", UTC_TYPE),
            ("partial", pa.bool_()),
        ]
    )
    return Weights("QQQ", pa.Table.from_pylist(made, schema=schema))


def said(actions: dict[str, str], **more: object) -> pa.Table:
    about = {
        "ts": datetime(2026, 9, 1, 14, 30, tzinfo=UTC),
        "closes_at": CLOSES,
        "timestamp_next": utc("2026-09-01T16:30+00:00"),
        "session": date(2026, 9, 1),
        "model_version": 3,
        "proven": True,
        "unproven_reason": None,
        "instead_of": None,
    }
    rows = [about | {"symbol": s, "action": action} | more for s, action in actions.items()]
    made = pa.Table.from_pylist(rows)
    return made.set_column(6, "unproven_reason", made["unproven_reason"].cast(pa.string()))


@pytest.mark.parametrize(
    ("closes", "session", "expected"),
    [
        ("2026-08-31T20:00", "2026-08-31", 0.1),
        ("2026-09-01T15:30", "2026-09-01", 0.2),  # effective that day, and known
        ("2026-09-02T15:30", "2026-09-02", 0.2),  # the next is effective, and not known yet
        ("2026-09-02T16:00", "2026-09-02", 0.3),
        ("2026-07-31T16:00", "2026-07-31", None),
    ],
)
def test_a_bar_has_the_newest_weights_that_apply_and_were_known(
    closes: str, session: str, expected: float | None
) -> None:
    known = weights(
        ("AAPL", 0.1, "2026-08-03", "2026-08-03"),
        ("AAPL", 0.2, "2026-09-01", "2026-08-30"),
        ("AAPL", 0.3, "2026-09-02", "2026-09-02T16:00+00:00"),
    )
    found = known.at(np.datetime64(closes, "us"), np.datetime64(session))
    assert (found and found.weights["AAPL"]) == expected


def test_one_set_of_weights_is_never_mended_with_another() -> None:
    known = weights(
        ("AAPL", 0.1, "2026-08-03", "2026-08-03"),
        ("MSFT", 0.1, "2026-08-03", "2026-08-03"),
        ("AAPL", 0.2, "2026-09-01", "2026-08-30"),
    )
    found = known.at(np.datetime64("2026-09-01T15:30", "us"), np.datetime64("2026-09-01"))
    assert found is not None
    assert found.weights == {"AAPL": 0.2}


def test_members_without_a_weight_are_left_out_and_told() -> None:
    known = weights(*((s, 0.1, "2026-08-03", "2026-08-03") for s in QQQ[:4]))
    made = combined(
        (ComponentWeighted("qqq"),), said(dict.fromkeys(QQQ[2:6], "buy")), {"QQQ": known}
    )
    assert made.unweighed == {"qqq": set(QQQ[4:])}
    signal = made.signals.to_pylist()[0]
    assert (signal["coverage"], signal["wss"], signal["weights_partial"]) == (0.5, 0.5, True)
    assert signal["index_share"] == pytest.approx(0.4)
    parts = made.contributions.to_pylist()
    assert {p["symbol"]: p["action"] for p in parts} == {
        QQQ[0]: None, QQQ[1]: None, QQQ[2]: "buy", QQQ[3]: "buy",
    }  # fmt: skip


def test_where_models_differ_the_least_proven_speaks_for_the_bar() -> None:
    known = weights(*((s, 0.1, "2026-08-03", "2026-08-03") for s in QQQ))
    one = said(dict.fromkeys(QQQ[:5], "buy"))
    other = said(
        dict.fromkeys(QQQ[5:], "buy"), model_version=2, proven=False, unproven_reason="no skill"
    )
    made = combined((ComponentWeighted("qqq"),), pa.concat_tables([one, other]), {"QQQ": known})
    signal = made.signals.to_pylist()[0]
    assert (signal["model_version"], signal["proven"]) == (2, False)
    assert signal["unproven_reason"] == "no skill"


def test_no_weights_or_no_member_scored_makes_no_signal_and_says_why() -> None:
    rows = said({QQQ[0]: "buy"})
    later = weights((QQQ[0], 0.1, "2026-08-03", "2026-09-02"))
    other = weights((QQQ[1], 0.1, "2026-08-03", "2026-08-03"))
    for known, why in ((later, "only after"), (other, "was scored"), (weights(), "are not known")):
        made = combined((ComponentWeighted("qqq"),), rows, {"QQQ": known})
        assert made.signals.num_rows == made.contributions.num_rows == 0
        assert why in next(iter(made.no_signal["qqq"]))
