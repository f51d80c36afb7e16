"""Two API processes behind nginx: the release that serves, and one that is tried on a tenth."""
