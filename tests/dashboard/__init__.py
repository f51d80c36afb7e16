"""Tests of the dashboard, against a real API over a lake that the real steps wrote."""
