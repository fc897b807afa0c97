"""Re-rankers: models that choose among the candidates that a retriever brings."""
