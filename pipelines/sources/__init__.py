"""The sources, one module or package each. To add one: a file here, and a test.

A source has the name of its module. A module is imported only when its source is used, so that a
DAG file or a form that only lists the sources loads none of them.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from pipelines.core.discovery import module_names
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.settings import settings

if TYPE_CHECKING:
    from pipelines.sources.base import Source
    from pipelines.sources.news import NewsSource

NO_SOURCES = ("news", "quota", "stories", "transport")  # what sources are made with
# The order in which they are listed: the default first. All others follow, sorted by name.
SOURCES = module_names(
    __path__, first=("sample", "sample_noise", "yahoo", "files"), excluded=NO_SOURCES
)
DATASETS = ("bars", "weights", "news")

__all__ = [
    "DATASETS", "SOURCES", "bar_source", "is_sample", "news_source", "news_sources", "source",
    "source_class", "source_with", "sources_of",
]  # fmt: skip


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


def news_sources() -> tuple[str, ...]:
    """Return the sources of news that the settings name, or the one that belongs to the bars."""
    config = settings()
    names = tuple(name.strip() for name in config.news_sources.split(",") if name.strip())
    own = news_source(config.source)
    return names or ((own,) if own else ())


def news_source(name: str) -> str:
    """Return the source whose news belong to the bars of a source; empty where none do.

    A source that has both has its own. Another declares whose news are joined with its bars.
    """
    if name in sources_of("news"):
        return name
    return getattr(source_class(name), "news_source", "") if name in SOURCES else ""


@cache
def sources_of(dataset: str) -> tuple[str, ...]:
    """Return the names of the sources that have a dataset, in their order. None is imported."""
    if dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    return tuple(name for name in SOURCES if dataset in _declared_datasets(f"{__name__}.{name}"))


@overload
def source_with(name: str, dataset: Literal["bars", "weights"]) -> Source: ...
@overload
def source_with(name: str, dataset: Literal["news"]) -> NewsSource: ...
def source_with(name: str, dataset: str) -> Source | NewsSource:
    """Return the source of that name, which must have the dataset."""
    if name in SOURCES and name not in sources_of(dataset):
        datasets = _declared_datasets(f"{__name__}.{name}")
        raise InvalidRequest(
            f"{name} has no {dataset}, but {' and '.join(datasets)}",
            f"name a source of {dataset}: {', '.join(sources_of(dataset))}",
        )
    with_dataset: Source | NewsSource = source(name)
    return with_dataset


def bar_source(name: str) -> Source:
    """Return the source of that name, which must have bars."""
    return source_with(name, "bars")


def _declared_datasets(module: str) -> tuple[str, ...]:
    """Return the `datasets` of the class in a module's text, or in a source that it imports."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text())
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.AnnAssign)
            and ast.unparse(node.target) == "datasets"
            and node.value
        ):
            return tuple(ast.literal_eval(node.value))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{__name__}."):
            return _declared_datasets(node.module or "")
    raise TypeError(f"{module} declares no datasets: the class of a source says what it offers")
