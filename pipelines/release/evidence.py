"""Tests of how often something happens that stay valid however often they are looked at.

Each is an e-process: a bet against a claim, at fair or worse odds while the claim is true. Its
capital begins at 1 and reaches 1/a with a chance of at most a, at any time whatever (Ville's
inequality), so a release may be judged after each request. All values are logarithms of capital.
The chances may change from one request to the next, as long as each keeps to the claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

ODDS = (2.0, 4.0, 16.0, 128.0)  # alternatives to an equal share of the failures
NOTHING = float("-inf")


def log_evidence_above(events: int, trials: int, limit: float) -> float:
    """Return the evidence against "at most this share of the trials has the event"."""
    return _log_mixture(events, trials, limit, *_rates_above(limit))


def log_evidence_below(events: int, trials: int, limit: float) -> float:
    """Return the evidence against "at least this share of the trials has the event"."""
    return _log_mixture(events, trials, limit, *_rates_below(limit))


def _log_mixture(
    events: int, trials: int, limit: float, rates: np.ndarray, weights: np.ndarray
) -> float:
    """Return the log of a mean of likelihood ratios, each of a rate to the limit."""
    with np.errstate(divide="ignore"):
        won = events * np.log(rates / limit) if events else np.zeros_like(rates)
        log_ratios = won + (trials - events) * np.log((1 - rates) / (1 - limit))
    return _log_mean(log_ratios, weights)


def _log_mean(logs: np.ndarray, weights: np.ndarray) -> float:
    highest = float(logs.max())
    if highest == NOTHING:
        return NOTHING
    return highest + float(np.log(np.sum(weights * np.exp(logs - highest))))


@lru_cache(maxsize=32)
def _rates_above(limit: float) -> tuple[np.ndarray, np.ndarray]:
    rates = np.geomspace(limit * 1.5, 0.99, 12) if limit < 0.6 else np.linspace(limit, 0.999, 12)
    return rates, np.full(12, 1 / 12)


@lru_cache(maxsize=32)
def _rates_below(limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Return rates below the limit; that it never happens has half of the weight."""
    rates = limit * np.array([0.0, 0.02, 0.1, 0.2, 0.4, 0.6, 0.8])
    return rates, np.array([0.5, *[0.5 / 6] * 6])


def no_shares() -> list[float]:
    """Return the capitals of a comparison of two failure rates before the first request."""
    return [0.0] * len(ODDS)


def add_failures(
    capitals: Sequence[float], failures: int, failures_green: int, share_green: float
) -> list[float]:
    """Bet that of some failures more are green's than its share of the requests.

    While green fails no more often than blue, each failure is green's with at most the chance of
    that share.
    """
    if not failures or not 0 < share_green < 1:
        return list(capitals)
    multiples = np.array(ODDS)
    chances = multiples * share_green / (1 + (multiples - 1) * share_green)
    logs = failures_green * np.log(chances / share_green)
    logs += (failures - failures_green) * np.log((1 - chances) / (1 - share_green))
    return [float(value) for value in np.array(capitals) + logs]


def log_evidence_of_share(capitals: Sequence[float]) -> float:
    """Return the evidence against "green fails no more often than blue"."""
    return _log_mean(np.array(capitals), np.full(len(ODDS), 1 / len(ODDS)))
