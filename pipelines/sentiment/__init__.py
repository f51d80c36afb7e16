"""What titles of news say: sentiment models, and tones from word lists. See README.md."""
