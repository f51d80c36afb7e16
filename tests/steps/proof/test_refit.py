"""A registered model is fitted again from its snapshot, to the same bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.intervals import interval_of
from pipelines.lake import Lake
from pipelines.modeling.candidates import Logistic
from pipelines.sources.sample import Sample
from pipelines.steps import ingest
from pipelines.steps.models.train import train
from pipelines.steps.proof.refit import ModelReference, parse_model, refit
from tests.steps.proof.proven_lake import HOURLY, MEMBERS, NIGHT
from tests.steps.served import fresh_registry

FIRST = utc("2026-09-14")
TARGET = HOURLY.target_forecast()
SMALL = TARGET.replace(
    candidates=(Logistic(),),
    challengers=(),
    baseline="",
    split=replace(TARGET.split, folds=0, stretches=0),
)


@pytest.mark.usefixtures("without_pictures")
def test_it_has_the_same_bytes_or_says_what_differs(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, Sample(), MEMBERS[:3], interval_of("1h"), FIRST, NIGHT, as_of=NIGHT)
    registry = fresh_registry(tmp_path / "mlflow")
    version = train(lake, registry, SMALL, "sample", as_of=NIGHT, seed=3).version
    reference = ModelReference(SMALL, version)
    result = refit(lake, registry, reference, "sample")
    assert result.difference is None
    lines = "\n".join(result.lineage.lines())
    assert "seed 3" in lines
    assert "trained with the same libraries" in lines
    with lake.write("tamper") as writer:
        writer.touch("gold.model_decisions")
        writer.run("UPDATE gold.model_decisions SET sha256 = 'other'")
    verdict = refit(lake, registry, reference, "sample").verdict
    assert "SHA-256 (all libraries are the same) was other, and is now" in verdict
    with pytest.raises(InvalidRequest, match="has no version 9 of nasdaq100"):
        refit(lake, registry, replace(reference, version=9), "sample")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nasdaq100_hourly@1", "names no model"),
        ("nasdaq100_hourly/action@x", "names no model"),
        ("nasdaq100_hourly/action", "names no model"),
        ("nasdaq100_hourly/risk@1", "unknown target"),
    ],
)
def test_slips_are_sentences(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse_model(text)
    assert parse_model("nasdaq100_hourly/action@3").version == 3
