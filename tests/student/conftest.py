"""The tiny students that the tests of this folder share."""

from fakes.students import encoders, fitted, one_thread, student, student_folder

__all__ = ["encoders", "fitted", "one_thread", "student", "student_folder"]
