"""A student: a small encoder-decoder that translates as a teacher taught it, and translates the bulk."""
