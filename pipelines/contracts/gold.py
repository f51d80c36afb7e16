"""Gold tables: results, ready for SQL and for serving."""

from __future__ import annotations

from pipelines.contracts.columns import (
    ACTION,
    ACTION_REASON,
    AS_OF,
    BATCH,
    CLOSES_AT,
    DELAY_SECONDS,
    EXPLANATION,
    FORECAST,
    INSTEAD_OF,
    INTERVAL,
    KNOWN_AT,
    LIKELIEST,
    LIVE,
    MODEL_VERSION,
    NEWS_SOURCE,
    ORIGIN,
    PROVEN,
    SCORE,
    SCORED_AT,
    SHA256,
    SOURCE,
    SYMBOL,
    TARGET,
    TIMESTAMP_NEXT,
    TS,
    UNIVERSE,
    UNPROVEN_REASON,
    WEIGHT,
)
from pipelines.contracts.schema import Column, Table

RUNS = Table(
    "gold",
    "runs",
    "What each step did: what came in, went out and was rejected",
    (
        Column("run", "VARCHAR", "name of the run that asked: an Airflow run id, or cli:..."),
        Column("step", "VARCHAR", "ingest, train, score, ..."),
        SOURCE,
        Column("about", "VARCHAR", "universe, forecast or symbols it was about"),
        Column("interval_start", "TIMESTAMPTZ", "start of the interval asked for", "UTC"),
        Column("interval_end", "TIMESTAMPTZ", "end of the interval asked for", "UTC"),
        Column("status", "VARCHAR", "how it ended", among=("ok", "warned", "failed")),
        Column("counts", "VARCHAR", "what came in, went out and was rejected, as JSON"),
        Column("message", "VARCHAR", "in words", nullable=True),
        Column("finished_at", "TIMESTAMPTZ", "when it was committed", "UTC"),
        BATCH,
    ),
    key=("run", "step", "batch"),
)

CHECKS = Table(
    "gold",
    "checks",
    "The verdict of every check, with the rows that offended",
    (
        Column("table_name", "VARCHAR", "the table that was checked"),
        Column("check", "VARCHAR", "name of the check"),
        Column("kind", "VARCHAR", "blocking stops the run", among=("blocking", "warning")),
        Column("passed", "BOOLEAN", "the verdict"),
        Column("rows_checked", "BIGINT", "how many rows were looked at", "rows", low=0),
        Column("offenders", "BIGINT", "how many rows offended", "rows", low=0),
        Column("examples", "VARCHAR", "up to five of them, as JSON"),
        Column("detail", "VARCHAR", "the verdict in words"),
        Column("checked_at", "TIMESTAMPTZ", "when", "UTC"),
        BATCH,
    ),
    key=("table_name", "check", "batch"),
)

MODEL_DECISIONS = Table(
    "gold",
    "model_decisions",
    "Which model serves from when, and why: each was promoted, kept back, refused or withdrawn",
    (
        FORECAST,
        TARGET,
        SOURCE,
        AS_OF.replace(
            meaning="it serves bars that close after this; of a training, nothing known later was "
            "used; of a move by hand, when it was made"
        ),
        MODEL_VERSION,
        Column(
            "verdict",
            "VARCHAR",
            "promoted: it serves; kept: the champion of that time is better; refused by a gate; "
            "withdrawn: it serves no longer",
            among=("promoted", "kept", "refused", "withdrawn"),
        ),
        Column("proven", "BOOLEAN", "true: every blocking gate was passed"),
        Column("reason", "VARCHAR", "the decision in words"),
        Column("gates", "VARCHAR", "each gate's value, interval, limit and reason, as JSON"),
        Column("snapshot", "BIGINT", "snapshot of the lake on which the model was trained", low=0),
        Column(
            "definition",
            "VARCHAR",
            "fingerprint of the features and the label on which the model was trained",
        ),
        Column("candidate", "VARCHAR", "kind of model"),
        Column("sha256", "VARCHAR", "SHA-256 of the model's file"),
        Column("challengers", "VARCHAR", "SHA-256 by kind of model, of those beside it, as JSON"),
        Column("run_id", "VARCHAR", "run of the training in MLflow"),
        Column("decided_at", "TIMESTAMPTZ", "when it was decided", "UTC"),
        BATCH,
    ),
    key=("forecast", "target", "source", "model_version", "verdict", "decided_at"),
)

PREDICTIONS = Table(
    "gold",
    "predictions",
    "What was said of each bar, a row per bar, target and model; live rows are never changed",
    (
        FORECAST,
        TARGET,
        SOURCE,
        NEWS_SOURCE,
        SYMBOL,
        INTERVAL,
        TS,
        CLOSES_AT,
        TIMESTAMP_NEXT,
        Column("role", "VARCHAR", "a challenger decides nothing", among=("champion", "challenger")),
        Column("candidate", "VARCHAR", "kind of model"),
        MODEL_VERSION,
        SHA256,
        ACTION.replace(nullable=True, meaning="predicted class; null where a value is predicted"),
        SCORE.replace(nullable=True),
        LIKELIEST,
        ACTION_REASON,
        Column(
            "expected_score", "DOUBLE",
            "sum of probability x score of the classes; or the value itself",
            "-2 to 2; or the value's",
        ),
        Column(
            "confidence", "DOUBLE", "probability of the action", "0 to 1", nullable=True, low=0,
            high=1,
        ),
        Column(
            "probabilities", "MAP(VARCHAR, DOUBLE)", "probability of each class", "0 to 1",
            nullable=True,
        ),
        Column(
            "value", "DOUBLE", "predicted value; null where a class is predicted", "fraction",
            nullable=True,
        ),
        Column("value_low", "DOUBLE", "lower end of the 80 % interval", "fraction", nullable=True),
        Column("value_high", "DOUBLE", "upper end of the 80 % interval", "fraction", nullable=True),
        *EXPLANATION,
        PROVEN,
        UNPROVEN_REASON,
        INSTEAD_OF,
        LIVE,
        SCORED_AT,
        DELAY_SECONDS,
        BATCH,
    ),
    key=(
        "forecast", "target", "source", "symbol", "interval", "ts", "role", "candidate", "live",
    ),
    sort=("forecast", "source", "ts", "symbol"),
)  # fmt: skip

INDEX_SIGNALS = Table(
    "gold",
    "index_signals",
    "The Weighted Sentiment Score of a universe at each bar, and the signal it makes",
    (
        FORECAST,
        SOURCE,
        NEWS_SOURCE,
        UNIVERSE,
        Column(
            "index",
            "VARCHAR",
            "index or fund whose weights combine the members: QQQ; or a symbol by itself: NVDA",
        ),
        Column("instrument", "VARCHAR", "what the signal is about: /NQ, NVDA"),
        INTERVAL,
        TS,
        CLOSES_AT,
        TIMESTAMP_NEXT,
        Column("wss", "DOUBLE", "sum of score x share of the scored", "-2 to 2", low=-2, high=2),
        Column(
            "expected_wss",
            "DOUBLE",
            "sum of expected score x share of the scored, of a value the value itself; null in "
            "rows of older releases",
            "-2 to 2",
            nullable=True,
            low=-2,
            high=2,
        ),
        Column("signal", "VARCHAR", "the signal", among=("SELL", "HOLD", "BUY")),
        Column("reason", "VARCHAR", "why, in words"),
        Column("coverage", "DOUBLE", "scored share of the universe", "0 to 1", low=0, high=1),
        Column("index_share", "DOUBLE", "the universe's share of the index", "0 to 1", low=0),
        Column(
            "weights_effective",
            "DATE",
            "first session to which the weights apply; 1970-01-01 of a symbol by itself",
        ),
        Column("weights_partial", "BOOLEAN", "true: the source weighs only some of the members"),
        MODEL_VERSION,
        PROVEN,
        UNPROVEN_REASON,
        INSTEAD_OF,
        LIVE,
        SCORED_AT,
        DELAY_SECONDS,
        BATCH,
    ),
    key=("forecast", "source", "universe", "interval", "ts", "live"),
    sort=("forecast", "source", "universe", "ts"),
)

CONTRIBUTIONS = Table(
    "gold",
    "contributions",
    "Each constituent's part in the Weighted Sentiment Score of a bar",
    (
        FORECAST,
        SOURCE,
        UNIVERSE,
        INTERVAL,
        TS,
        SYMBOL,
        WEIGHT,
        Column("share", "DOUBLE", "weight over the universe's weights", "0 to 1", above=0, high=1),
        ACTION.replace(
            nullable=True,
            meaning="predicted action, of a value that of its sign; null where it was not scored",
        ),
        SCORE.replace(nullable=True),
        Column("contribution", "DOUBLE", "score x share; 0 where not scored", "-2 to 2"),
        LIVE,
        BATCH,
    ),
    key=("forecast", "source", "universe", "interval", "ts", "symbol", "live"),
    sort=("forecast", "source", "universe", "ts", "symbol"),
)

OUTCOMES = Table(
    "gold",
    "outcomes",
    "What became of each prediction, once it was known; follows corrected bars",
    (
        FORECAST,
        TARGET,
        SOURCE,
        SYMBOL,
        INTERVAL,
        TS,
        MODEL_VERSION,
        Column(
            "outcome",
            "DOUBLE",
            "outcome that the label computes from the bars after",
            "the label's",
        ),
        Column(
            "next_return",
            "DOUBLE",
            "log-return from this close to the close that is predicted",
            "fraction",
        ),
        Column(
            "actual",
            "VARCHAR",
            "class of the outcome by the model's thresholds; null where a value is predicted",
            nullable=True,
        ),
        KNOWN_AT.replace(meaning="when the bar that decides had closed"),
        BATCH,
    ),
    key=("forecast", "target", "source", "symbol", "interval", "ts", "model_version"),
    sort=("forecast", "source", "ts", "symbol"),
)

INDEX_OUTCOMES = Table(
    "gold",
    "index_outcomes",
    "What the index, or the symbol, did after each signal, once it was known; follows corrected "
    "bars",
    (
        FORECAST,
        SOURCE,
        UNIVERSE,
        INTERVAL,
        TS,
        Column(
            "next_return",
            "DOUBLE",
            "log-return of the index from this close to the close of the next bar",
            "fraction",
        ),
        Column("spans_night", "BOOLEAN", "true: the next bar is of another session"),
        ORIGIN.replace(
            meaning="whose bars show it: the fund (QQQ), or the symbol itself; members: their "
            "returns by weight, where the fund lacks a bar"
        ),
        Column(
            "coverage", "DOUBLE", "part of the members' weight that has both bars; 1 of a fund",
            "0 to 1", low=0, high=1,
        ),
        KNOWN_AT.replace(meaning="when the next bar had closed"),
        BATCH,
    ),
    key=("forecast", "source", "universe", "interval", "ts"),
    sort=("forecast", "source", "universe", "ts"),
)  # fmt: skip

AUDITS = Table(
    "gold",
    "audits",
    "What each audit proved anew: published rows drawn at random, and what differed",
    (
        Column("run", "VARCHAR", "name of the run that asked: an Airflow run id, or cli:..."),
        Column(
            "check",
            "VARCHAR",
            "features: recomputed on a history that ends at the bar's close; answers: derived "
            "again from the raw answers; requests: predicted by the path of the API; increments: "
            "the newest features computed in one go; times: commits of live rows against the clock",
            among=("features", "answers", "requests", "increments", "times"),
        ),
        FORECAST,
        SOURCE,
        Column("seed", "BIGINT", "the rows were drawn with it; the same one draws them again"),
        Column("rows_checked", "BIGINT", "rows that were compared", "rows", low=0),
        Column("rows_left_out", "BIGINT", "drawn, and not comparable any more", "rows", low=0),
        Column("differences", "BIGINT", "rows that differ", "rows", low=0),
        Column(
            "first_difference",
            "VARCHAR",
            "the first value that differs, with its row; null where none does",
            nullable=True,
        ),
        Column("seconds", "DOUBLE", "how long the check took", "seconds", low=0),
        Column("audited_at", "TIMESTAMPTZ", "when", "UTC"),
        BATCH,
    ),
    key=("run", "check", "forecast", "source", "batch"),
    sort=("audited_at", "check", "forecast", "source"),
)

TABLES: tuple[Table, ...] = (
    RUNS,
    CHECKS,
    AUDITS,
    MODEL_DECISIONS,
    PREDICTIONS,
    INDEX_SIGNALS,
    CONTRIBUTIONS,
    OUTCOMES,
    INDEX_OUTCOMES,
)
