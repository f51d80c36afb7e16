"""A published row is named by what it is of, and by the open of its bar."""

from __future__ import annotations

import pytest

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.proof.published import Kind, parse_reference, read_published
from tests.steps.proof.proven_lake import LATE_MEMBER, MEMBERS


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("signal", "qqq@2026-11-20T15:31Z", "sample has no signal qqq@2026-11-20T15:31Z"),
        ("signal", "nonesuch", "unknown universe 'nonesuch'"),
        ("signal", "qqq/x", "names no signal"),
        ("prediction", "AAPL", "names no prediction"),
        ("prediction", "nasdaq100_hourly/risk/AAPL", "unknown target"),
        ("outcome", "nasdaq100_hourly/action/AAPL@yesterday", "is not a time"),
    ],
)
def test_slips_are_sentences(
    proven: tuple[Lake, Registry], kind: Kind, text: str, message: str
) -> None:
    with proven[0].view() as view, pytest.raises(InvalidRequest, match=message):
        read_published(view, parse_reference(kind, text), "sample")


def test_times_may_have_any_zone() -> None:
    reference = parse_reference("signal", "qqq@2026-11-20T16:30+01:00")
    assert reference.ts == utc("2026-11-20T15:30+00:00")
    assert str(reference) == "signal qqq@2026-11-20T15:30Z"


def test_a_live_signal_is_of_the_rows_that_stood_then(proven: tuple[Lake, Registry]) -> None:
    with proven[0].view() as view:
        signal = read_published(view, parse_reference("signal", "qqq"), "sample")
        late = read_published(
            view, parse_reference("prediction", f"nasdaq100_hourly/action/{LATE_MEMBER}"), "sample"
        )
    assert (signal.live, late.live) == (True, True)
    assert signal.ts == late.ts
    assert late.batch > signal.batch
    assert set(signal.predictions["symbol"].to_pylist()) == {*MEMBERS} - {LATE_MEMBER}
    assert [batch for batch, _ in signal.scorings] == [signal.batch]
    assert signal.name.startswith("signal of qqq by nasdaq100_hourly on sample, the bar of 2026")
