"""Long work reports its progress, and works the same when nobody watches."""

from __future__ import annotations

import inspect
from typing import get_args

from pipelines.core.progress import Progress, no_progress


def test_reporting_nothing_takes_what_every_report_takes() -> None:
    parameters, _ = get_args(Progress)
    declared = inspect.signature(no_progress, eval_str=True).parameters.values()
    assert [parameter.annotation for parameter in declared] == list(parameters)
    report: Progress = no_progress
    report("fitting", 1, 2)
