"""Safety: what stands before the model and after it, rules as data."""
