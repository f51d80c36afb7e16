"""Gates: what a model must show before it may be promoted. One that cannot be computed fails."""

from __future__ import annotations

from pipelines.gates.base import Decision, Evidence, Gate, GateVerdict, judge_all
from pipelines.gates.drift import Drift, InputsSound
from pipelines.gates.skill import BeyondTheDay, DirectionSkill, NoWorseThanChampion
from pipelines.gates.technical import Calibration, Gap, Latency, Parity, Size, TrainingTime

# Every gate with its usual limits.
STANDARD: tuple[Gate, ...] = (
    DirectionSkill(),
    DirectionSkill(within_place=True),
    BeyondTheDay(),
    NoWorseThanChampion(),
    Gap(),
    Calibration(),
    TrainingTime(),
    Parity(),
    Size(),
    Latency(),
    InputsSound(),
    Drift(),
)

__all__ = [
    "STANDARD",
    "BeyondTheDay",
    "Calibration",
    "Decision",
    "DirectionSkill",
    "Drift",
    "Evidence",
    "Gap",
    "Gate",
    "GateVerdict",
    "InputsSound",
    "Latency",
    "NoWorseThanChampion",
    "Parity",
    "Size",
    "TrainingTime",
    "judge_all",
]
