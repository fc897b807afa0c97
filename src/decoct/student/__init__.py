"""The student: an encoder, a head that finds subjects and one that finds their objects."""
