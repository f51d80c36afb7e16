"""Rows of gold as they are answered, and the bytes of these answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from pydantic import BaseModel

from pipelines.forecasts import Forecast
from pipelines.labels.base import Label
from pipelines.scoring.combine import ComponentWeighted
from serving.schemas.answers import PredictionFields, ScoredBar, SignalFields, TargetFields
from serving.state.kinds import KINDS, NOTHING, hold_if_weak, risk, whose

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
AGE = b',"age_seconds":'
DAY = 86400
Row = dict[str, Any]


class Kept(Protocol):
    """An answer that is ready."""

    def body(self, now: float) -> bytes:
        """The answer as it reads at an instant, in seconds since 1970."""
        ...

    def tag(self, now: float) -> bytes:
        """The same until something other than the age changes."""
        ...

    def fresh_for(self, now: float) -> int:
        """Whole seconds until it turns stale."""
        ...


@dataclass(frozen=True)
class Ready:
    """An answer as bytes but for its age, fresh and stale."""

    fresh: bytes
    stale: bytes
    etag: bytes
    closes_at: float
    stale_at: float

    def body(self, now: float) -> bytes:
        text = self.stale if now >= self.stale_at else self.fresh
        return b"%b%b%d}" % (text, AGE, max(0, now - self.closes_at))

    def tag(self, now: float) -> bytes:
        return b'W/"%b-%b"' % (self.etag, b"stale" if now >= self.stale_at else b"fresh")

    def fresh_for(self, now: float) -> int:
        return max(0, int(self.stale_at - now)) if now < self.stale_at else DAY


@dataclass(frozen=True)
class All:
    """The ready answers of all symbols as one."""

    head: bytes
    etag: bytes
    parts: tuple[Ready, ...]

    def body(self, now: float) -> bytes:
        return b'%b,"predictions":[%b]}' % (self.head, b",".join(p.body(now) for p in self.parts))

    def tag(self, now: float) -> bytes:
        return b'W/"%b-%d-stale"' % (self.etag, sum(now >= part.stale_at for part in self.parts))

    def fresh_for(self, now: float) -> int:
        return min((part.fresh_for(now) for part in self.parts), default=DAY)


def all_of(marks: Row, forecast: Forecast, parts: Sequence[Ready]) -> All:
    """The newest predictions of all symbols."""
    head = orjson.dumps(marks | {"forecast": forecast.name}, option=OPTIONS)[:-1]
    return All(head, b"%d-all" % marks["snapshot"], tuple(parts))


def ready(answer: Row) -> Ready:
    """The bytes of an answer, and how long they hold."""
    late = (
        f"stale: a bar that should be scored since {answer['stale_at']:%Y-%m-%d %H:%M} UTC is not"
    )
    stale = answer | {"stale": True, "notices": [late, *answer["notices"]]}
    tag = f"{answer['snapshot']}-{answer['model_version']}-{answer['min_confidence'] or 0:g}"
    return Ready(
        orjson.dumps(answer | {"stale": False}, option=OPTIONS)[:-1],
        orjson.dumps(stale, option=OPTIONS)[:-1],
        tag.encode(),
        answer["closes_at"].timestamp(),
        answer["stale_at"].timestamp(),
    )


def _of(kind: type[BaseModel], row: Row) -> Row:
    """The part of a row that a model tells."""
    return {name: row[name] for name in kind.model_fields}


def _noticed(marks: Row, row: Row, target: str = "") -> None:
    if not row["proven"]:
        marks["notices"].append(f"unproven model{target}: {row['unproven_reason']}")
    if row["instead_of"]:
        serves = f"version {row['model_version']} serves instead"
        marks["notices"].append(f"another model{target}: {row['instead_of']}; {serves}")
    if not row["live"]:
        marks["notices"].append(f"not live{target}: written after the bar it is about had closed")


def _shared(marks: Row, row: Row, min_confidence: float | None) -> Row:
    told = {"as_of": row["scored_at"], "min_confidence": min_confidence}
    return marks | _of(ScoredBar, row) | {"stale_at": row["stale_at"]} | told


def signal_of(marks: Row, forecast: Forecast, row: Row, min_confidence: float | None = None) -> Row:
    """A universe's signal as it is answered; by the confidence policy, if one is asked for."""
    one, label = making(forecast, row["universe"])
    members = [
        part | {"said": None, "risk": risk(label, part["action"], part["probabilities"])}
        for part in row["members"]
    ]
    told = _of(SignalFields, row)
    if min_confidence is not None:
        told |= _combined_again(one, label, members, min_confidence)
    limits = {"buy_at": one.buy_at, "sell_at": one.sell_at, "least_scored": one.least_scored}
    _noticed(marks, row)
    return (
        _shared(marks, row, min_confidence) | told | {"thresholds": limits, "per_symbol": members}
    )


def making(forecast: Forecast, universe: str) -> tuple[ComponentWeighted, Label]:
    """The combination that makes a universe's signal, and the label whose classes it combines."""
    return next(
        (one, target.label)
        for target in forecast.targets
        for one in target.combinations
        if one.universe == universe
    )


def _combined_again(one: ComponentWeighted, label: Label, members: list[Row], least: float) -> Row:
    """The signal once weaker actions count as hold; the members are changed along."""
    for part in members:
        hold_if_weak(part, label, least)
    actions = {p["symbol"]: p["action"] for p in members if p["action"] is not None}
    weights = {p["symbol"]: p["weight"] for p in members}
    found = one.combine(list(weights), actions, weights)
    parts = {p.symbol: p.contribution for p in found.contributions}
    for part in members:
        part["contribution"] = parts[part["symbol"]]
    return {"wss": found.wss, "signal": found.signal, "reason": found.reason}


def component_of(
    marks: Row,
    forecast: Forecast,
    rows: Mapping[str, Row],
    min_confidence: float | None = None,
) -> Row:
    """A symbol's newest predictions as they are answered, given their rows by target.

    At the top stands the main target: the first that is predicted. It turns stale with the first
    of them all.
    """
    targets: dict[str, Row | None] = dict.fromkeys(forecast.target_names)
    for target in forecast.targets:
        of_it = whose(forecast, target.name)
        row = rows.get(target.name)
        if row is None:
            marks["notices"].append(f"nothing was predicted{of_it} lately")
            continue
        said = KINDS[target.label.kind].told(target.label, row, min_confidence)
        targets[target.name] = said | _of(TargetFields, row)
        _noticed(marks, row, of_it)
    main = next(rows[name] for name in targets if name in rows)
    told = _of(PredictionFields, main) | NOTHING | _said(targets[main["target"]])
    late = {"stale_at": min(row["stale_at"] for row in rows.values())}
    return _shared(marks, main, min_confidence) | told | late | {"targets": targets}


def _said(told: Row | None) -> Row:
    return {name: value for name, value in (told or {}).items() if name in NOTHING}
