"""Text as it stands: finding quotes in it, cutting it into sentences and windows, by exact offsets."""
