"""The tiny re-rankers that the tests of this folder share."""

from fakes.rerankers import models, one_thread, quick, taught

__all__ = ["models", "one_thread", "quick", "taught"]
