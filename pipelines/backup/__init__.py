"""Backups: a consistent state of lake, catalog, models and settings, and the way back from it."""
