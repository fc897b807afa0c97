"""The commands: one module each, thin over the recipe of the same name.

Exit codes: 0 all done; 1 failed, with one line on standard error; 2 wrong usage; 3 done, but some
items were skipped and named; 130 interrupted, and the same command goes on from there.
"""
