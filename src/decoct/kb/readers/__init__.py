"""What knowledge bases are read from, a format a file."""
