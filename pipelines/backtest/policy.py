"""Turn signals into positions, and compute what they earn.

A position is entered at the close of the bar with the signal, and can be stopped from the next
bar on. What a bar earned is booked with the bar, in units of the notional, and the notional is
the same at every bar: nothing is compounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.backtest.path import Path
from pipelines.core.errors import InvalidRequest

NONE, STOPPED, TAKEN = "", "stop", "target"


@dataclass(frozen=True)
class Policy:
    """How signals become positions.

    Each BUY adds `size` to a long position up to `limit`, each SELL to a short one; the other
    side is closed first, and HOLD closes all. Stop and target are shares of the mean entry price.
    """

    limit: float = 1.0  # the largest position, long or short, in notionals
    size: float = 1.0  # of one signal
    stop_loss: float | None = None
    take_profit: float | None = None
    flat_by_close: bool = False

    def __post_init__(self) -> None:
        for name in ("limit", "size"):
            if not 0 < getattr(self, name) <= 100:
                raise InvalidRequest(
                    f"a {name} of {getattr(self, name):g}", "name notionals, such as 1"
                )
        for name in ("stop_loss", "take_profit"):
            share = getattr(self, name)
            if share is not None and not 0 < share < 1:
                raise InvalidRequest(
                    f"a {name} of {share:g}", "name a share of the entry price, such as 0.01"
                )

    def summary(self) -> str:
        """Describe the policy in one line."""
        parts = [f"at most {self.limit:g} notional", f"{self.size:g} a signal"]
        if self.stop_loss is not None:
            parts.append(f"stop at {self.stop_loss:.2%}")
        if self.take_profit is not None:
            parts.append(f"target at {self.take_profit:.2%}")
        parts += ["flat by the session's close"] * self.flat_by_close
        return ", ".join(parts)

    def target_position(self, direction: int, holding: float) -> float:
        """Return the position after a signal."""
        if direction == 0:
            return 0.0
        same_side = max(holding * direction, 0.0)
        return direction * min(same_side + self.size, self.limit)

    def exit(
        self, holding: float, entry: float, opened: float, worst: float, best: float
    ) -> tuple[float, str]:
        """Find the price at which a bar ends a position, and the reason; NaN where it does not.

        `worst` is the end of the bar against the position, `best` the end in its favour. A level
        that the open is already beyond is filled at the open. Within a bar the stop comes first.
        """
        side = 1.0 if holding > 0 else -1.0
        stop = entry * (1 - side * self.stop_loss) if self.stop_loss is not None else None
        target = entry * (1 + side * self.take_profit) if self.take_profit is not None else None
        if stop is not None and side * opened <= side * stop:
            return opened, STOPPED
        if target is not None and side * opened >= side * target:
            return opened, TAKEN
        if stop is not None and side * worst <= side * stop:
            return stop, STOPPED
        if target is not None and side * best >= side * target:
            return target, TAKEN
        return float("nan"), NONE


@dataclass(frozen=True, eq=False)
class BarReturns:
    """The position of each bar, and what it earned."""

    position: np.ndarray  # after the bar's close
    gross: np.ndarray  # of what was held over the bar
    cost: np.ndarray  # of what changed hands during the bar and at its close
    exits: np.ndarray  # text: stop, target or nothing
    traded: np.ndarray  # notionals that changed hands

    @property
    def net(self) -> np.ndarray:
        net: np.ndarray = self.gross - self.cost
        return net


def simulate(policy: Policy, path: Path, direction: np.ndarray, cost: float) -> BarReturns:
    """Trade the signals bar by bar; the last position is closed at the last bar's close."""
    count = len(path)
    position, gross, traded = np.zeros(count), np.zeros(count), np.zeros(count)
    exits = np.full(count, NONE, dtype=object)
    names = ("open", "high", "low", "close", "sure_high", "sure_low")
    opened, high, low, close, sure_high, sure_low = (getattr(path, n).tolist() for n in names)
    signs, last = direction.tolist(), path.last.tolist()
    holding = entry = 0.0
    for t in range(count):
        if holding:
            ends = (low[t], sure_high[t]) if holding > 0 else (high[t], sure_low[t])
            price, exit_reason = policy.exit(holding, entry, opened[t], *ends)
            gross[t] = holding * ((price if exit_reason else close[t]) / close[t - 1] - 1)
            if exit_reason:
                traded[t], exits[t], holding = abs(holding), exit_reason, 0.0
        must_close = t == count - 1 or (policy.flat_by_close and last[t])
        target_position = 0.0 if must_close else policy.target_position(signs[t], holding)
        if target_position * holding <= 0:
            entry = close[t]
        elif abs(target_position) > abs(holding):
            entry += (close[t] - entry) * (1 - holding / target_position)
        traded[t] += abs(target_position - holding)
        position[t] = holding = target_position
    return BarReturns(position, gross, cost * traded, exits, traded)


def net_returns(path: Path, direction: np.ndarray, cost: float) -> np.ndarray:
    """Compute each bar's net return when the direction is the position: `simulate` for many.

    Directions may have leading axes; the last position stays open.
    """
    bar_returns = (
        np.concatenate([[0.0], path.close[1:] / path.close[:-1] - 1]) if len(path) else path.close
    )
    before = np.zeros(direction.shape)
    before[..., 1:] = direction[..., :-1]
    net: np.ndarray = before * bar_returns - cost * np.abs(direction - before)
    return net
