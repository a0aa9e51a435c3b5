#!/usr/bin/env bash
# Installs the peer of the library's search, bm25s, into .venv-library in the repository's root: a folder of
# packages beside the project's environment, whose numpy they use. PYTHON names its interpreter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}

# every version is pinned, so nothing is resolved
"$python" -m pip install --quiet --no-deps --upgrade --target "$root/.venv-library" \
  --requirement "$here/requirements-library.txt"
