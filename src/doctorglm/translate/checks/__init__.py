"""Checks of a translation: whether terms, numbers, negations, persons, sides and sentences are those of the English."""
