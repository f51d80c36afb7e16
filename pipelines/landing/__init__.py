"""Bring answers to the lake: bronze, silver, quarantine and gaps, in one transaction."""

from pipelines.landing.batch import land
from pipelines.landing.group import ExpectedBars, Group, LandingReport
from pipelines.landing.weights import land_weights

__all__ = ["ExpectedBars", "Group", "LandingReport", "land", "land_weights"]
