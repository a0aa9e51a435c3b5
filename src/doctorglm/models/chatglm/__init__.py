"""ChatGLM-6B: configuration, transformer, tokenizer and the clean-up of its answers."""
