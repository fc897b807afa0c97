"""Teacher backends: an endpoint, a recording, built-in rules, a script."""
