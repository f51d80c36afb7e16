"""Bring the bars of a universe from a source through bronze to silver.

A run replaces exactly the bars that open in [start, end), and knows nothing later than its data
interval. Rejected rows are in `silver.quarantine`, what a run did is in `gold.runs`. It fails when
an answer cannot be used or a blocking check does not pass; what was good is committed all the same.
"""

import logging
from datetime import timedelta

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException

from pipelines.settings import settings

UNIVERSE = "qqq"
SOURCES = ["sample", "sample_noise", "yahoo", "files"]
INTERVALS = ["1m", "5m", "15m", "30m", "1h", "1d", "1w", "1mo"]
NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}}
TIME = {"type": ["null", "string"], "format": "date-time"}
PARAMS = {
    "source": Param(settings().source, "Who is asked for bars.", type="string", enum=SOURCES),
    "symbols": Param([], "Only these symbols; empty: all of the universe.", **NAMES),
    "interval": Param("1h", "Length of a bar.", type="string", enum=INTERVALS),
    "start": Param(None, "First open, UTC; empty: 30 days before the end, files: all.", **TIME),
    "end": Param(None, "Bars open before this, UTC; empty: when the run was due.", **TIME),
}
RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=10), "retry_exponential_backoff": 2.0}


@task(owner="bullion", **RETRIES, execution_timeout=timedelta(hours=1))
def ingest(params=None, dag_run=None):
    """Bring the bars asked for to silver; returns what became of the rows received."""
    from pipelines import calendar, errors, sources, steps, universes
    from pipelines.lake import Lake

    as_of = dag_run.data_interval_end or dag_run.run_after
    try:
        end = calendar.utc(params["end"] or as_of)
        start = calendar.utc(params["start"]) if params["start"] else None
        symbols = params["symbols"] or universes.universe(UNIVERSE).symbols
        interval = calendar.interval_of(params["interval"])
        source = sources.source(params["source"])
        told = {"about": "" if params["symbols"] else UNIVERSE, "run": dag_run.run_id}
        with Lake() as lake:
            report = steps.ingest(lake, source, symbols, interval, start, end, as_of=as_of, **told)
        logging.getLogger(__name__).info(report.summary())
        report.enforce()
    except (errors.InvalidRequest, errors.CheckFailed) as error:
        raise AirflowFailException(error) from error  # trying again would not help
    return report.counts | {"snapshot": report.snapshot}


@dag(f"ingest_{UNIVERSE}", schedule=None, params=PARAMS, doc_md=__doc__, tags=["ingest", UNIVERSE])
def wire():
    ingest()


wire()
