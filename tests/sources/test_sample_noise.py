"""The noise twin is a source of its own, found by its name."""

from __future__ import annotations

from pipelines.core.calendar import utc
from pipelines.sources import is_sample, source
from pipelines.sources.sample import Sample, SampleNoise
from tests.sources.sample.requests import read_bars, request

SAMPLE = Sample()
WEEK = utc("2026-11-02"), utc("2026-11-07")


def test_another_seed_and_the_noise_twin_are_other_markets() -> None:
    week = request(("NVDA",), "1h", *WEEK)
    closes = {
        tuple(read_bars(source, week)["close"].to_pylist())
        for source in (SAMPLE, Sample(seed=8), SampleNoise())
    }
    assert len(closes) == 3
    assert SampleNoise.name == "sample_noise"
    assert next(SampleNoise().fetch(week)).source == "sample_noise"


def test_it_is_found_by_its_name_and_has_nothing_to_predict() -> None:
    noise = source("sample_noise")
    assert isinstance(noise, SampleNoise)
    assert is_sample("sample_noise")
    assert noise.market.rho == 0
    assert noise.symbols() == SAMPLE.symbols()
