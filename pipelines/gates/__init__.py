"""Gates: what a model must show before it is promoted. A gate that cannot be computed fails."""

from __future__ import annotations

from pipelines.gates.base import Decision, Gate, GateVerdict, judge_all
from pipelines.gates.baselines import BeyondFrequent, BeyondPersistence
from pipelines.gates.direction import BeyondChance
from pipelines.gates.drift import Drift, InputsSound
from pipelines.gates.evidence import Evidence, IndexEvidence
from pipelines.gates.index_skill import IndexSkill
from pipelines.gates.skill import BeyondTheDay, DirectionSkill, NoWorseThanChampion
from pipelines.gates.technical import (
    Calibration,
    Gap,
    Latency,
    Parity,
    Selection,
    Size,
    TrainingTime,
)
from pipelines.gates.values import BeyondMean, Coverage, ValuesNoWorseThanChampion

# What every model must be, whatever it forecasts.
TECHNICAL: tuple[Gate, ...] = (
    TrainingTime(),
    Parity(),
    Size(),
    Latency(),
    InputsSound(),
    Drift(),
)

# For classes by the size of a move, of bars within sessions: every gate with its usual limits.
# What holds noise back are the two gates of direction, at 99 %. Those beyond the day and of the
# index ask what such skill is worth, at 80 %. Of twenty markets whose direction can be known with
# a rank IC of 0.06, all pass the gates of direction; with the other two 16 at 80 %, and 3 at 99 %.
STANDARD: tuple[Gate, ...] = (
    DirectionSkill(),
    DirectionSkill(within_place=True),
    BeyondTheDay(),
    IndexSkill(),
    NoWorseThanChampion(),
    Gap(),
    Calibration(),
    *TECHNICAL,
)

# For a value.
VALUE_GATES: tuple[Gate, ...] = (
    BeyondMean(),
    ValuesNoWorseThanChampion(),
    Gap(limit=0.3, of="R squared"),
    Coverage(),
    *TECHNICAL,
)

# For classes that last from one session to the next, such as risk, on some hundred judging rows.
# Of 400 honest models of three classes the error of calibration was below 0.042 in 99 of 100 on 500
# rows and below 0.058 on 200; on real daily bars sound models had 0.01 to 0.05, and one that
# overfitted 0.07.
RISK_GATES: tuple[Gate, ...] = (
    BeyondFrequent(),
    BeyondPersistence(),
    NoWorseThanChampion(),
    Gap(),
    Calibration(limit=0.06),
    *TECHNICAL,
)

# For two classes, such as up and down, of bars that each are a session. What holds noise back is
# the ROC AUC, at 99 %; what a model is worth beside always predicting the more frequent class is
# asked of its accuracy, at 80 %. Where what can be known has an AUC of 0.61, 1,500 sessions let all
# of 60 models pass; 0.58 lets three of four pass, and 0.55 one of two. The error of calibration is
# that of honest models, as of RISK_GATES.
DIRECTION_GATES: tuple[Gate, ...] = (
    BeyondChance(),
    BeyondFrequent(confidence=0.8),
    NoWorseThanChampion(),
    Gap(),
    Calibration(limit=0.06),
    *TECHNICAL,
)

__all__ = [
    "DIRECTION_GATES",
    "RISK_GATES",
    "STANDARD",
    "VALUE_GATES",
    "BeyondChance",
    "BeyondFrequent",
    "BeyondMean",
    "BeyondPersistence",
    "BeyondTheDay",
    "Calibration",
    "Coverage",
    "Decision",
    "DirectionSkill",
    "Drift",
    "Evidence",
    "Gap",
    "Gate",
    "GateVerdict",
    "IndexEvidence",
    "IndexSkill",
    "InputsSound",
    "Latency",
    "NoWorseThanChampion",
    "Parity",
    "Selection",
    "Size",
    "TrainingTime",
    "ValuesNoWorseThanChampion",
    "judge_all",
]
