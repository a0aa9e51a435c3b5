"""A GGUF behind llama.cpp's own server (the wheel `xllamacpp`), on loopback, for as long as a benchmark needs it.

python benchmarks/_llama.py MODEL.gguf SLOTS CONTEXT     # prints the address, serves until its stdin ends
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served(gguf: Path, slots: int = 4, context: int = 2048) -> Iterator[str]:
    """The server's OpenAI address, `http://127.0.0.1:PORT/v1#NAME`; it stops with the block, and with this process.

    `context` is tokens for each of the `slots` requests that are answered together.
    """
    command = [sys.executable, __file__, str(gguf), str(slots), str(context)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        address = process.stdout.readline().strip()
        if not address.startswith("http"):
            raise SystemExit(f"{gguf}: llama.cpp did not start (pip install xllamacpp).")
        yield f"{address}/v1#{gguf.stem}"
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def _serve(gguf: str, slots: int, context: int) -> None:
    import xllamacpp

    log = os.dup(1)
    os.dup2(2, 1)  # llama.cpp writes to stdout what belongs to stderr
    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.model_alias = {Path(gguf).stem}
    params.n_parallel = slots
    params.n_ctx = slots * context
    params.cpuparams.n_threads = os.cpu_count() or 1
    params.verbosity = 0
    server = xllamacpp.Server(params)
    os.write(log, f"{server.listening_address}\n".encode())
    sys.stdin.read()
    os._exit(0)  # its threads do not end by themselves


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
