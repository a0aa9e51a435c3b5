"""Frozen bases in 8 and 4 bits: how weights are packed, the layer that computes with them, and what merging loses."""
