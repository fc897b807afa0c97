"""A student that has learnt its task."""

from fakes.students import encoders, fitted, one_thread, student, student_folder

__all__ = ["encoders", "fitted", "one_thread", "student", "student_folder"]
