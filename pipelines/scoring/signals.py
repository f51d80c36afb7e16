"""From the constituents' actions to an index's signal, bar by bar, by the weights known then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE
from pipelines.core.universes import universe
from pipelines.forecasts.combination import ComponentWeighted

SIGNALS = pa.schema(
    [
        ("universe", pa.string()),
        ("index", pa.string()),
        ("instrument", pa.string()),
        ("ts", UTC_TYPE),
        ("closes_at", UTC_TYPE),
        ("timestamp_next", UTC_TYPE),
        ("wss", pa.float64()),
        ("signal", pa.string()),
        ("reason", pa.string()),
        ("coverage", pa.float64()),
        ("index_share", pa.float64()),
        ("weights_effective", pa.date32()),
        ("weights_partial", pa.bool_()),
        ("model_version", pa.int64()),
        ("proven", pa.bool_()),
        ("unproven_reason", pa.string()),
        ("instead_of", pa.string()),
    ]
)
# What a signal takes over from its constituents' rows.
CARRIED = (
    "ts", "closes_at", "timestamp_next", "model_version", "proven", "unproven_reason", "instead_of",
)  # fmt: skip
CONTRIBUTIONS = pa.schema(
    [
        ("universe", pa.string()),
        ("ts", UTC_TYPE),
        ("symbol", pa.string()),
        ("weight", pa.float64()),
        ("share", pa.float64()),
        ("action", pa.string()),
        ("score", pa.float64()),
        ("contribution", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Weighed:
    """An index's weights as they stood at a bar."""

    weights: Mapping[str, float]
    effective: date
    partial: bool  # the source names only some of the members


class Weights:
    """What is known of one index's weights, and since when."""

    def __init__(self, index: str, rows: pa.Table) -> None:
        self.index = index
        self._symbol = rows["symbol"].to_pylist()
        self._weight = rows["weight"].to_numpy()
        self._effective = rows["effective"].to_numpy().astype("datetime64[D]")
        self._known_at = rows["known_at"].to_numpy().astype("datetime64[us]")
        self._partial = rows["partial"].to_numpy(zero_copy_only=False)
        self._made: dict[bytes, Weighed] = {}

    def at(self, closes_at: np.datetime64, session: np.datetime64) -> Weighed | None:
        """The newest that apply to the bar's session and were known when it closed."""
        open_ = (self._known_at <= closes_at) & (self._effective <= session)
        if not open_.any():
            return None
        newest = self._effective[open_].max()
        taken = open_ & (self._effective == newest)
        name = taken.tobytes()
        if name not in self._made:
            rows = np.flatnonzero(taken)
            self._made[name] = Weighed(
                {self._symbol[row]: float(self._weight[row]) for row in rows},
                newest.item(),
                bool(self._partial[rows].any()),
            )
        return self._made[name]

    @property
    def why_none(self) -> str:
        told = "became known only after the bar" if self._symbol else "are not known"
        return f"weights of {self.index} {told}"


@dataclass(eq=False)
class Combined:
    """Signals, the parts they are made of, and what stood against the others."""

    signals: pa.Table
    contributions: pa.Table
    no_signal: dict[str, Counter[str]] = field(default_factory=dict)  # universe -> reason -> bars
    unweighed: dict[str, set[str]] = field(default_factory=dict)  # universe -> members


def joined(parts: Sequence[Combined]) -> Combined:
    """What several targets' rows were combined to, together."""
    made = Combined(
        pa.concat_tables([SIGNALS.empty_table(), *(one.signals for one in parts)]),
        pa.concat_tables([CONTRIBUTIONS.empty_table(), *(one.contributions for one in parts)]),
    )
    for one in parts:
        made.no_signal |= one.no_signal
        made.unweighed |= one.unweighed
    return made


def combined(
    combinations: Sequence[ComponentWeighted], rows: pa.Table, weights: Mapping[str, Weights]
) -> Combined:
    """The signal of every bar that `rows`, a champion's predictions ordered by bar, speak of.

    A member whose weight is not known is left out, and said: what a source with partial weights
    has is combined, and `index_share` tells how much of the index that is.
    """
    signals: list[dict[str, Any]] = []
    parts: list[tuple[Any, ...]] = []
    made = Combined(SIGNALS.empty_table(), CONTRIBUTIONS.empty_table())
    bars = list(_bars(rows))
    for one in combinations:
        known = universe(one.universe)
        worth, members = dict(zip(one.actions, one.scores, strict=True)), set(known.symbols)
        reasons: Counter[str] = Counter()
        for bar in bars:
            weighed = weights[known.index].at(bar.closes, bar.session)
            if weighed is None:
                reasons[weights[known.index].why_none] += 1
                continue
            counted = [s for s in known.symbols if s in weighed.weights]
            lacking = members.difference(counted)
            if lacking:
                made.unweighed.setdefault(one.universe, set()).update(lacking)
            counts = set(counted)
            actions = {s: action for s, action in bar.actions.items() if s in counts}
            if not actions:
                reasons["no member that has a weight was scored"] += 1
                continue
            found = one.combine(counted, actions, weighed.weights)
            signals.append(
                {
                    "universe": one.universe,
                    "index": known.index,
                    "instrument": known.instrument,
                    **bar.about,
                    "wss": found.wss,
                    "signal": found.signal,
                    "reason": found.reason,
                    "coverage": found.coverage,
                    "index_share": found.index_share,
                    "weights_effective": weighed.effective,
                    "weights_partial": weighed.partial or bool(lacking),
                }
            )
            parts += [
                (
                    one.universe, bar.about["ts"], p.symbol, p.weight, p.share, p.action,
                    None if p.action is None else worth[p.action], p.contribution,
                )
                for p in found.contributions
            ]  # fmt: skip
        if reasons:
            made.no_signal[one.universe] = reasons
    if signals:
        made.signals = pa.Table.from_pylist(signals, schema=SIGNALS)
        made.contributions = pa.table(
            [
                pa.array(column, f.type)
                for column, f in zip(zip(*parts, strict=True), CONTRIBUTIONS, strict=True)
            ],
            schema=CONTRIBUTIONS,
        )
    return made


@dataclass(frozen=True, eq=False)
class _Bar:
    closes: np.datetime64
    session: np.datetime64
    actions: dict[str, str]
    about: dict[str, Any]  # what its signal carries on


def _bars(rows: pa.Table) -> Iterator[_Bar]:
    """The rows of each bar together. Where models differ, the least proven speaks for the bar."""
    if not rows.num_rows:
        return
    ts, closes, session, version, proven = (
        rows[name].to_numpy() for name in ("ts", "closes_at", "session", "model_version", "proven")
    )
    edges = np.flatnonzero(np.append(True, ts[1:] != ts[:-1])).tolist()
    bar = np.cumsum(np.append(0, ts[1:] != ts[:-1]))
    speaks = np.lexsort((-version, proven, bar))[edges]
    about = rows.select(CARRIED).take(pa.array(speaks)).to_pylist()
    symbols, actions = rows["symbol"].to_pylist(), rows["action"].to_pylist()
    for low, high, carried in zip(edges, [*edges[1:], len(ts)], about, strict=True):
        yield _Bar(
            closes[low].astype("datetime64[us]"),
            session[low].astype("datetime64[D]"),
            dict(zip(symbols[low:high], actions[low:high], strict=True)),
            carried,
        )
