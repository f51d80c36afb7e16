"""What a published row was made of, as a tree of sentences: from the answers to the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.calendar import utc
from pipelines.lake import View
from pipelines.registry.mlflow import model_name
from pipelines.steps.proof.answers import StoredAnswer
from pipelines.steps.proof.dependencies import Span
from pipelines.steps.proof.published import PublishedBar

MOST_LINES = 12  # of one kind, the newest
MOST_VALUES = 16  # features of one symbol


@dataclass(frozen=True)
class Lineage:
    """One sentence of the tree, and what it is made of."""

    text: str
    parts: list[Lineage] = field(default_factory=list)

    def add(self, text: str, lines: Sequence[str] = ()) -> Lineage:
        """Add a part; of many lines the newest, which come last, are kept."""
        left_out = len(lines) - MOST_LINES
        newest_lines = [
            *([f"{left_out:,} more before these"] if left_out > 0 else []),
            *lines[-MOST_LINES:],
        ]
        part = Lineage(text, [Lineage(line) for line in newest_lines])
        self.parts.append(part)
        return part

    def lines(self, depth: int = 0) -> list[str]:
        """Return the tree as indented lines."""
        own = "  " * depth + self.text
        return [own, *(line for part in self.parts for line in part.lines(depth + 1))]


def build_lineage(
    view: View,
    reproduced: View,
    published: PublishedBar,
    span: Span,
    answers: Sequence[StoredAnswer],
    environments: Sequence[str],
) -> Lineage:
    """Build the tree of one row, from what was landed again in the scratch lake."""
    tree = Lineage(published.name)
    tree.add("code and libraries", environments)
    tree.add(
        f"{len(answers):,} raw answers",
        [f"{answer.sha256[:16]} {answer}" for answer in sorted(answers, key=lambda a: a.batch)],
    )
    tree.add("bars, adjusted for splits", _describe_bars(reproduced, span))
    if span.news_source:
        tree.add(f"windows of news of {span.news_source}", _describe_windows(reproduced, span))
    features = f"features of the bar of {published.ts:%Y-%m-%d %H:%M} UTC"
    tree.add(features, _describe_features(reproduced, published))
    tree.add("models", _describe_models(view, published))
    tree.add("predictions", _describe_predictions(published))
    if published.kind == "signal":
        row = published.row.to_pylist()[0]
        tree.add(
            f"weights of {row['index']}, effective {row['weights_effective']}",
            [
                f"{part['symbol']}: weight {part['weight']:.6g}, share {part['share']:.4f}, "
                f"contribution {part['contribution']:+.6f}"
                for part in published.contributions.to_pylist()
            ],
        )
        tree.add(
            f"decision: {row['signal']}, WSS {row['wss']:+.6f}, {row['coverage']:.1%} scored",
            [row["reason"]],
        )
    if published.kind == "outcome":
        row = published.row.to_pylist()[0]
        actual = f", {row['actual']}" if row["actual"] else ""
        tree.add(f"outcome: {row['outcome']:.6g}{actual}, known at {utc(row['known_at'])}")
    return tree


def _describe_bars(view: View, span: Span) -> list[str]:
    rows = view.rows(
        """SELECT symbol, count(*), min(ts), max(ts), count(DISTINCT batch),
                  arg_max(close, ts) FROM silver.bars
           WHERE source = ? AND "interval" = ? AND ts >= ? GROUP BY symbol ORDER BY symbol DESC""",
        [span.source, span.forecast.interval, span.first],
    )
    return [
        f"{symbol}: {count:,} bars of {span.forecast.interval}, {utc(first):%Y-%m-%d %H:%M} to "
        f"{utc(last):%Y-%m-%d %H:%M} UTC, last close {close:.6g}"
        for symbol, count, first, last, _, close in rows
    ]


def _describe_windows(view: View, span: Span) -> list[str]:
    rows = view.rows(
        """SELECT topic, window_end, article_count, avg_sentiment, sentiment_model,
                  left(sentiment_sha256, 12) FROM gold.news_signals
           WHERE source = ? ORDER BY window_end, known_at""",
        [span.news_source],
    )
    return [
        f"{topic} up to {utc(end):%Y-%m-%d %H:%M} UTC: {count} stories, sentiment {mean:+.4f} by "
        f"{model} {digest}"
        for topic, end, count, mean, model, digest in rows
    ]


def _describe_features(view: View, published: PublishedBar) -> list[str]:
    declared = published.forecast
    rows = view.sql(
        f"SELECT * FROM {declared.table.full_name} WHERE source = ? AND ts = ? ORDER BY symbol",
        [published.source, published.ts],
    ).to_pylist()
    return [f"{row['symbol']}: {_describe_values(declared.feature_names, row)}" for row in rows]


def _describe_values(names: Sequence[str], row: dict[str, Any]) -> str:
    values = [f"{n} {row[n]:.6g}" if row[n] is not None else f"{n} null" for n in names]
    left_out = len(values) - MOST_VALUES
    return ", ".join(values[:MOST_VALUES]) + (f" and {left_out} more" if left_out > 0 else "")


def _describe_models(view: View, published: PublishedBar) -> list[str]:
    versions = set(published.predictions["model_version"].to_pylist())
    lines = []
    for target in published.targets:
        rows = view.rows(
            """SELECT DISTINCT ON (model_version) model_version, candidate, sha256, as_of, verdict,
                      snapshot FROM gold.model_decisions
               WHERE forecast = ? AND target = ? AND source = ?
               AND model_version IN (SELECT unnest(?)) ORDER BY model_version, decided_at""",
            [published.forecast.name, target, published.source, sorted(versions)],
        )
        name = model_name(published.forecast.target_forecast(target))
        lines += [
            f"{name} version {version} ({candidate}), SHA-256 {digest[:16]}, trained as of "
            f"{utc(as_of):%Y-%m-%d %H:%M} UTC on snapshot {snapshot}, {verdict}"
            for version, candidate, digest, as_of, verdict, snapshot in rows
        ]
    return lines


def _describe_predictions(published: PublishedBar) -> list[str]:
    lines = []
    for row in published.predictions.to_pylist():
        decision = f"{row['value']:+.6g}" if row["action"] is None else str(row["action"])
        lines.append(
            f"{row['symbol']} {row['target']}: {decision}, expected score "
            f"{row['expected_score']:+.6f}, version {row['model_version']}, scored "
            f"{utc(row['scored_at']):%Y-%m-%d %H:%M:%S} UTC"
        )
    return lines
