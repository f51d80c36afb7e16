"""The sources, one module or package each. To add one: a file here, and a test.

A source has the name of its module. A module is imported only when its source is used, so that a
DAG file or a form that only lists the sources loads none of them.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from pipelines.core.discovery import module_names
from pipelines.core.errors import unknown

if TYPE_CHECKING:
    from pipelines.sources.base import Source

NO_SOURCES = ("news", "quota", "stories", "transport")  # what sources are made with
# The order in which they are listed: the default first. All others follow, sorted by name.
SOURCES = module_names(
    __path__, first=("sample", "sample_noise", "yahoo", "files"), excluded=NO_SOURCES
)

__all__ = ["SOURCES", "is_sample", "source", "source_class"]


def source_class(name: str) -> type[Source]:
    """Return the class of the source of that name: the class in its module that has this name."""
    if name not in SOURCES:
        raise unknown("source", name, SOURCES)
    module = import_module(f"{__name__}.{name}")
    for value in vars(module).values():
        if isinstance(value, type) and getattr(value, "name", None) == name:
            return value
    raise TypeError(f"{module.__name__} declares no class whose name is {name!r}")


@cache
def source(name: str) -> Source:
    """Return the source of that name; it is created once."""
    return source_class(name)()


def is_sample(name: str) -> bool:
    """Return whether a source's data are made up; for an unknown source False."""
    return name in SOURCES and source_class(name).is_sample
