"""What titles say: tones of words, and models of sentiment."""
