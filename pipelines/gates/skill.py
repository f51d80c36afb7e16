"""Gates of skill: does the model know the direction, and more than the time of day?

Volatility has a shape over the session. Five classes cut by the size of a move can be guessed
from the hour alone, and a plain macro F1 calls that skill. So there are two questions: does the
published score rank what came after, and is the macro F1 above what the bar's place in its
session gives by itself? Each is answered with an interval: whole sessions, all symbols together,
are drawn again and again, because the bars of one session move together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates.base import Gate, GateVerdict
from pipelines.gates.evidence import Evidence, check_classes, check_probabilities

LEAST_SESSIONS = 10


@dataclass(frozen=True)
class Sessions:
    """The judging rows' sessions, and the draws of them that make an interval.

    The bound is the value less Student's t times the spread over the draws: with few sessions
    the percentiles of the draws themselves lie too close together.
    """

    of_row: np.ndarray  # each row's session, from 0
    resamples: int
    seed: int
    confidence: float

    @cached_property
    def count(self) -> int:
        return int(self.of_row.max()) + 1

    @property
    def draws(self) -> np.ndarray:
        """How often each session is in each draw."""
        return _draw_sessions(self.count, self.resamples, self.seed)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """A row a session: the sum of each column over its rows."""
        return np.stack(
            [np.bincount(self.of_row, column, self.count) for column in values.T], axis=1
        )

    def sum_draws(self, per_session: np.ndarray) -> np.ndarray:
        """A row a draw: the sums over the sessions in it."""
        sums: np.ndarray = self.draws @ per_session
        return sums

    def bounds(self, value: float, over_draws: np.ndarray) -> tuple[float, float]:
        """One-sided bounds of a value, below and above."""
        from scipy.stats import t

        finite = over_draws[np.isfinite(over_draws)]
        if len(finite) < 0.9 * len(over_draws):
            raise InvalidRequest(
                "the value is not defined on most draws of sessions", "judge on more sessions"
            )
        # The spread over draws leaves out one degree of freedom.
        spread = float(np.std(finite)) * np.sqrt(self.count / (self.count - 1))
        margin = float(t.ppf(self.confidence, self.count - 1) * spread)
        return value - margin, value + margin


@lru_cache(maxsize=4)  # the gates of a training draw the same sessions, some 4 MB
def _draw_sessions(count: int, resamples: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    draws = random.multinomial(count, np.full(count, 1 / count), size=resamples)
    counts: np.ndarray = draws.astype(np.float64)
    counts.setflags(write=False)
    return counts


def group_sessions(evidence: Evidence, resamples: int, confidence: float) -> Sessions:
    """The sessions of the judging rows; too few to judge on are refused."""
    of_row = np.unique(evidence.judging.session, return_inverse=True)[1]
    return check_sessions(Sessions(of_row, resamples, evidence.seed, confidence))


def check_sessions(sessions: Sessions) -> Sessions:
    """Return the sessions; too few to judge on are refused."""
    count = sessions.count if len(sessions.of_row) else 0
    if count < LEAST_SESSIONS:
        raise InvalidRequest(
            f"{count} sessions are too few to judge skill on",
            f"train on a longer span: at least {LEAST_SESSIONS} sessions are judged",
        )
    return sessions


def ranks(values: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Each value's rank in its group, between -0.5 and 0.5; equal values share a rank."""
    if groups is not None:
        grouped = np.zeros(len(values))
        for group in np.unique(groups):
            grouped[groups == group] = ranks(values[groups == group])
        return grouped
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shares: np.ndarray = (last - counts / 2)[place] / len(values) - 0.5
    return shares


class RankIC:
    """Spearman's correlation of a score with the outcome, on all rows and on every draw.

    Ranks are computed once, over all rows, and not anew in each draw: a draw has the same rows,
    only more or less often, so its own ranks would be nearly the same. Where a score is the same
    for every row it ranks nothing, and its correlation is 0.
    """

    def __init__(
        self,
        score: np.ndarray,
        outcome: np.ndarray,
        sessions: Sessions,
        groups: np.ndarray | None = None,
    ) -> None:
        # Noise in a score's last digits must not become an order.
        x, y = ranks(np.round(score, 9), groups), ranks(outcome, groups)
        sums = sessions.sums(np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1))
        self.value = float(_correlation(sums.sum(axis=0)[None])[0])
        self.constant = not bool(np.ptp(x) > 0)
        self.values_of_draws = _correlation(sessions.sum_draws(sums))


def _correlation(sums: np.ndarray) -> np.ndarray:
    count, x, y, xx, yy, xy = sums.T
    spread = np.sqrt(np.maximum(xx - x * x / count, 0) * np.maximum(yy - y * y / count, 0))
    correlation: np.ndarray = np.divide(
        xy - x * y / count, spread, out=np.zeros(len(sums)), where=spread > 1e-12
    )
    return correlation


def _outcome(evidence: Evidence) -> np.ndarray:
    outcome = evidence.judging.outcome
    if not np.isfinite(outcome).all():
        raise InvalidRequest(
            f"{int((~np.isfinite(outcome)).sum())} judging rows have no outcome",
            "judge only rows whose outcome is known",
        )
    return outcome


def judge_above_zero(gate: Gate, ic: RankIC, sessions: Sessions, finding: str) -> GateVerdict:
    """The verdict of a gate that requires a lower bound of a rank IC above zero."""
    low, high = sessions.bounds(ic.value, ic.values_of_draws)
    passed = bool(low > 0)
    reason = (
        f"{finding}, at least {low:.4f} at {sessions.confidence:.0%} confidence:"
        f" {'above' if passed else 'not above'} 0"
    )
    return GateVerdict(gate.name, passed, ic.value, 0.0, gate.blocking, reason, low, high)


@dataclass(frozen=True)
class DirectionSkill:
    """Require a lower bound above zero for the rank IC of the published score.

    Within places, a row is ranked only among rows of its own place in the session: then what the
    hour says by itself, such as a market that rises overnight, is no skill.
    """

    within_place: bool = False
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True

    @property
    def name(self) -> str:
        return "skill_direction_by_place" if self.within_place else "skill_direction"

    def judge(self, evidence: Evidence) -> GateVerdict:
        check_probabilities(evidence.outputs, evidence, "the model")
        sessions = group_sessions(evidence, self.resamples, self.confidence)
        groups = evidence.judging.place if self.within_place else None
        ic = RankIC(evidence.published_score, _outcome(evidence), sessions, groups)
        if ic.constant:
            reason = "the published score is the same for all rows that are ranked together"
            return GateVerdict(self.name, False, 0.0, 0.0, self.blocking, reason)
        among = " among rows of one place" if self.within_place else ""
        finding = f"rank IC {ic.value:.4f}{among} over {sessions.count} sessions"
        return judge_above_zero(self, ic, sessions, finding)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Of confusion counts (..., true class, predicted class): the mean F1 over all classes."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    # F1 is twice the hits over the rows of the class plus the rows predicted as it.
    totals = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    f1 = np.divide(
        2 * hits,
        totals,
        out=np.zeros_like(hits, dtype=float),
        where=totals > 0,
    )
    mean_f1: np.ndarray = f1.mean(axis=-1)
    return mean_f1


def shares_by_place(places: np.ndarray, classes: np.ndarray, count: int) -> dict[int, np.ndarray]:
    """The share of each class at each place, and over all places at -1."""
    shares = {-1: np.bincount(classes, minlength=count) / len(classes)}
    for place in np.unique(places):
        of_place = classes[places == place]
        shares[int(place)] = np.bincount(of_place, minlength=count) / len(of_place)
    return shares


def place_predictors(evidence: Evidence, strict: bool) -> dict[str, np.ndarray]:
    """The class probabilities that predictors knowing only a bar's place give each judging row.

    They learned the class shares of each place from the training rows of the model that predicted
    the row; a place that training never saw gets the shares of all. `drawn` draws a class by these
    shares, `likeliest` gives the most frequent one. The strict one, `typical`, gives the class that
    is most over its share of all rows, or by the toss of a coin its mirror: about the best that
    knows no direction.
    """
    count, places = len(evidence.scores), evidence.judging.place
    place_shares, overall_shares = (np.zeros((len(places), count)) for _ in range(2))
    for training, rows in evidence.rows_of_models():
        classes = check_classes(training.truth, training.rows, count)
        if not len(classes):
            raise InvalidRequest("there are no training rows", "give the evidence a sample of them")
        shares = shares_by_place(training.rows.place, classes, count)
        overall_shares[rows] = shares[-1]
        for place in np.unique(places[rows]):
            place_shares[rows & (places == place)] = shares.get(int(place), shares[-1])
    one_hot = np.eye(count)
    predictors = {"drawn": place_shares, "likeliest": one_hot[place_shares.argmax(axis=1)]}
    if strict:
        lift = np.divide(
            place_shares, overall_shares, out=np.zeros_like(place_shares), where=overall_shares > 0
        )
        typical = one_hot[lift.argmax(axis=1)]
        predictors["typical"] = (typical + typical[:, ::-1]) / 2
    return predictors


@dataclass(frozen=True)
class BeyondTheDay:
    """Require a macro F1 above that of the label shares by place in the session.

    The baseline is the strongest, on the judging rows, of the predictors that know only the
    place. Its confusion is computed, not drawn: a row counts towards each class by the
    probability with which the predictor would give it.

    A model that knows the place, weighs rare classes up and knows nothing else passes this test
    (not the strict one) and fails those of direction; the strict one asks for several times the
    rows to see a planted skill. Its confidence is lower than theirs: a rank IC of 0.04 makes a
    difference in macro F1 of 0.007, which 22,000 rows show to 0.003.
    """

    strict: bool = False
    confidence: float = 0.8
    resamples: int = 2000
    blocking: bool = True
    name: str = "skill_beyond_the_day"

    def judge(self, evidence: Evidence) -> GateVerdict:
        count = len(evidence.scores)
        true = check_classes(evidence.truth, evidence.judging, count)
        predicted = np.eye(count)[
            check_classes(evidence.published_classes, evidence.judging, count)
        ]
        sessions = group_sessions(evidence, self.resamples, self.confidence)
        confusions = _confusions(true, predicted, sessions)
        model_f1 = float(macro_f1(confusions.sum(axis=0)))
        baselines = {
            name: _confusions(true, probabilities, sessions)
            for name, probabilities in place_predictors(evidence, self.strict).items()
        }
        strongest = max(baselines, key=lambda name: float(macro_f1(baselines[name].sum(axis=0))))
        baseline_confusions = baselines[strongest]
        baseline_f1 = float(macro_f1(baseline_confusions.sum(axis=0)))
        value = model_f1 - baseline_f1
        differences = _f1_of_draws(confusions, sessions) - _f1_of_draws(
            baseline_confusions, sessions
        )
        low, high = sessions.bounds(value, differences)
        passed = bool(low > 0)
        reason = (
            f"macro F1 {model_f1:.4f} is {value:+.4f} from the {baseline_f1:.4f} that the place in"
            f" the session gives alone ({strongest}), at least {low:+.4f} at {self.confidence:.0%}"
            f" confidence: {'above' if passed else 'not above'} 0"
        )
        return GateVerdict(self.name, passed, value, 0.0, self.blocking, reason, low, high)


def _confusions(true: np.ndarray, predicted: np.ndarray, sessions: Sessions) -> np.ndarray:
    """(session, true class, predicted class): rows, by the probability of the prediction."""
    count = predicted.shape[1]
    confusions = np.zeros((sessions.count, count, count))
    np.add.at(confusions, (sessions.of_row, true), predicted)
    return confusions


def _f1_of_draws(confusions: np.ndarray, sessions: Sessions) -> np.ndarray:
    count = confusions.shape[-1]
    flat = sessions.sum_draws(confusions.reshape(len(confusions), -1))
    return macro_f1(flat.reshape(-1, count, count))


@dataclass(frozen=True)
class NoWorseThanChampion:
    """Require a rank IC of the published score not below the champion's by over the tolerance.

    Both are measured on the challenger's own judging rows.

    The point estimate decides and the interval is only reported: to ask for a bound above the
    champion would keep an old model for ever, and to refuse only what is clearly worse would let
    a run of slightly worse models walk down. Skill itself is held by its own gates.
    """

    tolerance: float = 0.01
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "no_worse_than_champion"

    def judge(self, evidence: Evidence) -> GateVerdict:
        limit = -self.tolerance
        check_probabilities(evidence.outputs, evidence, "the model")
        if evidence.no_champion:
            return GateVerdict(self.name, True, 0.0, limit, self.blocking, evidence.no_champion)
        shared = evidence.for_champion()
        assert shared.champion is not None
        sessions = group_sessions(shared, self.resamples, self.confidence)
        check_probabilities(shared.champion, shared, "the champion")
        challenger, champion = (
            RankIC(score, _outcome(shared), sessions)
            for score in (shared.published_score, shared.champion_score)
        )
        value = challenger.value - champion.value
        low, high = sessions.bounds(value, challenger.values_of_draws - champion.values_of_draws)
        passed = value >= limit
        reason = (
            f"rank IC {challenger.value:.4f} beside the champion's {champion.value:.4f}:"
            f" {value:+.4f} (from {low:+.4f} to {high:+.4f}), {'not ' if passed else ''}worse"
            f" by more than {self.tolerance:g}"
        )
        return GateVerdict(self.name, passed, value, limit, self.blocking, reason, low, high)
