"""Columns that tables share: one quantity has one name and one unit everywhere."""

from __future__ import annotations

from pipelines.contracts.schema import Column

SOURCE = Column("source", "VARCHAR", "source of the data: sample, sample_noise, yahoo, files, ...")
NEWS_SOURCE = Column(
    "news_source",
    "VARCHAR",
    "source of the news that the features read beside the bars of source; null where they read "
    "none, and in rows of an earlier Bullion",
    nullable=True,
)
SYMBOL = Column("symbol", "VARCHAR", "ticker as the source spells it")
INTERVAL = Column(
    "interval",
    "VARCHAR",
    "length of the bar",
    among=("1m", "5m", "15m", "30m", "1h", "1d", "1w", "1mo"),
)
TS = Column("ts", "TIMESTAMPTZ", "the bar's open", "UTC")
CLOSES_AT = Column("closes_at", "TIMESTAMPTZ", "the bar's close", "UTC")
SESSION = Column("session", "DATE", "the exchange's trading day the bar belongs to")
RECEIVED_AT = Column("received_at", "TIMESTAMPTZ", "when the source's answer arrived", "UTC")
BATCH = Column("batch", "BIGINT", "number of the commit that wrote the row; ascends", low=1)
WEIGHT = Column("weight", "DOUBLE", "share of the whole index", "fraction", above=0, high=1)
EFFECTIVE = Column("effective", "DATE", "first session the weight applies to")
KNOWN_AT = Column("known_at", "TIMESTAMPTZ", "from when on it was known; joins use this", "UTC")
PARTIAL = Column("partial", "BOOLEAN", "true: the source names only some of the members")
ORIGIN = Column("origin", "VARCHAR", "where the weight was read: provider, holdings_csv, ...")

TOPIC = Column("topic", "VARCHAR", "topic of news, as include/topics names it")
STORY = Column("story", "VARCHAR", "the story: first 16 digits of its canonical URL's SHA-256")
SENTIMENT_MODEL = Column("sentiment_model", "VARCHAR", "sentiment model that spoke")
SENTIMENT_VERSION = Column(
    "sentiment_version",
    "VARCHAR",
    "version of that model; null in rows of an earlier Bullion",
    nullable=True,
)
ASKED_MODEL = Column(
    "asked_model",
    "VARCHAR",
    "sentiment model that the setting names; where it is another, it could not be used",
)
SENTIMENT_SHA256 = Column("sentiment_sha256", "VARCHAR", "SHA-256 of that model's file")


def _price(name: str, meaning: str) -> Column:
    return Column(name, "DOUBLE", meaning, "currency of the symbol", above=0)


OPEN, HIGH = _price("open", "first price"), _price("high", "highest price")
LOW, CLOSE = _price("low", "lowest price"), _price("close", "last price")
VOLUME = Column(
    "volume",
    "DOUBLE",
    "traded volume; of oanda, which does not know it, the count of its prices in the bar",
    "shares or contracts; prices",
    nullable=True,
    low=0,
)
BID = _price("bid", "closing bid").replace(nullable=True)
ASK = _price("ask", "closing ask").replace(nullable=True)
PRICES = (OPEN, HIGH, LOW, CLOSE, VOLUME, BID, ASK)
STREAM = "stream"
BUILT_FROM = Column(
    "built_from",
    "VARCHAR",
    "stream: Bullion built the bar from the source's live prices; null: it is the source's own",
    nullable=True,
    among=(STREAM,),
)

BARS_KEY = ("source", "symbol", "interval", "ts")
BARS_SORT = ("source", "interval", "symbol", "ts")
# The newest bars are read most often: this order keeps them together, in small row groups.
NEWEST_LAST = ("source", "interval", "ts", "symbol")
SMALL_GROUP = 16_384

FORECAST = Column("forecast", "VARCHAR", "name of the forecast")
TARGET = Column("target", "VARCHAR", "what is predicted: action, return, risk")
AS_OF = Column("as_of", "TIMESTAMPTZ", "nothing known later was used", "UTC")
MODEL_VERSION = Column("model_version", "BIGINT", "version in the model registry", low=1)
UNIVERSE = Column("universe", "VARCHAR", "list of constituents: qqq, nasdaq100")
TIMESTAMP_NEXT = Column(
    "timestamp_next", "TIMESTAMPTZ", "close of the bar that is predicted", "UTC"
)
ACTION = Column("action", "VARCHAR", "what it is said to do: strong_sell to strong_buy")
SCORE = Column("score", "DOUBLE", "score of the action", "-2 to 2")
PROVEN = Column("proven", "BOOLEAN", "true: the model had passed every blocking gate")
UNPROVEN_REASON = Column("unproven_reason", "VARCHAR", "why the model is unproven", nullable=True)
INSTEAD_OF = Column(
    "instead_of",
    "VARCHAR",
    "which model the newest decision names, and why it cannot serve; null where it does serve",
    nullable=True,
)
SHA256 = Column(
    "sha256", "VARCHAR", "of the model's file; null where it was not kept yet", nullable=True
)
LIVE = Column("live", "BOOLEAN", "true: written before the next bar of the interval had closed")
SCORED_AT = Column("scored_at", "TIMESTAMPTZ", "when it was written", "UTC")
DELAY_SECONDS = Column(
    "delay_seconds",
    "DOUBLE",
    "how late a live row was published: time from closes_at to scored_at; null in rows that are "
    "not live, which a backfill may write years later, and in rows of an earlier Bullion",
    "seconds",
    nullable=True,
)
LIKELIEST = Column(
    "likeliest",
    "VARCHAR",
    "class with the highest probability; null where a value is predicted, and in rows of older "
    "releases",
    nullable=True,
)
ACTION_REASON = Column(
    "action_reason",
    "VARCHAR",
    "why it is this action, in words; null where a value is predicted, and in rows of older "
    "releases",
    nullable=True,
)
FEATURE_CONTRIBUTIONS = Column(
    "feature_contributions",
    "MAP(VARCHAR, DOUBLE)",
    "how far each feature moved the prediction; null where the target is not explained",
    "of contributions_to",
    nullable=True,
)
CONTRIBUTION_METHOD = Column(
    "contribution_method",
    "VARCHAR",
    "tree_shap: exact SHAP values, which add up; occlusion: each feature replaced by its median",
    nullable=True,
)
CONTRIBUTIONS_TO = Column(
    "contributions_to", "VARCHAR", "what the contributions are to, in words", nullable=True
)
EXPLANATION = (FEATURE_CONTRIBUTIONS, CONTRIBUTION_METHOD, CONTRIBUTIONS_TO)
