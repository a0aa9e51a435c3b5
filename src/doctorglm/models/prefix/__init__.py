"""P-tuning v2: keys and values that are learned for every layer and stand before all that the layer reads.

They enter inside attention: no position is added, no cache holds them, and whatever batches, packs, recomputes or
generates sees the same ones. Source: arXiv 2110.07602; the numbers follow the published ChatGLM-6B.
"""
