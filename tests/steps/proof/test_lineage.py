"""A lineage is a tree of sentences, and of many lines the newest are kept."""

from __future__ import annotations

from pipelines.steps.proof.lineage import MOST_LINES, Lineage


def test_of_many_lines_the_newest_are_kept() -> None:
    tree = Lineage("signal")
    tree.add("answers", [str(n) for n in range(MOST_LINES + 3)])
    tree.add("decision")
    lines = tree.lines()
    assert lines[:3] == ["signal", "  answers", "    3 more before these"]
    assert lines[3] == "    3"
    assert lines[-1] == "  decision"
    assert len(lines) == 3 + MOST_LINES + 1
