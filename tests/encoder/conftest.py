"""The tiny encoders that the tests of this folder share."""

from fakes.students import encoders, one_thread

__all__ = ["encoders", "one_thread"]
