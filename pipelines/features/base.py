"""The declaration of a feature, and the computation of features of many symbols at once.

A feature declares its inputs and its window, and looks at exactly that many bars: the bar
itself and `window - 1` before it. So 21 bars give the same value as 21,000, an incremental run
gives the same as a full one, and symbols can lie end to end in one array: only the first
`window - 1` rows of each have no value, and every other row uses its own symbol alone.

An input is a column of the own bars or a reference to what lies beside them (inputs.py). Where a
reference has no value in the window the feature has none either, or its stated neutral one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType

import numpy as np

from pipelines.core.errors import InvalidRequest, unknown
from pipelines.features.inputs import OWN_COLUMNS, Input, Reference, input_name
from pipelines.features.panel import Arrays, Panel
from pipelines.features.rolling import total


@dataclass(frozen=True)
class Feature:
    """One column: a pure function of the last `window` bars of one symbol.

    `compute` takes the input arrays of n bars and returns n - window + 1 values, the first for
    the first bar that has `window - 1` bars before it.
    """

    name: str
    meaning: str
    inputs: tuple[Input, ...]
    window: int
    compute: Callable[[Arrays], np.ndarray]
    unit: str = "ratio"
    low: float | None = None  # smallest value possible, where there is one
    high: float | None = None
    # The value where a reference is missing; None: the feature is missing, and the row not scored.
    neutral: float | None = None
    # 1 or 0 for whether a reference is there: the one feature that may be the same on all rows.
    is_flag: bool = False
    formula: str = ""  # for readers, in the signs of pipelines/features/INTRADAY.md

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InvalidRequest(
                f"feature {self.name}: window is {self.window}",
                "count the bar itself: a feature of the bar alone has window 1",
            )
        for name in self.inputs:
            if isinstance(name, str) and name not in OWN_COLUMNS:
                raise unknown(f"input of feature {self.name}", name, OWN_COLUMNS)
        if self.neutral is not None and not self.references:
            raise InvalidRequest(
                f"feature {self.name} has the neutral value {self.neutral:g} and no reference",
                "leave it out: it stands in for missing values of a reference alone",
            )

    @property
    def look_back(self) -> int:
        """Number of bars needed before the bar itself."""
        return self.window - 1

    @property
    def references(self) -> tuple[Reference, ...]:
        """Its inputs that lie beside its own bars."""
        return tuple(i for i in self.inputs if isinstance(i, Reference))

    @property
    def definition(self) -> tuple[object, ...]:
        """Identity of the feature: name, window, inputs, and the code of its function."""
        own = (self.name, self.window, self.inputs, _code(self.compute))
        return own if self.neutral is None else (*own, self.neutral)


def _code(function: Callable[..., object]) -> tuple[object, ...]:
    """Return a function's code, the constants it closes over, and our functions that it calls."""
    code = function.__code__
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    globals_used = [function.__globals__.get(name) for name in code.co_names]
    own_functions = [
        callee
        for callee in (*cells, *globals_used)
        if isinstance(callee, FunctionType) and callee.__module__.startswith("pipelines.")
    ]
    inner = [c.co_code.hex() if isinstance(c, CodeType) else repr(c) for c in code.co_consts[1:]]
    constants = [repr(cell) for cell in cells if not isinstance(cell, FunctionType)]
    return (code.co_code.hex(), code.co_names, *inner, *constants, *map(_code, own_functions))


def look_back(features: Sequence[Feature]) -> int:
    """Return how many bars before a bar are needed for all of its features."""
    return max((f.look_back for f in features), default=0)


def feature_matrix(features: Sequence[Feature], panel: Panel) -> np.ndarray:
    """Compute features: a row a bar, a column a feature, float32.

    NaN where a symbol has too few bars before.
    """
    # Column by column in memory: so it is written here and stored in the lake.
    matrix = np.full((len(panel), len(features)), np.nan, dtype=np.float32, order="F")
    if not len(panel):
        return matrix
    with np.errstate(divide="ignore", invalid="ignore"):
        arrays = {**panel.arrays, "log_close": np.log(panel.arrays["close"])}
        for column, feature in enumerate(features):
            if len(panel) < feature.window:
                continue
            inputs = {name: arrays[name] for name in map(input_name, feature.inputs)}
            values = feature.compute(inputs)
            in_place = matrix[:, column]
            in_place[feature.look_back :] = values
            # A ratio over zero (hours without any volume) is not a number: the value is missing.
            np.copyto(in_place, np.nan, where=np.isinf(in_place))
            if feature.neutral is not None:
                absent = np.zeros(len(panel))
                for reference in feature.references:
                    absent += np.isnan(inputs[reference.name])
                lacks_value = np.isnan(values) & (total(absent, feature.window) > 0)
                np.copyto(in_place[feature.look_back :], feature.neutral, where=lacks_value)
            in_place[panel.first_rows(feature.look_back)] = np.nan
    return matrix


def collect_references(features: Sequence[Feature]) -> tuple[Reference, ...]:
    """Return what the features read beside their own bars, once each."""
    return tuple(dict.fromkeys(r for feature in features for r in feature.references))
