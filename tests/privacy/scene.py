"""The command line among sources with identifiers: what it writes and says, kept to be searched."""

import contextlib
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doctorglm.__main__ import main
from doctorglm.conversation import Message
from doctorglm.engine import Generation

from .everybyte import Literals
from .identifiers import planted

ZH, EN = planted("zh"), planted("en")
SOUGHT = Literals(one.literal for one in (*ZH, *EN))


@dataclass
class Scene:
    """Sources with identifiers, and a folder in which everything is that the program may write."""

    sources: Path
    written: Path
    said: list[str] = field(default_factory=list)

    def run(self, *arguments: object, typed: str = "", shown: bool = False) -> int:
        """Runs the command line in this process; what it says is kept to be searched, on stdout unless `shown`."""
        out, err, before = _stream(), _stream(), sys.stdin
        sys.stdin = io.TextIOWrapper(io.BytesIO(typed.encode()), "utf-8")
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main([str(a) for a in arguments])
        finally:
            sys.stdin = before
        self.said += [_said(err)] if shown else [_said(err), _said(out)]
        return code

    def leaks(self) -> dict[str, Any]:
        """The literals in anything written or said so far, with where they are."""
        found: dict[str, Any] = dict(SOUGHT.below(self.written))
        for said in self.said:
            found |= dict.fromkeys(SOUGHT.found(said.encode("utf-8", "backslashreplace")), said[-3000:])
        return found


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")


def _said(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined, no-any-return]


class Echo:
    """Answers with what it was asked, as a model may that has learnt it by heart."""

    def __init__(self, *_: Any, name: str = "echo", **__: Any) -> None:
        self.name = name

    def stream(self, messages: Sequence[Message], sampling: Any) -> Iterator[str | Generation]:
        text = messages[-1].content
        yield text
        yield self.batch([messages], sampling)[0]

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Any) -> list[Generation]:
        return [
            Generation(text="\n".join(m.content for m in messages), tokens=9, finish="stop", seconds=0.1)
            for messages in conversations
        ]


def of(conversations: Path, suffix: str) -> list[Any]:
    return [json.loads(line) for line in (conversations / suffix).read_text("utf-8").splitlines()]
