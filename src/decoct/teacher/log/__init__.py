"""The call log's inside: tables, rows, counts, and looking at it; `cache.py` writes it."""
