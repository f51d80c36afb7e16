"""Each fault with what is promised of it, and the tests that keep the promise.

`python -m tests.faults` runs them to the end and prints the table; the page RELIABILITY.md is
written of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """What may happen, what is promised then, and the tests of it: files, or single tests."""

    area: str
    name: str
    promise: str
    tests: tuple[str, ...]
    marks: str = ""  # an expression of pytest's marks: which of the tests
    times: int = 1  # how many times as many made-up cases as in `make test`


def _kept_by(area: str, name: str, promise: str, *tests: str, **more: object) -> Fault:
    return Fault(area, name, promise, tuple(str(Path("tests", each)) for each in tests), **more)  # type: ignore[arg-type]


PROCESSES, DISK, FILES = "Processes that die", "The disk", "Files that change"
SHARING, CLOCK, MODELS = "Catalogs, locks and readers", "The clock and the calendar", "Models"
SOURCES, SERVERS, ATTACK = "Sources", "Servers", "Attack"
LAWS = "Laws and markets"

FAULTS: tuple[Fault, ...] = (
    _kept_by(
        PROCESSES,
        "kill -9 of an ingest, a training, a scoring, outcomes, monitor, compact or backup",
        "Nothing is half done, and the next run leaves the rows of a run that nothing disturbed.",
        "faults/test_steps.py::test_a_step_killed_at_any_time_repeats_to_the_same_rows",
    ),
    _kept_by(
        PROCESSES,
        "500 times kill -9 of an ingest over several tables",
        "Tables agree on which commits there were, after each kill.",
        "lake/test_transaction.py::test_a_killed_ingest_is_never_torn_and_repeats_to_the_same_rows",
    ),
    _kept_by(
        PROCESSES,
        "kill -9 while a lake is made or migrated",
        "The next start finishes it; a migration runs once.",
        "lake/test_migrations.py",
    ),
    _kept_by(
        PROCESSES,
        "kill -9 between the commit and the mark of the folder",
        "Nobody is locked out.",
        "lake/test_copied_catalogs.py",
    ),
    _kept_by(
        PROCESSES,
        "a restore is interrupted",
        "It goes on where it was.",
        "backup/test_restore.py::test_a_restore_that_was_interrupted_goes_on",
    ),
    _kept_by(
        PROCESSES,
        "a fetch over years is killed",
        "It is continued where it was; quotas count what was asked.",
        "sources/oanda/test_resume.py",
        "sources/test_alphavantage.py::test_two_processes_share_the_25_calls_of_a_day",
    ),
    _kept_by(
        PROCESSES,
        "a stream of live prices is killed ten times in an hour, cut sixty times, or half open",
        "Its bars equal the candles, none is doubled, and none is lost that it saw whole.",
        "stream/test_kills.py",
    ),
    _kept_by(
        PROCESSES,
        "scheduler, task or worker of Airflow killed",
        "The run ends well, each row is written once, a training decides once.",
        "integration/test_faults.py",
        "integration/test_topology.py::test_the_run_of_a_killed_worker_ends_well",
    ),
    _kept_by(
        PROCESSES,
        "API, dashboard, scheduler or their supervisor killed",
        "A service is started again; `make down` leaves no process.",
        "integration/test_services.py",
    ),
    _kept_by(
        DISK,
        "full, or failing from any call on, in each step",
        "The step says so without a traceback, commits nothing by halves, and repeats.",
        "faults/test_steps.py::test_a_step_that_meets_a_fault_of_the_disk_says_so_and_repeats",
    ),
    _kept_by(
        DISK,
        "a file that cannot grow, a disk that is really full",
        "Nothing is committed, and what was there stays.",
        "lake/test_full_disk.py",
        "jobs/test_full_disk.py",
        "cli/test_full_disk.py",
    ),
    _kept_by(
        DISK,
        "a folder that is read-only or no folder",
        "The error names the path and its setting.",
        "lake/test_local_paths.py",
    ),
    _kept_by(
        FILES,
        "a flipped bit or a cut in data or catalog",
        "It is named, and no way of reading gives its rows.",
        "lake/test_verification.py",
        "lake/test_file_guard.py",
        "lake/test_inlined_checksums.py",
        "steps/data/test_damaged_files.py",
    ),
    _kept_by(
        FILES,
        "orphaned and left-over files",
        "Old ones of ours go, other people's stay, many are asked about.",
        "lake/test_folder_owner.py",
        "jobs/test_upkeep.py",
    ),
    _kept_by(
        FILES,
        "a damaged or incomplete backup",
        "It is refused by the content that is wrong.",
        "backup",
    ),
    _kept_by(
        FILES,
        "minima, maxima and counts of every column",
        "They are those of a full reading, after deletes and compactions.",
        "lake/test_statistics.py",
        "test_questions.py",
    ),
    _kept_by(
        SHARING,
        "a foreign, copied or old catalog over the folder",
        "It is refused and removes nothing, until it is adopted.",
        "lake/test_folder_owner.py",
        "lake/test_copied_catalogs.py",
        "integration/test_postgres_lake.py::test_a_copied_database_is_refused_beside_its_original",
        "integration/test_s3_lake.py::test_another_catalog_is_refused_and_removes_nothing",
    ),
    _kept_by(
        SHARING,
        "a lock left behind, writers at once",
        "They take turns, lose and double nothing; who waits too long learns who holds it.",
        "lake/test_locks.py",
        "integration/test_postgres_lake.py",
    ),
    _kept_by(
        SHARING,
        "two writers on one interval",
        "One result is published.",
        "steps/scoring/test_publish.py",
        "integration/test_faults.py::test_two_equal_runs_under_two_schedulers_write_each_row_once",
    ),
    _kept_by(
        SHARING,
        "a reader that stays open through compactions",
        "It keeps its rows, or gets an error, never fewer rows.",
        "lake/test_compaction.py",
        "lake/test_transaction.py::test_a_reader_never_waits_long_beside_two_writers",
        "integration/test_postgres_lake.py",
    ),
    _kept_by(
        CLOCK,
        "the clock back an hour or a day",
        "Nothing is published as live, no decision is undone, no quota grows.",
        "jobs/test_run.py",
        "steps/scoring/test_publish.py::test_a_clock_set_back_makes_nothing_live",
        "steps/models/test_moves.py::test_a_clock_set_back_does_not_undo_a_move",
        "sources/test_quota.py::test_a_clock_that_was_set_back_does_not_give_more_calls",
    ),
    _kept_by(
        CLOCK,
        "daylight saving both ways, half days, unscheduled closings",
        "Bars tile the sessions of the exchange.",
        "core/test_calendar.py",
        "core/test_own_calendars.py",
        "sources/yahoo/test_bars.py::test_hourly_bars_arrive_as_they_were_through_a_change_of_clocks",
        "plugins/test_exchange_timetable.py",
    ),
    _kept_by(
        MODELS,
        "a model file exchanged or cut; MLflow tampered with",
        "No model serves but the one that was decided on.",
        "registry",
        "modeling/test_scorer.py",
        "serving/state/test_pinned_model.py",
        "steps/models/test_aliases.py",
    ),
    _kept_by(
        MODELS,
        "a decision without its model; MLflow gone or slow",
        "The champion before it serves and says why; the API answers from memory.",
        "steps/scoring/test_score_lost.py",
        "serving/state/test_model_loader.py",
        "registry/test_mlflow.py",
    ),
    _kept_by(
        SOURCES,
        "429, 5xx, a drip, HTML, a cut or empty answer",
        "Waited out within the provider's limits, or said in words; other pieces are kept.",
        "sources/transport",
        "sources/yahoo/test_http.py",
        "sources/oanda",
        "sources/gdelt",
        "sources/rss",
        "sources/test_alphavantage.py",
        "sources/test_finnhub.py",
        "steps/data/test_pieces.py",
        "integration/test_news.py::test_a_source_that_is_down_stops_neither_the_others_nor_the_bars",
    ),
    _kept_by(
        SOURCES,
        "other columns, duplicates, disorder, future bars, a split, late corrections",
        "Any order of arrival gives the same silver; what is wrong is in quarantine, and counted.",
        "landing",
        "sources/sample/test_dirt.py",
        "steps/data/test_bad_input.py",
        "steps/data/test_features.py",
        times=5,
    ),
    _kept_by(
        SERVERS,
        "PostgreSQL or S3 gone",
        "A clear error, nothing lost; the lock of a dead writer is released.",
        "integration/test_postgres_lake.py",
        "integration/test_s3_lake.py",
    ),
    _kept_by(
        SERVERS,
        "Redis killed, PostgreSQL restarted, S3 standing still in the middle of a run",
        "The run ends well, or fails with a reason and brings the same bars when it is repeated.",
        "integration/test_servers_gone.py",
    ),
    _kept_by(
        SERVERS,
        "a release that fails, is slow, answers otherwise, does not start, dies or hangs",
        "It is withdrawn by itself, and callers of blue see nothing; a good one is promoted.",
        "release",
        "integration/test_release.py",
    ),
    _kept_by(
        SERVERS,
        "everything destroyed",
        "Restored from a backup it publishes the same signal.",
        "backup/test_drill.py",
        "integration/test_backup.py",
    ),
    _kept_by(
        ATTACK,
        "hostile bodies, headers and slow clients",
        "Refused with the field at fault; memory is bounded, others are answered.",
        "serving/http",
        "serving/predict",
        "serving/schemas",
        "serving/routes/test_stream.py",
    ),
    _kept_by(
        ATTACK,
        "hostile folders, mappings, feeds and headlines",
        "Nothing outside the folder is read, nothing is executed, what is too large is refused.",
        "sources/files",
        "sources/rss/test_feed_xml.py",
        "landing/test_story_text.py",
        "dashboard/test_words.py",
    ),
    _kept_by(
        LAWS,
        "twenty times the made-up cases of each law",
        "No look-ahead, incremental equals full, replay changes nothing.",
        ".",
        marks="law and not integration and not torture",
        times=20,
    ),
    _kept_by(
        LAWS,
        "markets of noise and of skill",
        "Noise is refused, skill is found, the value of news is taken.",
        "steps/models/test_skill_on_markets.py",
        "steps/models/test_direction_on_markets.py",
        "steps/data/test_news_value.py",
    ),
)
