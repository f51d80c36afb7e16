"""Long work reports its progress, and works the same when nobody watches."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

from pipelines.core.progress import CountedProgress, Progress, no_progress


def test_reporting_nothing_takes_what_every_report_takes() -> None:
    parameters, _ = get_args(Progress)
    declared = inspect.signature(no_progress, eval_str=True).parameters.values()
    assert [parameter.annotation for parameter in declared] == list(parameters)
    report: Progress = no_progress
    report("fitting", 1, 2)


def test_work_of_several_threads_is_one_count() -> None:
    steps: list[tuple[str, int, int]] = []
    progress = CountedProgress(lambda *step: steps.append(step), 200)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: progress(f"part {n}", 2), range(100)))
    assert [done for _, done, _ in steps] == list(range(0, 200, 2))
    assert {total for *_, total in steps} == {200}
