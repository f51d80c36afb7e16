"""Checks of the table contracts, as SQL and as Great Expectations suites."""
