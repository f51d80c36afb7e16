"""Score every constituent after each bar has closed, combine to a signal, and publish.

Predictions, signal and the record of the run are one commit. A bar is scored by the newest model
promoted before it closed. What was published live stays: a backfill writes beside it, and the
same rows however often it is run. Bars missed since the last run are filled first. Where nothing
can be scored the task is skipped, and its log says why.
"""

from datetime import UTC, datetime

from airflow.sdk import dag
from exchange_timetable import ExchangeTimetable
from wiring import FEATURES, OUTCOMES, PARAMS, PREDICTIONS, SIGNALS, SILVER_BARS, asked, doc, step

from pipelines.forecasts import FORECASTS, Forecast


def wire(forecast: Forecast) -> None:
    @step(outlets=[SILVER_BARS])
    def ingest(params=None, dag_run=None):
        """Bring the run's bar, what is missing before it, and the weights if they are old."""
        from pipelines import jobs

        told = asked(forecast, params, dag_run)
        return jobs.bring(forecast.name, told) | jobs.bring_weights(forecast.name, told)

    @step(outlets=[FEATURES, PREDICTIONS, SIGNALS])
    def score(params=None, dag_run=None):
        """Score, combine and publish in one commit; returns the counts."""
        from pipelines import jobs

        return jobs.score(forecast.name, asked(forecast, params, dag_run))

    @step(outlets=[OUTCOMES], trigger_rule="none_failed")
    def outcomes(params=None):
        """Say what became of earlier predictions, as far as it is known by now."""
        from pipelines import jobs

        return jobs.outcomes(forecast.name, params["source"])

    @dag(
        f"score_{forecast.name}",
        schedule=ExchangeTimetable(
            forecast.interval, forecast.schedule.calendar, forecast.schedule.grace
        ),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        max_active_runs=4,
        params=PARAMS,
        doc_md=doc(forecast, __doc__),
        tags=["score", forecast.name],
    )
    def made():
        ingest() >> score() >> outcomes()

    made()


for one in FORECASTS:
    wire(one)
