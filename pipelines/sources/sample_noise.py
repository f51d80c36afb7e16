"""The sample market without any predictability: a model of it must show no skill."""

from __future__ import annotations

from pipelines.sources.sample import SampleNoise

__all__ = ["SampleNoise"]
