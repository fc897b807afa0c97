"""Formats: one module each, reading documents from disk and writing them, bad lines named and counted."""
