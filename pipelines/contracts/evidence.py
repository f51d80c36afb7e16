"""Gold tables of what is known about a model: its rivals, what its training showed, drift since."""

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

MODEL_RANKINGS = Table(
    "gold",
    "model_rankings",
    "How the candidates of each training compared, on the same rows",
    (
        FORECAST,
        TARGET,
        SOURCE,
        AS_OF,
        MODEL_VERSION,
        SHA256.replace(meaning="of the file that was registered; null where it was not kept yet"),
        Column("rank", "INTEGER", "1 is the best", low=1),
        Column("candidate", "VARCHAR", "kind of model"),
        Column("macro_f1", "DOUBLE", "mean F1 of the classes", "0 to 1", nullable=True, low=0),
        Column(
            "accuracy",
            "DOUBLE",
            "share of the rows whose class was predicted right",
            "0 to 1",
            nullable=True,
            low=0,
        ),
        Column(
            "roc_auc",
            "DOUBLE",
            "share of pairs of both classes that are ranked rightly, where there are two classes",
            "0 to 1",
            nullable=True,
            low=0,
        ),
        Column(
            "log_loss",
            "DOUBLE",
            "mean negative logarithm of the probability of the class that came",
            "nats",
            nullable=True,
            low=0,
        ),
        Column(
            "rank_ic",
            "DOUBLE",
            "rank correlation of expected score and outcome",
            "-1 to 1",
            nullable=True,
        ),
        Column("rmse", "DOUBLE", "root mean square error of values", "fraction", nullable=True),
        Column("mae", "DOUBLE", "mean absolute error of values", "fraction", nullable=True),
        Column("r2", "DOUBLE", "share of the variance explained", "1 at most", nullable=True),
        Column(
            "hit_rate",
            "DOUBLE",
            "share of the rows whose sign was predicted right",
            "0 to 1",
            nullable=True,
        ),
        Column(
            "precision", "DOUBLE",
            "share of the rows predicted to be of the upper class that came so; of more than two "
            "classes the mean over all of them",
            "0 to 1", nullable=True, low=0,
        ),
        Column(
            "recall", "DOUBLE",
            "share of the rows of the upper class that were predicted to be; of more than two "
            "classes the mean over all of them",
            "0 to 1", nullable=True, low=0,
        ),
        Column(
            "train_auc", "DOUBLE",
            "ROC AUC on training rows: of two classes; of more its mean, each against the others; "
            "of a value that of rises",
            "0 to 1", nullable=True, low=0,
        ),
        Column(
            "validation_auc", "DOUBLE",
            "the same over newer rows of folds of time, each fitted on older rows; null without "
            "folds",
            "0 to 1", nullable=True, low=0,
        ),
        Column(
            "test_auc", "DOUBLE", "the same on selection rows before the out-of-time tail",
            "0 to 1", nullable=True, low=0,
        ),
        Column(
            "out_of_time_auc", "DOUBLE",
            "the same on the newest selection rows, before those that the gates judge; null "
            "without a tail",
            "0 to 1", nullable=True, low=0,
        ),
        Column(
            "auc_gap", "DOUBLE", "train_auc less out_of_time_auc, or less test_auc without a tail",
            "-1 to 1", nullable=True,
        ),
        Column("feature_count", "INTEGER", "features that it reads", nullable=True, low=1),
        Column("seconds", "DOUBLE", "that fitting took", "seconds", low=0),
        Column(
            "objection", "VARCHAR", "why the target's rule of selection would not have it",
            nullable=True,
        ),
        Column("failure", "VARCHAR", "why it could not be fitted", nullable=True),
        BATCH,
    ),
    key=("forecast", "target", "model_version", "candidate"),
)  # fmt: skip

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

TABLES: tuple[Table, ...] = (MODEL_RANKINGS, MODEL_EVIDENCE, FEATURE_DRIFT)
