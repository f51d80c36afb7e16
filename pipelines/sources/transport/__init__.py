"""What sources that ask over HTTP share: requests with limits, retries, and how bodies are read."""
