"""What two undisturbed runs agree on is what a disturbed one is compared with."""

from __future__ import annotations

from pathlib import Path

from tests.faults.injected import count_calls
from tests.faults.world import differences, what_agrees


def test_columns_that_two_undisturbed_runs_do_not_share_are_not_compared() -> None:
    one = {"silver.bars.close": [("A", 1.0)], "silver.bars.batch": [("A", 3)]}
    other = {"silver.bars.close": [("A", 1.0)], "silver.bars.batch": [("A", 4)]}
    expected = what_agrees(one, other)
    assert expected == {"silver.bars.close": [("A", 1.0)]}
    assert differences(other, expected) == []
    assert differences({}, expected) == ["silver.bars.close"]
    assert differences({"silver.bars.close": [("A", 2.0)]}, expected) == ["silver.bars.close"]


def test_a_call_that_was_interrupted_is_one_call(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("1 fsync(3 <unfinished ...>\n2 fsync(4) = 0\n1 <... fsync resumed>) = 0\n")
    assert count_calls(log) == 2
