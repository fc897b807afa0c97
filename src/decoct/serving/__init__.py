"""The server: models behind HTTP, with limits on everything that comes in."""
