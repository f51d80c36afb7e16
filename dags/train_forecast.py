"""Train a forecast's candidates after each session, and promote the winner or say why not.

Everything is read from one snapshot of the lake and nothing later than the end of the session is
known, so a backfill is a walk-forward: it runs forwards only, each training meets the champion of
its own time, and none moves an alias back. The gates' verdicts are in `gold.model_decisions`, the
ranking in `gold.model_rankings`, every candidate's figures and pictures in MLflow.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag
from exchange_timetable import ExchangeTimetable
from wiring import FEATURES, MODELS, PARAMS, SILVER_BARS, doc, one_after_another, request_of, step

from pipelines.forecasts import FORECASTS, Forecast


def build_dag(forecast: Forecast) -> None:
    @step(outlets=[SILVER_BARS], minutes=60)
    def ingest(params=None, dag_run=None):
        """Bring the bars that are trained on, as far as they are missing."""
        from pipelines import jobs

        return jobs.bring(forecast.name, request_of(forecast, params, dag_run), history=True)

    @step(outlets=[FEATURES])
    def features(params=None):
        """Bring the features to what silver says now."""
        from pipelines import jobs

        return jobs.features(forecast.name, params["source"])

    @step(outlets=[MODELS], minutes=120)
    def train(params=None, dag_run=None):
        """Compare, register the winner, ask the gates, promote or keep; returns the verdict."""
        from pipelines import jobs

        return jobs.train(forecast.name, request_of(forecast, params, dag_run))

    @dag(
        f"train_{forecast.name}",
        schedule=ExchangeTimetable("1d", forecast.schedule.calendar, timedelta(minutes=5)),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        max_active_runs=1,
        params=PARAMS,
        doc_md=doc(forecast, __doc__),
        tags=["train", forecast.name],
    )
    def tasks():
        one_after_another(ingest(), features(), train())

    tasks()


for declared in FORECASTS:
    build_dag(declared)
