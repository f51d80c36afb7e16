"""Monitor a forecast's champion on live rows after each session, and roll back where it fails.

Evidently writes reports on the drift of its inputs and the quality of its predictions. When its
live skill, of its published scores or of its WSS, lies significantly below the bound that its
gates credited it with, the champion before it serves again, and a row in `gold.model_decisions`
says why.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag
from exchange_timetable import ExchangeTimetable
from wiring import MODELS, OUTCOMES, PARAMS, doc, step

from pipelines.forecasts import FORECASTS, Forecast


def wire(forecast: Forecast) -> None:
    @step(inlets=[OUTCOMES], outlets=[MODELS])
    def monitor(params=None, dag_run=None):
        """Measure live skill and drift, write the reports, and roll back where skill is gone."""
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
    def pipeline():
        monitor()

    pipeline()


for declared in FORECASTS:
    wire(declared)
