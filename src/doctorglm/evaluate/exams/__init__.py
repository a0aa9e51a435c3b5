"""Exams: questions with options, what a model chooses, and what its written answer means."""
