"""The sources, one module or package each. To add one: a file here, and a test.

A source has the name of its module. Nothing is imported before it is asked for, so that whoever
only wants to know which sources there are (a DAG file, a form) pays nothing for it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from pipelines.core.discovery import module_names
from pipelines.core.errors import unknown

if TYPE_CHECKING:
    from pipelines.sources.base import Source

# The order in which they are offered: the default first. Any other follows by its name.
SOURCES = module_names(__path__, first=("sample", "sample_noise", "yahoo", "files"))

__all__ = ["SOURCES", "is_sample", "source", "source_class"]


def source_class(name: str) -> type[Source]:
    """Return the class of the source of that name: the one of its module that has this name."""
    if name not in SOURCES:
        raise unknown("source", name, SOURCES)
    module = import_module(f"{__name__}.{name}")
    for value in vars(module).values():
        if isinstance(value, type) and getattr(value, "name", None) == name:
            return value
    raise TypeError(f"{module.__name__} declares no class whose name is {name!r}")


@cache
def source(name: str) -> Source:
    """Return the source of that name, made once."""
    return source_class(name)()


def is_sample(name: str) -> bool:
    """Whether the data of the source of that name are made up. Of an unknown one they are not."""
    return name in SOURCES and source_class(name).is_sample
