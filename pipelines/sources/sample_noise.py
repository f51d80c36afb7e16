"""The sample market without anything to find: what a model of it shows must be nothing."""

from __future__ import annotations

from pipelines.sources.sample import SampleNoise

__all__ = ["SampleNoise"]
