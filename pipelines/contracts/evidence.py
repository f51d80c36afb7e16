"""Gold tables of what is known about a model: curves and counts of its training, drift since."""

from __future__ import annotations

from pipelines.contracts.columns import (
    AS_OF,
    BATCH,
    FORECAST,
    MODEL_VERSION,
    SHA256,
    SOURCE,
    TARGET,
)
from pipelines.contracts.schema import Column, Table

EVIDENCE_KINDS = ("roc", "calibration", "confusion", "importance")

MODEL_EVIDENCE = Table(
    "gold",
    "model_evidence",
    "What each training showed of its best candidate: ROC, calibration and confusion on the rows "
    "that its gates judged, and the importance of its features; versions that were trained before "
    "this table was there have no rows",
    (
        FORECAST,
        TARGET,
        SOURCE,
        AS_OF,
        MODEL_VERSION,
        SHA256.replace(meaning="of the file that was registered", nullable=False),
        Column(
            "candidate",
            "VARCHAR",
            "kind of model that the rows are about: where it was refused, a baseline may be "
            "registered in its place",
        ),
        Column("evidence", "VARCHAR", "what the row is a part of", among=EVIDENCE_KINDS),
        Column(
            "name",
            "VARCHAR",
            "of roc and calibration the class, or value; of confusion the class that came; of "
            "importance the feature",
        ),
        Column("place", "SMALLINT", "order of the rows of one name, of importance of all", low=1),
        Column("predicted", "VARCHAR", "of confusion: the predicted class", nullable=True),
        Column(
            "x",
            "DOUBLE",
            "of roc: false positives, a share of the other rows; of calibration: mean of what was "
            "promised, a probability or a value",
            "the evidence's",
            nullable=True,
        ),
        Column(
            "y",
            "DOUBLE",
            "of roc: true positives, a share of the class's rows; of calibration: what came, the "
            "share of the rows or the mean of the outcomes",
            "the evidence's",
            nullable=True,
        ),
        Column(
            "area",
            "DOUBLE",
            "of roc: area under the whole curve; of calibration: mean distance between promised "
            "and came; null where it is not defined",
            "the evidence's",
            nullable=True,
        ),
        Column(
            "row_count",
            "BIGINT",
            "rows that were counted: of confusion with these two classes, of calibration in this "
            "group, of roc in all",
            "rows",
            low=0,
        ),
        Column(
            "loss",
            "DOUBLE",
            "of importance: fit that is lost when the feature is shuffled",
            "of measure",
            nullable=True,
        ),
        Column(
            "spread", "DOUBLE", "of importance: deviation of the loss over the draws",
            "of measure", nullable=True, low=0,
        ),
        Column(
            "measure",
            "VARCHAR",
            "of importance: what the fit is, such as macro F1, on selection rows",
            nullable=True,
        ),
        BATCH,
    ),
    key=("forecast", "target", "model_version", "sha256", "evidence", "name", "place"),
    sort=("forecast", "target", "model_version", "evidence", "name", "place"),
)  # fmt: skip

FEATURE_DRIFT = Table(
    "gold",
    "feature_drift",
    "How far the features of live rows lie from those that the serving model was trained on, as "
    "each monitoring measured it",
    (
        FORECAST,
        TARGET,
        SOURCE,
        Column("measured_at", "TIMESTAMPTZ", "the monitoring looked at rows until then", "UTC"),
        MODEL_VERSION,
        Column("feature", "VARCHAR", "name of the feature"),
        Column(
            "distance",
            "DOUBLE",
            "Wasserstein distance of live and training rows; null where they cannot be compared",
            "standard deviations of the training rows",
            nullable=True,
            low=0,
        ),
        Column("drift_limit", "DOUBLE", "distance above which a feature counts as drifted",
               "standard deviations of the training rows", low=0),
        Column("drifted", "BOOLEAN", "true: it lies farther away, or cannot be compared"),
        Column("row_count", "BIGINT", "live rows that were compared", "rows", low=0),
        BATCH,
    ),
    key=("forecast", "target", "source", "measured_at", "model_version", "feature", "batch"),
    sort=("forecast", "target", "measured_at", "feature"),
)  # fmt: skip

TABLES: tuple[Table, ...] = (MODEL_EVIDENCE, FEATURE_DRIFT)
