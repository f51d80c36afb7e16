"""Hold a forecast's champion to what it had shown, on live rows only, after each session.

Evidently writes reports on the drift of its inputs and the quality of its predictions. When its
live skill has been below what its gates had credited it with for long enough to mean it, it is
rolled back to the champion before it, with a row in `gold.model_decisions` that says why.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag
from exchange_timetable import ExchangeTimetable
from wiring import MODELS, PARAMS, doc, step

from pipelines.forecasts import FORECASTS, Forecast


def build_dag(forecast: Forecast) -> None:
    @step(outlets=[MODELS])
    def monitor(params=None, dag_run=None):
        """Measure live skill and drift, write the reports, and roll back where it must be."""
        from pipelines import jobs

        return jobs.monitor(forecast.name, params["source"], dag_run.run_id)

    @dag(
        f"monitor_{forecast.name}",
        schedule=ExchangeTimetable("1d", forecast.schedule.calendar, timedelta(minutes=30)),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        max_active_runs=1,
        params={"source": PARAMS["source"]},
        doc_md=doc(forecast, __doc__),
        tags=["monitor", forecast.name],
    )
    def tasks():
        monitor()

    tasks()


for declared in FORECASTS:
    build_dag(declared)
