"""Retrieval: from a mention to the entries of a knowledge base that it may mean."""
