"""Judging: what a teacher is asked about a mention and its candidates, and what comes of it."""
