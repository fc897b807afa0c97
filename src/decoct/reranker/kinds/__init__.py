"""The kinds of re-ranker."""
