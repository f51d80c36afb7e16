"""Maintain the lake: check its contracts, keep it small, and verify every file."""

from __future__ import annotations

from pipelines import steps
from pipelines.core.errors import CheckFailed
from pipelines.jobs.run import log
from pipelines.lake import Lake


def data_docs() -> str:
    """Check every table against its contract with Great Expectations; return the pages' address."""
    from pipelines.quality.data_docs import build_docs

    with Lake() as lake:
        place = str(build_docs(lake))
    log.info("Data Docs: %s", place)
    return place


def compact() -> str:
    """Flush inlined rows, rewrite small files, expire old snapshots, remove orphans."""
    from pipelines.lake import maintenance

    with Lake() as lake:
        steps.release_snapshots(lake)
        report = maintenance.compact(lake)
    log.info(report.summary())
    for warning in report.warnings():
        log.warning(warning)
    return "; ".join((report.summary(), *report.warnings()))


def verify() -> str:
    """Check every file of the lake, and every row in its catalog, against its checksum."""
    from pipelines.lake import maintenance

    with Lake(read_only=True) as lake:
        result = maintenance.verify(lake)
    summary = f"{result.files} files, {result.bytes:,} bytes, {len(result.problems)} problems"
    log.info(summary)
    if result.problems:
        damaged = "\n  ".join(f"{problem.path} {problem.what}" for problem in result.problems)
        raise CheckFailed(
            f"{len(result.problems)} files or commits are not what they were:\n  {damaged}",
            "restore them from a copy; see data_lake/README.md",
        )
    return summary
