"""The lake itself: held to its contracts, kept small, and checked file by file."""

from __future__ import annotations

from pipelines import steps
from pipelines.core.errors import CheckFailed
from pipelines.jobs.run import log
from pipelines.steps.lake import open_lake


def data_docs() -> str:
    """Hold every table to its contract with Great Expectations; the address of its pages."""
    from pipelines.quality.data_docs import build_docs

    with open_lake() as lake:
        place = str(build_docs(lake))
    log.info("Data Docs: %s", place)
    return place


def compact() -> str:
    """Flush inlined rows, rewrite small files, expire old snapshots, remove orphans."""
    from pipelines.lake import compaction

    with open_lake() as lake:
        steps.release_snapshots(lake)
        done = compaction.compact(lake)
    log.info(done.summary())
    for warning in done.warnings():
        log.warning(warning)
    return "; ".join((done.summary(), *done.warnings()))


def verify() -> str:
    """Check every file of the lake, and every row in its catalog, against its checksum."""
    from pipelines.lake import verification

    with open_lake(read_only=True) as lake:
        found = verification.verify(lake)
    told = f"{found.files} files, {found.bytes:,} bytes, {len(found.problems)} problems"
    log.info(told)
    if found.problems:
        damaged = "\n  ".join(f"{one.path} {one.what}" for one in found.problems)
        raise CheckFailed(
            f"{len(found.problems)} files or commits are not what they were:\n  {damaged}",
            "restore them from a copy; see data_lake/README.md",
        )
    return told
