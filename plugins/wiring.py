"""The common parts of all DAGs: owner, retries, time-outs, parameters, how errors end a task.

It is light to import, because Airflow reads every DAG file again and again: a task imports what it
needs when it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, DeadlineAlert, Param, SyncCallback, chain, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from live_runs import LiveRunDue

from include.alerting import report_failure, report_late_run
from pipelines.core.errors import CheckFailed, InvalidRequest, NothingToDo
from pipelines.core.intervals import utc
from pipelines.core.settings import settings
from pipelines.core.universes import universe_names
from pipelines.forecasts import Forecast
from pipelines.sources import news_sources, sources_of

if TYPE_CHECKING:
    from pipelines.jobs import NewsRun, RunRequest

NAMES = {"type": ["null", "array"], "items": {"type": "string", "minLength": 1}}
TIME = {"type": ["null", "string"], "format": "date-time"}
FORCE = Param(
    False, "Ask the source again for what an earlier run brought in the last hours.", type="boolean"
)
PARAMS = {
    "source": Param(
        settings().source,
        "Whose bars; `sample` is a made-up market.",
        type="string",
        enum=list(sources_of("bars")),
    ),
    "universe": Param(
        settings().universe,
        "Whose bars are ingested, where it is a part of the forecast's universe; else all of that.",
        type="string",
        enum=list(universe_names()),
    ),
    "symbols": Param([], "Only these symbols; empty: all of the universe.", **NAMES),
    "start": Param(None, "Bars that open from here on, UTC; empty: the run's interval.", **TIME),
    "end": Param(None, "Nothing later than this is used, UTC; empty: the run's interval.", **TIME),
    "force": FORCE,
}
NEWS_PARAMS = {
    "sources": Param(
        list(news_sources()),
        "Whose news; several are asked side by side.",
        type="array",
        items={"type": "string", "enum": list(sources_of("news"))},
    ),
    "start": Param(None, "Stories known from here on, UTC; empty: the run's interval.", **TIME),
    "end": Param(None, "Stories known before this, UTC; empty: the run's interval.", **TIME),
    "force": FORCE,
}
RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,  # a multiplier: True would count as 1
    "max_retry_delay": timedelta(minutes=10),
}
LATE = DeadlineAlert(
    LiveRunDue(), timedelta(minutes=5), SyncCallback(report_late_run), "signal is late"
)
(
    BRONZE_BARS, SILVER_BARS, FEATURES, MODELS, PREDICTIONS, SIGNALS, OUTCOMES, SILVER_NEWS,
    NEWS_SIGNALS, STREAM_BARS,
) = (
    Asset(name)
    for name in (
        "bronze.bars", "silver.bars", "gold.features", "gold.model_decisions",
        "gold.predictions", "gold.index_signals", "gold.outcomes", "silver.news",
        "gold.news_signals", "stream.bars",
    )
)  # fmt: skip
PANEL = [SILVER_BARS, NEWS_SIGNALS]  # what features are computed of
OF_SCORING = {"inlets": [*PANEL, MODELS], "outlets": [FEATURES, PREDICTIONS, SIGNALS]}
OF_OUTCOMES = {"inlets": [SILVER_BARS, PREDICTIONS], "outlets": [OUTCOMES]}
# The jobs of a training: what each does, which tests hold to what the job says of itself, and the
# options of its step.
JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "bring_training_bars": (
        "Bring the bars that a training needs and that are still missing.",
        {"outlets": [SILVER_BARS], "minutes": 60},
    ),
    "bring_training_news": (
        "Bring the stories that a training reads and that are still missing.",
        {"outlets": [SILVER_NEWS], "minutes": 60},
    ),
    "validate_bronze": ("Hold what the sources said to the contracts of its tables.", {}),
    "training_news_signals": (
        "Score the new titles, and write the windows that ended.",
        {"inlets": [SILVER_NEWS], "outlets": [NEWS_SIGNALS]},
    ),
    "features": (
        "Compute a forecast's features and labels from what silver has now.",
        {"inlets": PANEL, "outlets": [FEATURES]},
    ),
    "validate_gold": ("Hold the rows that are trained on to the contracts of their tables.", {}),
    "train_only": (
        "Compare the candidates, select one, ask the gates, and record the verdict.",
        {"inlets": [FEATURES], "outlets": [MODELS], "minutes": 120, "nice": 10},
    ),
    "promote": (
        "Let MLflow's alias follow the decisions, and release what no model needs any more.",
        {},
    ),
    "report": ("Log the newest decision with its gates and its ranking; return them.", {}),
}


# Jobs that do the targets of a forecast one by one: with several targets each is a mapped task of
# its own, on whatever worker is free. What they give does not depend on that, to the bit.
PER_TARGET = {"train_only"}
# Executors whose tasks share one machine: there a training has its memory to itself.
ON_ONE_MACHINE = {"LocalExecutor", "SequentialExecutor"}


def step(minutes: int = 30, nice: int = 0, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Declare a task of Bullion: its errors decide on retries, and a failure sends an alert.

    One that works for minutes on all cores has a `nice` above 0: what is scored and served
    meanwhile comes first.

    An error of the request or of the data is not tried again. Where there is nothing to do the
    task is skipped, with the reason in the log. Everything else is tried again.
    """

    def declare(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            if nice:
                os.nice(nice)  # of this process, which runs one task
            try:
                return function(*args, **kwargs)
            except NothingToDo as error:
                raise AirflowSkipException(str(error)) from error
            except (InvalidRequest, CheckFailed) as error:
                raise AirflowFailException(str(error)) from error

        return task(
            owner="bullion",
            doc_md=function.__doc__,  # of a task that is mapped Airflow does not take it by itself
            execution_timeout=timedelta(minutes=minutes),
            on_failure_callback=report_failure,
            **RETRIES,
            **options,
        )(run)

    return declare


def job_step(forecast: Forecast) -> Callable[..., Any]:
    """Return a function that adds a task which runs one of the jobs for a forecast.

    It takes the task's name and the job's. What the task does is said by JOBS, as a DAG file is
    read often and the jobs themselves are heavy to import.
    """

    def add(name: str, job: str) -> Any:
        meaning, options = JOBS[job]

        def run(params: Any = None, dag_run: Any = None) -> Any:
            from pipelines import jobs

            return getattr(jobs, job)(forecast.name, run_request(forecast, params, dag_run))

        def run_target(target: str, params: Any = None, dag_run: Any = None) -> Any:
            from pipelines import jobs

            request = run_request(forecast, params, dag_run)
            return getattr(jobs, job)(forecast.name, request, target=target)

        run.__name__ = run_target.__name__ = name
        run.__doc__ = run_target.__doc__ = meaning
        if job in PER_TARGET and len(forecast.targets) > 1:
            mapped = step(**options, max_active_tis_per_dagrun=trainings_at_once())(run_target)
            return mapped.expand(target=list(forecast.target_names))
        return step(**options)(run)()

    return add


def trainings_at_once() -> int | None:
    """Return how many targets of a run are trained at once: one on one machine, else no limit."""
    from airflow.configuration import conf

    return 1 if conf.get("core", "executor") in ON_ONE_MACHINE else None


def one_after_another(*steps: Any) -> None:
    """Run the steps in turn, and begin a run only when the run before it has ended or failed.

    Airflow waits for a task's own downstream tasks in the run before. The empty tasks here never
    fail, so they never block the next run. `ended` is a teardown: it runs after a failure too, and
    does not turn the run into a success.
    """
    from airflow.providers.standard.operators.empty import EmptyOperator

    in_order = EmptyOperator(
        task_id="in_order", owner="bullion", depends_on_past=True, wait_for_downstream=True
    )
    begun = EmptyOperator(task_id="begun", owner="bullion")
    ended = EmptyOperator(task_id="ended", owner="bullion").as_teardown()
    chain(in_order, begun, *steps, ended)
    in_order >> ended


def run_request(forecast: Forecast, params: dict[str, Any], dag_run: Any) -> RunRequest:
    """Return the request of a run: its data interval, unless the trigger form says otherwise."""
    from pipelines.jobs import RunRequest, symbols_of

    start, end = params["start"], params["end"]
    interval = (dag_run.data_interval_start, dag_run.data_interval_end)
    return RunRequest(
        source=params["source"],
        symbols=symbols_of(forecast.name, params["universe"], params["symbols"]),
        start=utc(start) if start else interval[0] and utc(interval[0]),
        at=utc(end or interval[1] or dag_run.run_after),
        run=dag_run.run_id,
        fill=not start and str(dag_run.run_type) != "backfill",
        force=params["force"],
    )


def news_run(topic: str, params: dict[str, Any], dag_run: Any) -> NewsRun:
    """Return the request of a run of news: its data interval, unless the form says otherwise.

    A triggered run without a range has the quarter of an hour that ended last.
    """
    from pipelines.jobs import NewsRun
    from pipelines.sentiment.windows import EVERY, window_ends

    start, end = params["start"], params["end"]
    interval = (dag_run.data_interval_start, dag_run.data_interval_end)
    now = utc(dag_run.run_after)
    until = utc(end or interval[1] or window_ends(now - EVERY, now)[-1])
    since = utc(start or (not end and interval[0]) or until - EVERY)
    is_exact = bool(start) or str(dag_run.run_type) == "backfill"
    return NewsRun(topic, since, until, dag_run.run_id, fill=not is_exact, force=params["force"])


def doc(forecast: Forecast, text: str | None) -> str:
    """Return the page of a DAG: what the DAG does, and what is forecast."""
    return f"{text}\n\n**{forecast.name}**: {forecast.meaning}"
