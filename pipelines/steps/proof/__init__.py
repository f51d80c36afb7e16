"""Derive published rows again from what the sources said, and compare them bit by bit."""
