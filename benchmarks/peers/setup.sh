#!/usr/bin/env bash
# Makes the peers' environments, .venv-trl and .venv-llamafactory, in the repository's root; does nothing where they
# are complete. Run it from anywhere; PYTHON names the interpreter (3.11).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

for peer in trl llamafactory; do
  folder=$root/.venv-$peer
  [ -x "$folder/bin/python" ] || "${PYTHON:-python3.11}" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet torch==2.13.0
  # every version is pinned, so nothing is resolved; LLaMA-Factory's list lacks torchvision and torchaudio on purpose
  "$folder/bin/python" -m pip install --quiet --no-deps --requirement "$here/requirements-$peer.txt"
done
