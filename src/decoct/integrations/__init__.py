"""decoct inside other people's pipelines."""
