"""The placebo corpus: the same questions and the same answers, but nobody gets his own answer.

A model tuned on it learns the style of the answers and nothing of what they say to a question.
"""
