"""The dashboard: pages over the HTTP API, and over nothing else."""
