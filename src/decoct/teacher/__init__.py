"""The teacher: asks whoever answers, once, and turns answers into silver annotations."""
