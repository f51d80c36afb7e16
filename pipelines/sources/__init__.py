"""The sources, one module or package each. To add one: a file here, a line in SOURCES, a test."""

from __future__ import annotations

from functools import cache

from pipelines.core.errors import unknown
from pipelines.sources.base import Answer, Parsed, Request, Source
from pipelines.sources.files import Files
from pipelines.sources.sample import Sample, SampleNoise
from pipelines.sources.yahoo import Yahoo

SOURCES: tuple[type[Source], ...] = (Sample, SampleNoise, Yahoo, Files)

__all__ = ["SOURCES", "Answer", "Parsed", "Request", "Source", "is_sample", "source"]


@cache
def source(name: str) -> Source:
    """The source of that name, made once."""
    for kind in SOURCES:
        if kind.name == name:
            return kind()
    raise unknown("source", name, (kind.name for kind in SOURCES))


def is_sample(name: str) -> bool:
    """Whether the data of the source of that name are made up. Of an unknown one they are not."""
    return any(kind.is_sample for kind in SOURCES if kind.name == name)
