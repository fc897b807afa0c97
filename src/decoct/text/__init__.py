"""Text as it stands: quotes found in it, sentences and windows cut of it, by exact offsets."""
