"""The plot: one module for each verb, each a command and a Python function of the same name."""
