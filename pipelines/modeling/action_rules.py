"""Rules that make an action of the probabilities of the classes.

A rule is part of a target's declaration. What it learned is part of the model: its thresholds stand
in the ONNX file, whose graph applies them, so that whatever serves the file publishes what the
gates judged. No training library is needed here; the graph is built with `onnx` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from pipelines.core.errors import InvalidRequest, unknown

if TYPE_CHECKING:
    from onnx import NodeProto


class ActionRule(Protocol):
    """How one of the classes is chosen for each row."""

    @property
    def name(self) -> str: ...

    @property
    def grid(self) -> tuple[tuple[float, ...], ...]:
        """Thresholds that a backtest may try, the declared ones first; none if it learns them."""
        ...

    def check(self, scores: Sequence[float]) -> None:
        """Refuse classes that the rule cannot choose from."""
        ...

    def learn(
        self, probabilities: np.ndarray, scores: Sequence[float], shares: Sequence[float]
    ) -> tuple[float, ...]:
        """Learn thresholds from the probabilities of rows that no fit has seen.

        `shares` are those of the classes among training rows. No outcome is looked at.
        """
        ...

    def count_thresholds(self, classes: int) -> int:
        """How many thresholds the rule has."""
        ...

    def choose(
        self,
        probabilities: np.ndarray,
        scores: Sequence[float],
        shares: Sequence[float],
        thresholds: Sequence[float],
    ) -> np.ndarray:
        """The place of each row's action in the classes."""
        ...

    def build_nodes(
        self, scores: Sequence[float], thresholds: Sequence[float]
    ) -> tuple[dict[str, np.ndarray], list[NodeProto]]:
        """Constants and nodes that make `action` of `probabilities` and `balanced`."""
        ...

    def explain(
        self,
        probabilities: np.ndarray,
        actions: np.ndarray,
        classes: Sequence[str],
        scores: Sequence[float],
        shares: Sequence[float],
        thresholds: Sequence[float],
    ) -> list[str]:
        """Say in a sentence for each row why it has its action."""
        ...


class _AnyClasses:
    """Base of rules that choose from any classes, and leave nothing for a backtest to tune."""

    @property
    def grid(self) -> tuple[tuple[float, ...], ...]:
        return ()

    def check(self, scores: Sequence[float]) -> None: ...


@dataclass(frozen=True)
class ByExpectedScore(_AnyClasses):
    """Cut the expected score, so that each action is published as often as its class occurs.

    The thresholds are quantiles of the expected score, at the cumulated shares of the classes.
    They lie halfway between two scores that the model gives; where it gives one score alone,
    nothing is beyond it, and every row gets the class in the middle of the shares.
    """

    name: str = "by_expected_score"

    def learn(
        self, probabilities: np.ndarray, scores: Sequence[float], shares: Sequence[float]
    ) -> tuple[float, ...]:
        values, counts = np.unique(
            expected_scores(probabilities, scores).astype(np.float32), return_counts=True
        )
        levels = values.astype(np.float64)
        gaps = (levels[1:] + levels[:-1]) / 2
        cuts = np.concatenate([[min(scores) - 1.0], gaps, [max(scores) + 1.0]])
        below = np.concatenate([[0], np.cumsum(counts)]) / max(1, counts.sum())
        targets = np.cumsum(shares)[:-1]
        nearest = np.abs(below[None, :] - targets[:, None]).argmin(axis=1)
        return tuple(cuts[nearest].astype(np.float32).astype(np.float64).tolist())

    def count_thresholds(self, classes: int) -> int:
        return classes - 1

    def choose(
        self,
        probabilities: np.ndarray,
        scores: Sequence[float],
        shares: Sequence[float],
        thresholds: Sequence[float],
    ) -> np.ndarray:
        expected = expected_scores(probabilities, scores)
        return np.searchsorted(np.asarray(thresholds), expected, side="right").astype(np.int64)

    def build_nodes(
        self, scores: Sequence[float], thresholds: Sequence[float]
    ) -> tuple[dict[str, np.ndarray], list[NodeProto]]:
        from onnx import TensorProto, helper

        constants: dict[str, np.ndarray] = {
            "scores": np.array(scores, np.float32)[:, None],
            "score_thresholds": np.array(thresholds, np.float32)[None, :],
            "class_axis": np.array([1], np.int64),
        }
        return constants, [
            helper.make_node("MatMul", ["probabilities", "scores"], ["expected_score"]),
            helper.make_node("GreaterOrEqual", ["expected_score", "score_thresholds"], ["passed"]),
            helper.make_node("Cast", ["passed"], ["passed_counts"], to=TensorProto.INT64),
            helper.make_node("ReduceSum", ["passed_counts", "class_axis"], ["action"], keepdims=0),
        ]

    def explain(
        self,
        probabilities: np.ndarray,
        actions: np.ndarray,
        classes: Sequence[str],
        scores: Sequence[float],
        shares: Sequence[float],
        thresholds: Sequence[float],
    ) -> list[str]:
        places = [_describe_place(shares, place) for place in range(len(shares))]
        expected = expected_scores(probabilities, scores).tolist()
        return [
            f"expected score {score:+.2f}, {places[action]}"
            for score, action in zip(expected, actions.tolist(), strict=True)
        ]


def _describe_place(shares: Sequence[float], place: int) -> str:
    """Describe which of a model's expected scores are cut to the class at a place."""
    below, above = sum(shares[:place]), sum(shares[place + 1 :])
    if below + 1e-9 < above:
        inside = f"among the lowest {_percent(1 - above)} that this model gives"
        return inside + (f", above the lowest {_percent(below)}" if below else "")
    if above + 1e-9 < below:
        inside = f"among the highest {_percent(1 - below)} that this model gives"
        return inside + (f", below the highest {_percent(above)}" if above else "")
    return f"between the lowest {_percent(below)} and the highest {_percent(above)} of this model"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


class _Highest(_AnyClasses, ABC):
    """Base of rules that take the class with the highest of some numbers, and learn nothing."""

    tensor: ClassVar[str]  # the graph's name of these numbers, or of others in the same order

    @abstractmethod
    def weigh(self, probabilities: np.ndarray, shares: Sequence[float]) -> np.ndarray:
        """The numbers of each row, a column a class."""

    @abstractmethod
    def describe(self, action: str, probability: float, share: float) -> str:
        """Say why a row has this action."""

    def learn(
        self, probabilities: np.ndarray, scores: Sequence[float], shares: Sequence[float]
    ) -> tuple[float, ...]:
        return ()

    def count_thresholds(self, classes: int) -> int:
        return 0

    def choose(
        self,
        probabilities: np.ndarray,
        scores: Sequence[float],
        shares: Sequence[float],
        thresholds: Sequence[float],
    ) -> np.ndarray:
        places: np.ndarray = self.weigh(probabilities, shares).argmax(axis=1)
        return places

    def build_nodes(
        self, scores: Sequence[float], thresholds: Sequence[float]
    ) -> tuple[dict[str, np.ndarray], list[NodeProto]]:
        from onnx import helper

        return {}, [helper.make_node("ArgMax", [self.tensor], ["action"], axis=1, keepdims=0)]

    def explain(
        self,
        probabilities: np.ndarray,
        actions: np.ndarray,
        classes: Sequence[str],
        scores: Sequence[float],
        shares: Sequence[float],
        thresholds: Sequence[float],
    ) -> list[str]:
        of_actions = probabilities[np.arange(len(actions)), actions].tolist()
        return [
            self.describe(classes[action], probability, shares[action])
            for action, probability in zip(actions.tolist(), of_actions, strict=True)
        ]


@dataclass(frozen=True)
class AboveShare(_Highest):
    """The class whose probability stands highest above its share among training rows."""

    tensor = "balanced"
    name: str = "above_share"

    def weigh(self, probabilities: np.ndarray, shares: Sequence[float]) -> np.ndarray:
        ratios: np.ndarray = probabilities / np.asarray(shares)
        return ratios

    def describe(self, action: str, probability: float, share: float) -> str:
        return (
            f"{action} has a probability of {probability:.0%} beside its share of {share:.0%},"
            " and stands highest above it"
        )


@dataclass(frozen=True)
class Likeliest(_Highest):
    """The class with the highest probability."""

    tensor = "probabilities"
    name: str = "likeliest"

    def weigh(self, probabilities: np.ndarray, shares: Sequence[float]) -> np.ndarray:
        return probabilities

    def describe(self, action: str, probability: float, share: float) -> str:
        return f"{action} is the likeliest, with a probability of {probability:.0%}"


CONFIDENCES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)  # that a backtest tries


@dataclass(frozen=True)
class LikeliestIfConfident:
    """The likeliest class where it is at least so probable, else the class whose score is 0.

    The threshold is declared, and not learned: it stands in the model's file as the only one of
    its score_thresholds. Where classes are many few rows reach it, and the others hold.
    """

    least: float = 0.6
    name: ClassVar[str] = "likeliest_if_confident"

    def __post_init__(self) -> None:
        if not 0 < self.least <= 1:
            raise InvalidRequest(
                f"it acts from a probability of {self.least:g} on", "name one above 0, at most 1"
            )

    @property
    def grid(self) -> tuple[tuple[float, ...], ...]:
        others = (least for least in CONFIDENCES if least != self.least)
        return tuple((least,) for least in (self.least, *others))

    def check(self, scores: Sequence[float]) -> None:
        _neutral_place(scores)

    def learn(
        self, probabilities: np.ndarray, scores: Sequence[float], shares: Sequence[float]
    ) -> tuple[float, ...]:
        return (self.least,)

    def count_thresholds(self, classes: int) -> int:
        return 1

    def choose(
        self,
        probabilities: np.ndarray,
        scores: Sequence[float],
        shares: Sequence[float],
        thresholds: Sequence[float],
    ) -> np.ndarray:
        (least,) = thresholds
        is_confident = _at_least(probabilities.max(axis=1), least)
        return np.where(is_confident, probabilities.argmax(axis=1), _neutral_place(scores))

    def build_nodes(
        self, scores: Sequence[float], thresholds: Sequence[float]
    ) -> tuple[dict[str, np.ndarray], list[NodeProto]]:
        from onnx import helper

        constants: dict[str, np.ndarray] = {
            "score_thresholds": np.array(thresholds, np.float32),
            "neutral": np.array([_neutral_place(scores)], np.int64),
            "one": np.array([1], np.int64),
            "a_row_each": np.array([-1], np.int64),
        }
        make = helper.make_node
        return constants, [
            make("TopK", ["probabilities", "one"], ["highest", "likeliest"], axis=1),
            make("GreaterOrEqual", ["highest", "score_thresholds"], ["is_confident"]),
            make("Where", ["is_confident", "likeliest", "neutral"], ["actions"]),
            make("Reshape", ["actions", "a_row_each"], ["action"]),
        ]

    def explain(
        self,
        probabilities: np.ndarray,
        actions: np.ndarray,
        classes: Sequence[str],
        scores: Sequence[float],
        shares: Sequence[float],
        thresholds: Sequence[float],
    ) -> list[str]:
        (least,) = thresholds
        likeliest = probabilities.argmax(axis=1)
        highest = probabilities[np.arange(len(likeliest)), likeliest]
        return [
            f"{classes[place]} is the likeliest, with a probability of {probability:.1%}: "
            + ("at least" if is_confident else "less than")
            + f" the {least:.1%} from which it acts"
            for place, probability, is_confident in zip(
                likeliest.tolist(),
                highest.tolist(),
                _at_least(highest, least).tolist(),
                strict=True,
            )
        ]


def _at_least(probabilities: np.ndarray, least: float) -> np.ndarray:
    """Compare as the graph does, which counts in float32."""
    reached: np.ndarray = probabilities.astype(np.float32) >= np.float32(least)
    return reached


def _neutral_place(scores: Sequence[float]) -> int:
    """Return the place of the class whose score is 0."""
    if 0 not in scores:
        raise InvalidRequest(
            f"none of the scores {', '.join(f'{score:g}' for score in scores) or '(none)'} is 0",
            "a rule that holds below a confidence needs a class to hold with, whose score is 0",
        )
    return list(scores).index(0)


def expected_scores(probabilities: np.ndarray, scores: Sequence[float]) -> np.ndarray:
    """The mean of the classes' scores by their probabilities, for each row."""
    expected: np.ndarray = probabilities.astype(np.float64) @ np.asarray(scores, np.float64)
    return expected


BY_EXPECTED_SCORE, ABOVE_SHARE, LIKELIEST = ByExpectedScore(), AboveShare(), Likeliest()
ACTION_RULES: Mapping[str, ActionRule] = {
    rule.name: rule for rule in (BY_EXPECTED_SCORE, ABOVE_SHARE, LIKELIEST, LikeliestIfConfident())
}


def action_rule(name: str) -> ActionRule:
    """The rule of that name, as models have it in their files."""
    if name not in ACTION_RULES:
        raise unknown("rule of actions", name, ACTION_RULES)
    return ACTION_RULES[name]
