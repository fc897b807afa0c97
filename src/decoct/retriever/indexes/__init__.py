"""The kinds of index over the names of a knowledge base."""
