"""What can be read off clinical text without a model: repetition and loops."""
