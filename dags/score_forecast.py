"""Score every constituent after each bar has closed, combine to a signal, and publish.

Predictions, signal and the record of the run are one commit. A bar is scored by the newest model
promoted before it closed. What was published live stays: a backfill writes beside it, the same
rows each time. Bars missed since the last run come first. The log of a skipped task says why.
"""

from datetime import UTC, datetime

from airflow.sdk import dag
from exchange_timetable import ExchangeTimetable
from wiring import LATE, OUTCOMES, PARAMS, SCORED, SILVER_BARS, doc, request_of, step

from pipelines.forecasts import FORECASTS, Forecast


def build_dag(forecast: Forecast) -> None:
    @step(outlets=[SILVER_BARS])
    def ingest(params=None, dag_run=None):
        """Bring the run's bar, what is missing before it, and the weights if they are old."""
        from pipelines import jobs

        return jobs.bring(forecast.name, request_of(forecast, params, dag_run), weights=True)

    @step(outlets=SCORED)
    def score(params=None, dag_run=None):
        """Score, combine and publish in one commit; returns the counts."""
        from pipelines import jobs

        return jobs.score(forecast.name, request_of(forecast, params, dag_run))

    @step(outlets=[OUTCOMES], trigger_rule="none_failed")
    def outcomes(params=None, dag_run=None):
        """Say what became of earlier predictions, as far as it is known by now."""
        from pipelines import jobs

        return jobs.outcomes(forecast.name, request_of(forecast, params, dag_run))

    @dag(
        f"score_{forecast.name}",
        schedule=ExchangeTimetable(
            forecast.interval, forecast.schedule.calendar, forecast.schedule.grace
        ),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        max_active_runs=4,
        deadline=LATE,
        params=PARAMS,
        doc_md=doc(forecast, __doc__),
        tags=["score", forecast.name],
    )
    def tasks():
        ingest() >> score() >> outcomes()

    tasks()


for declared in FORECASTS:
    build_dag(declared)
