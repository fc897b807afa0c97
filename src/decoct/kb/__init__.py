"""Knowledge bases: entries with their names, where they are read from and how they are kept."""
