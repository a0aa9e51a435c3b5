#!/usr/bin/env bash
# Makes the environments of curation's peers, .venv-datatrove and .venv-datajuicer, in the repository's root. Run it
# from anywhere; PYTHON names the interpreter (3.11).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

for peer in datatrove datajuicer; do
  folder=$root/.venv-$peer
  [ -x "$folder/bin/python" ] || "${PYTHON:-python3.11}" -m venv "$folder"
  # every version is pinned, so nothing is resolved
  "$folder/bin/python" -m pip install --quiet --no-deps --requirement "$here/requirements-$peer.txt"
done
