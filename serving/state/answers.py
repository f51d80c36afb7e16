"""Rows of gold as the API answers them, and the bytes of these answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
from pydantic import BaseModel

from pipelines.forecasts import Forecast
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.labels.base import Label
from pipelines.requests.kinds import KINDS, hold_if_weak, risk_hints, target_suffix
from pipelines.scoring.weights import find_age_warning
from pipelines.scoring.wss import combine_bar
from pipelines.sources import is_sample
from serving.schemas.answers import (
    NO_FIELDS,
    PredictionFields,
    ScoredBar,
    SignalFields,
    SignalThresholds,
    TargetFields,
)

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
AGE = b',"age_seconds":'
DAY = 86400
Row = dict[str, Any]


class CachedAnswer(Protocol):
    """An answer whose bytes are ready but for its age."""

    def body(self, now: float) -> bytes:
        """Return the answer at an instant, in seconds since 1970."""
        ...

    def tag(self, now: float) -> bytes:
        """Return its ETag: the same until something other than the age changes."""
        ...

    def fresh_for(self, now: float) -> int:
        """Return the whole seconds until it turns stale."""
        ...


@dataclass(frozen=True)
class EncodedAnswer:
    """One answer as bytes without its age: as it reads while fresh, and once stale."""

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
class EncodedAnswers:
    """The answers of all symbols as one."""

    head: bytes
    etag: bytes
    parts: tuple[EncodedAnswer, ...]

    def body(self, now: float) -> bytes:
        return b'%b,"predictions":[%b]}' % (self.head, b",".join(p.body(now) for p in self.parts))

    def tag(self, now: float) -> bytes:
        return b'W/"%b-%d-stale"' % (self.etag, sum(now >= part.stale_at for part in self.parts))

    def fresh_for(self, now: float) -> int:
        return min((part.fresh_for(now) for part in self.parts), default=DAY)


def encode_all(marks: Row, forecast: Forecast, parts: Sequence[EncodedAnswer]) -> EncodedAnswers:
    """Join the answers of all symbols."""
    head = orjson.dumps(marks | {"forecast": forecast.name}, option=OPTIONS)[:-1]
    return EncodedAnswers(head, b"%d-all" % marks["snapshot"], tuple(parts))


def encode_answer(answer: Row) -> EncodedAnswer:
    """Encode an answer about a bar as it reads while fresh, and once stale."""
    late = (
        f"stale: a bar that should be scored since {answer['stale_at']:%Y-%m-%d %H:%M} UTC is not"
    )
    tag = f"{answer['snapshot']}-{answer['model_version']}-{answer['min_confidence'] or 0:g}"
    return encode_timed(answer, tag, answer["closes_at"], late)


def encode_timed(answer: Row, tag: str, about: datetime, late: str) -> EncodedAnswer:
    """Encode an answer that ages from what it is about, and says that it is late once stale."""
    stale = answer | {"stale": True, "notices": [late, *answer["notices"]]}
    return EncodedAnswer(
        orjson.dumps(answer | {"stale": False}, option=OPTIONS)[:-1],
        orjson.dumps(stale, option=OPTIONS)[:-1],
        tag.encode(),
        about.timestamp(),
        answer["stale_at"].timestamp(),
    )


def _select(kind: type[BaseModel], row: Row) -> Row:
    """Return the fields of a row that an answer of this kind has."""
    return {name: row[name] for name in kind.model_fields}


def mark_made_up_news(marks: Row, news_sources: Iterable[str | None]) -> None:
    """Say that news are made up where any of them are, and the rest of the data may not be."""
    if not marks["sample"] and any(is_sample(source) for source in news_sources if source):
        marks["sample"] = True
        marks["notices"].append("sample news: made up, and of no real event")


def _add_notices(marks: Row, row: Row, target: str = "") -> None:
    """Say in words what speaks against trusting a row."""
    mark_made_up_news(marks, [row["news_source"]])
    if not row["proven"]:
        marks["notices"].append(f"unproven model{target}: {row['unproven_reason']}")
    if row["instead_of"]:
        serves = f"version {row['model_version']} serves instead"
        marks["notices"].append(f"another model{target}: {row['instead_of']}; {serves}")
    if not row["live"]:
        marks["notices"].append(f"not live{target}: written after the next bar had closed")


def _common_fields(marks: Row, row: Row, min_confidence: float | None) -> Row:
    """Return the fields that signals and predictions share."""
    times = {"stale_at": row["stale_at"], "as_of": row["scored_at"]}
    return marks | _select(ScoredBar, row) | times | {"min_confidence": min_confidence}


def build_signal(
    marks: Row, forecast: Forecast, row: Row, min_confidence: float | None = None
) -> Row:
    """Build the answer of a universe's signal; by the confidence policy, if one is asked for."""
    combination, label = combination_of(forecast, row["universe"])
    members = [
        member
        | {"said": None, "risk": risk_hints(label, member["action"], member["probabilities"])}
        for member in row["members"]
    ]
    signal = _select(SignalFields, row)
    if min_confidence is not None:
        signal |= _combine_again(combination, label, members, min_confidence)
    thresholds = {name: getattr(combination, name) for name in SignalThresholds.model_fields}
    _add_notices(marks, row)
    age = find_age_warning(row["index"], row["weights_effective"], row["closes_at"].date())
    if age:
        marks["notices"].append(f"old weights: {age}")
    return (
        _common_fields(marks, row, min_confidence)
        | signal
        | {"thresholds": thresholds, "per_symbol": members}
    )


def combination_of(forecast: Forecast, universe: str) -> tuple[ComponentWeighted, Label]:
    """Return the combination that gives a universe's signal, and the label that it combines."""
    return next(
        (combination, target.label)
        for target in forecast.per_target()
        for combination in target.combinations
        if combination.universe == universe
    )


def _combine_again(
    combination: ComponentWeighted, label: Label, members: list[Row], min_confidence: float
) -> Row:
    """Compute the signal once weaker actions count as hold; the members are changed too."""
    for member in members:
        hold_if_weak(member, label, min_confidence)
    actions = {m["symbol"]: m["action"] for m in members if m["action"] is not None}
    weights = {m["symbol"]: m["weight"] for m in members}
    signal = combine_bar(combination, list(weights), actions, weights)
    contributions = {part.symbol: part.contribution for part in signal.contributions}
    for member in members:
        member["contribution"] = contributions[member["symbol"]]
    return {"wss": signal.wss, "signal": signal.signal, "reason": signal.reason}


def build_component(
    marks: Row,
    forecast: Forecast,
    rows: Mapping[str, Row],
    min_confidence: float | None = None,
) -> Row:
    """Build the answer of a symbol's newest predictions from their rows by target.

    At the top stands the main target: the first that is predicted. The answer turns stale with
    the first of its targets.
    """
    targets: dict[str, Row | None] = dict.fromkeys(forecast.target_names)
    for target in forecast.targets:
        suffix = target_suffix(forecast, target.name)
        row = rows.get(target.name)
        if row is None:
            marks["notices"].append(f"nothing was predicted{suffix} lately")
            continue
        prediction = KINDS[target.label.kind].fields(target.label, row, min_confidence)
        targets[target.name] = prediction | _select(TargetFields, row)
        _add_notices(marks, row, suffix)
    main = next(rows[name] for name in targets if name in rows)
    of_main = {
        name: value for name, value in (targets[main["target"]] or {}).items() if name in NO_FIELDS
    }
    return (
        _common_fields(marks, main, min_confidence)
        | _select(PredictionFields, main)
        | NO_FIELDS
        | of_main
        | {"stale_at": min(row["stale_at"] for row in rows.values()), "targets": targets}
    )
