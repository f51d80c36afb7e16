"""What the API holds in memory: the newest rows and the models that serve."""
