"""Scoring on demand: bars that a caller sends, by the model that serves."""
