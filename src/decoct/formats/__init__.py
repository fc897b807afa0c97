"""Formats: one module each, from disk to documents and back, bad lines named and counted."""
