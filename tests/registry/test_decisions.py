"""The model that serves a bar: the newest promoted before its close, by no later decision."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.calendar import utc
from pipelines.registry.decisions import (
    ModelDecision,
    ServingModel,
    champion_at,
    champion_before,
    model_of_version,
    serving_model_at,
)

AT = utc("2026-09-01T15:30+00:00")
HOUR = timedelta(hours=1)


def row(
    version: int, verdict: str = "promoted", hours: float = -1.0, reason: str = ""
) -> ModelDecision:
    proven = verdict in ("promoted", "kept")
    return ModelDecision(
        as_of=AT + hours * HOUR,
        model_version=version,
        verdict=verdict,
        proven=proven,
        reason=reason or f"{verdict} {version}",
        candidate="random_forest",
        definition="d",
        sha256="0",
        challengers={},
        run_id="",
        decided_at=AT,
    )


def version(decision: ModelDecision | None) -> int | None:
    return None if decision is None else decision.model_version


def test_without_an_earlier_training_no_model_serves() -> None:
    assert serving_model_at((), AT) is None
    assert serving_model_at((row(1, hours=0),), AT) is None, (
        "decided on at the close is not before it"
    )
    assert serving_model_at((row(1, "withdrawn"),), AT) is None


def test_the_newest_promoted_before_serves() -> None:
    rows = (row(1, hours=-3), row(2, hours=-2), row(3, "kept"), row(4, "refused"), row(5, hours=1))
    serving = serving_model_at(rows, AT)
    assert serving is not None
    assert (serving.model_version, serving.proven, serving.unproven_reason) == (2, True, None)
    assert version(champion_before(rows, AT)) == 1


def test_a_version_is_found_by_its_newest_decision_that_is_no_withdrawal() -> None:
    rows = (row(1, "refused", -3, "no skill"), row(2, hours=-2), row(2, "withdrawn"))
    refused, withdrawn = model_of_version(rows, 1), model_of_version(rows, 2)
    assert refused is not None
    assert withdrawn is not None
    assert (refused.proven, refused.unproven_reason) == (False, "no skill")
    assert (withdrawn.model_version, withdrawn.proven) == (2, True)
    assert model_of_version(rows, 3) is None


def test_before_any_promotion_the_newest_trained_serves_unproven_with_its_reason() -> None:
    rows = (row(1, "refused", -3), row(2, "refused", -2, "no skill"), row(3, hours=1))
    serving = serving_model_at(rows, AT)
    assert serving is not None
    assert (serving.model_version, serving.proven, serving.unproven_reason) == (
        2,
        False,
        "no skill",
    )


def test_a_rollback_serves_the_former_and_a_withdrawal_alone_leaves_no_champion() -> None:
    rows = (row(1, hours=-4), row(2, hours=-3), row(2, "withdrawn", -2, "it lost its skill"))
    assert champion_at(rows, AT) is None
    serving = serving_model_at(rows, AT)
    assert serving is not None
    assert (serving.model_version, serving.unproven_reason) == (2, "it lost its skill")
    assert version(champion_at((*rows, row(1, hours=-2)), AT)) == 1
    assert version(champion_at(rows, AT - 2.5 * HOUR)) == 2, "it served until then"


def test_a_later_withdrawal_or_one_of_another_model_changes_nothing() -> None:
    assert version(champion_at((row(1, hours=-4), row(2), row(1, "withdrawn", -0.5)), AT)) == 2
    assert version(champion_at((row(1), row(1, "withdrawn", 0)), AT)) == 1
    again = (row(1, hours=-4), row(1, "withdrawn", -3), row(1, hours=-2))
    assert version(champion_at(again, AT)) == 1


def stand_in(rows: tuple[ModelDecision, ...], *lost: int) -> ServingModel | None:
    return serving_model_at(rows, AT, {(version, "0"): "its file is missing" for version in lost})


def test_where_a_model_is_lost_the_former_champion_serves_and_says_why() -> None:
    rows = (row(1, hours=-4), row(2, "kept", -3), row(3, hours=-2), row(4, hours=-1))
    serving = stand_in(rows, 4)
    assert serving is not None
    assert (serving.model_version, serving.proven, serving.unproven_reason) == (3, True, None)
    assert serving.instead_of == "version 4 cannot serve: its file is missing"
    further = stand_in(rows, 4, 3)
    assert further is not None
    assert (further.model_version, further.proven) == (1, True)
    unproven = stand_in(rows, 4, 3, 1)
    assert unproven is not None
    assert (unproven.model_version, unproven.proven) == (2, False)
    assert stand_in(rows, 1, 2, 3, 4) is None
    assert stand_in(rows, 1, 2, 3) == serving_model_at(rows, AT), "the one that serves is not lost"


def test_a_model_that_was_rolled_back_does_not_replace_a_lost_model() -> None:
    rows = (
        row(1, hours=-5), row(2, hours=-4), row(3, hours=-3),
        row(3, "withdrawn", -2), row(2, hours=-2), row(4, hours=1),
    )  # fmt: skip
    serving = stand_in(rows, 2)
    assert serving is not None
    assert (serving.model_version, serving.proven) == (1, True)


random_decisions = st.builds(
    row,
    st.integers(1, 4),
    st.sampled_from(["promoted", "kept", "refused", "withdrawn"]),
    st.integers(-5, 5).map(float),
)
histories = st.lists(random_decisions, max_size=12).map(
    lambda rows: sorted(rows, key=lambda r: r.as_of)
)


@given(histories, st.sets(st.integers(1, 4)))
def test_no_later_decision_changes_which_model_serves(
    rows: list[ModelDecision], lost: set[int]
) -> None:
    reasons = {(version, "0"): "lost" for version in lost}

    def all_of(known: list[ModelDecision], at: datetime) -> tuple[object, ...]:
        return (
            serving_model_at(known, at, reasons),
            champion_at(known, at),
            champion_before(known, at, reasons),
        )

    for hours in range(-6, 7):
        at = AT + hours * HOUR
        before = [r for r in rows if r.as_of < at]
        assert all_of(rows, at) == all_of(before, at)
        serving = serving_model_at(rows, at, reasons)
        if serving is not None:
            assert serving.decision.as_of < at
            assert serving.model_version not in lost


@given(histories)
def test_a_model_serves_as_soon_as_one_was_trained(rows: list[ModelDecision]) -> None:
    trained = any(r.as_of < AT and r.verdict != "withdrawn" for r in rows)
    serving = serving_model_at(rows, AT)
    assert (serving is not None) == trained
    if serving is not None:
        assert serving.proven == (serving.unproven_reason is None)
