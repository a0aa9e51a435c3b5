"""A program in a real pseudo-terminal, driven as a person would: typed lines, Ctrl-C, Ctrl-D, the arrow keys."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_GIVE_UP_S = 120
"""Only so that a test which waits in vain ends."""

# the child takes the terminal as its own, so that Ctrl-C reaches it as a signal
_TAKE = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); sys.argv = sys.argv[1:]; "
_RUN = "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"


class Terminal:
    """Runs a Python file in a terminal of 200 columns; `seen` is all that it has written."""

    def __init__(
        self, file: Path, *arguments: str, environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> None:
        self._screen, its_end = pty.openpty()
        fcntl.ioctl(self._screen, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE + _RUN, str(file), *arguments],
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
            start_new_session=True,
            pass_fds=pass_fds,
            # unbuffered output would hide a missing flush
            env={**os.environ, "PYTHONUNBUFFERED": "", "TERM": "xterm-256color", "OMP_NUM_THREADS": "1", **environment},
        )
        os.close(its_end)
        self.seen = ""
        self._place = 0
        self._pending = b""

    def type(self, keys: str) -> None:
        """Sends keys; Enter is `\\n`, Ctrl-C `\\x03`, Ctrl-D `\\x04`."""
        if "\x03" in keys:
            self._until_it_waits()
        os.write(self._screen, keys.encode())

    def _until_it_waits(self) -> None:
        """Python's readline sleeps through a Ctrl-C that comes after its prompt and before its wait for a key."""
        state = Path(f"/proc/{self._process.pid}/stat")
        while state.exists() and state.read_text().rpartition(")")[2].split()[0] == "R":
            time.sleep(0.01)

    def expect(self, text: str) -> str:
        """Waits until `text` appears after what was expected last; returns what was written from there through it."""
        deadline = time.monotonic() + _GIVE_UP_S
        while (found := self.seen.find(text, self._place)) < 0:
            assert self._read(deadline), f"{text!r} did not come after {self.seen[self._place :]!r}"
        start, self._place = self._place, found + len(text)
        return self.seen[start : self._place]

    def leave(self) -> int:
        """Waits for the end; returns the exit code."""
        deadline = time.monotonic() + _GIVE_UP_S
        while self._read(deadline):
            pass
        assert time.monotonic() < deadline, f"the program did not end; its last words: {self.seen[-300:]!r}"
        return self._process.wait(timeout=_GIVE_UP_S)

    def close(self) -> None:
        """Ends the program, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        os.close(self._screen)

    def _read(self, deadline: float) -> bool:
        if not select.select([self._screen], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        data = b""
        with contextlib.suppress(OSError):  # what Linux says at the end of a terminal
            data = os.read(self._screen, 65536)
        self._pending += data
        try:
            text, self._pending = self._pending.decode(), b""
        except UnicodeDecodeError as error:
            text, self._pending = self._pending[: error.start].decode(), self._pending[error.start :]
        self.seen += text
        return bool(data)

    @property
    def plain(self) -> str:
        """All that was written, without colours and cursor movements."""
        return _ESCAPES.sub("", self.seen).replace("\r\n", "\n")
