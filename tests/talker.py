"""`doctorglm chat` with an engine that answers with what it was asked; run by the tests in a terminal of its own.

The question "slow" is answered in pieces, each when a byte comes through the pipe whose number is the first argument.
"""

import os
import sys
from collections.abc import Iterator, Sequence

from doctorglm.chat import chat
from doctorglm.consult import Consultation
from doctorglm.conversation import Message
from doctorglm.engine import Generation, Sampling
from doctorglm.errors import DataError


class Echo:
    """Answers with the conversation it was given."""

    name = "echo"

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        question = messages[-1].content
        if question == "long":
            raise DataError(en="the question alone has 9 tokens, the limit is 8. Shorten it.", zh="请缩短问题。")
        heard = "|".join(f"{m.role[0]}:{m.content}" for m in messages)
        pieces = [f"<{heard}", ">", "END"]
        for piece in pieces:
            if question == "slow":
                os.read(int(sys.argv[1]), 1)
            yield piece
        yield Generation(text="".join(pieces), tokens=3, finish="stop", seconds=0.1)

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        raise NotImplementedError


if __name__ == "__main__":
    sys.exit(chat(Consultation(Echo(), Sampling()), ask=None, as_json=False))
