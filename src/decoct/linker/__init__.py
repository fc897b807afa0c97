"""The linker: retrieve, re-rank, decide."""
