"""What is read off an answer's text beside its question and its reference, without a model."""
