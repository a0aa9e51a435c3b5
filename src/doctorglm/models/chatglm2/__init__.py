"""ChatGLM2-6B and ChatGLM3-6B: their official folders as transformers' own GLM, and their tokenizer."""
