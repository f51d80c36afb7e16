"""The weights of a universe: those of its index in silver, or 1 of a symbol by itself."""

from __future__ import annotations

from pipelines.core.calendar import utc
from pipelines.core.universes import universe
from pipelines.lake import Lake
from pipelines.lake.index_weights import read_weights
from pipelines.sources.sample import Sample
from pipelines.steps import ingest_weights


def test_a_part_of_an_index_has_the_weights_of_the_whole(lake: Lake) -> None:
    ingest_weights(lake, Sample(), "qqq", as_of=utc("2026-09-01"))
    with lake.view() as view:
        rows = read_weights(view, "sample", universe("qqq"))
        assert rows.equals(read_weights(view, "sample", universe("nasdaq100")))
        assert read_weights(view, "files", universe("qqq")).num_rows == 0
    assert set(universe("nasdaq100").symbols) >= set(rows["symbol"].to_pylist())


def test_a_symbol_by_itself_weighs_one_whatever_sources_have(lake: Lake) -> None:
    with lake.view() as view:
        (row,) = read_weights(view, "sample", universe("nvda")).to_pylist()
    assert (row["symbol"], row["weight"], row["partial"]) == ("NVDA", 1.0, False)
