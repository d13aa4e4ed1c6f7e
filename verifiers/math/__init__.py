"""Maths answers: read, compared, and the countdown puzzle."""
