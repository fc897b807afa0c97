"""The student: an encoder with a head that finds subjects and a head that finds each one's objects."""
