"""A model as one GGUF file for llama.cpp and Ollama, with the template and the end tokens that it was trained with."""
