"""Which of a forecast's features a candidate reads: all of them, or those that a choice names.

`XGBoostClasses(inputs=without("news_*"), name="xgboost_market")` is fitted on all features but
those whose names begin with `news_`, and its model takes no others. Which rows candidates are
compared on does not depend on it: these have all features that any of the candidates reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pipelines.core.errors import InvalidRequest


@dataclass(frozen=True)
class FeatureChoice:
    """The features whose names match some pattern, or all others. `*` stands for any letters."""

    patterns: tuple[str, ...] = ()
    excludes: bool = True

    def select(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the chosen names in their order; a pattern that no name has is an error."""
        for pattern in self.patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise InvalidRequest(
                    f"no feature is named {pattern}", "name features of the forecast, such as rsi_*"
                )
        chosen = tuple(
            name
            for name in names
            if any(fnmatchcase(name, pattern) for pattern in self.patterns) is not self.excludes
        )
        if not chosen:
            raise InvalidRequest(f"{self} leaves no feature", "leave some to the candidate")
        return chosen

    def __str__(self) -> str:
        patterns = ", ".join(self.patterns)
        if not self.excludes:
            return patterns
        return f"all but {patterns}" if patterns else "all"


EVERY_FEATURE = FeatureChoice()


def without(*patterns: str) -> FeatureChoice:
    """Choose all features but those whose names match a pattern."""
    return FeatureChoice(patterns)


def only(*patterns: str) -> FeatureChoice:
    """Choose the features whose names match a pattern."""
    return FeatureChoice(patterns, excludes=False)


@dataclass(frozen=True)
class ChoosesFeatures:
    """A candidate that may read a part of the features: a base of frozen dataclasses."""

    inputs: FeatureChoice = field(default=EVERY_FEATURE, kw_only=True)


def choice_of(candidate: object) -> FeatureChoice:
    """The choice of a candidate; one that does not choose reads every feature."""
    choice = getattr(candidate, "inputs", EVERY_FEATURE)
    assert isinstance(choice, FeatureChoice)
    return choice


def select_places(candidate: object, names: Sequence[str]) -> tuple[int, ...] | None:
    """Find the columns that a candidate reads among columns of these names.

    The last column is the symbol's code, which every candidate reads. None: it reads all columns.
    """
    choice = choice_of(candidate)
    if choice == EVERY_FEATURE:
        return None
    chosen = set(choice.select(names[:-1]))
    return (*(place for place, name in enumerate(names[:-1]) if name in chosen), len(names) - 1)
