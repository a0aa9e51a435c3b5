"""Judges that follow a simple rule, and transcripts for them; they read a prompt only as a model could: as text."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from doctorglm.conversation import Message
from doctorglm.engine import Generation, Sampling
from doctorglm.evaluate.judge import Transcript

Say = Callable[[str], str | Generation]
"""A prompt's user message -> the reply."""

OURS, THEIRS = "zz-tuned-7b", "zz-base-6b"


class FakeJudge:
    """An engine that replies by a rule, keeps what it was asked, and may fail before its n-th batch."""

    def __init__(self, say: Say, name: str = "judge", fail_at: int = 0, error: BaseException | None = None) -> None:
        self.name, self._say, self._fail_at, self._error = name, say, fail_at, error
        self.prompts: list[list[Message]] = []
        self.sampling: list[Sampling] = []
        self.batches = 0

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        raise NotImplementedError

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        self.batches += 1
        if self._error is not None and self.batches == self._fail_at:
            raise self._error
        self.prompts += [[*c] for c in conversations]
        self.sampling.append(sampling)
        return [generation(self._say(c[-1].content)) for c in conversations]

    @property
    def told(self) -> list[str]:
        """Everything that the judge was shown, a prompt each."""
        return ["\n".join(m.content for m in prompt) for prompt in self.prompts]


def generation(text: str | Generation) -> Generation:
    return text if isinstance(text, Generation) else Generation(text=text, tokens=9, finish="stop", seconds=0.1)


def cut(text: str) -> Generation:
    """A reply that reached the limit."""
    return replace(generation(text), finish="length")


def block(prompt: str, label: str) -> str:
    """What stands under a label."""
    found = re.findall(rf"【{label}·([0-9a-f]+)·开始】\n(.*?)\n【{label}·\1·结束】", prompt, flags=re.DOTALL)
    assert len(found) == 1, (label, prompt)
    return str(found[0][1])


def verdict(winner: str) -> str:
    return f'{{"reason": "更清楚", "winner": "{winner}"}}'


def longer(prompt: str) -> str:
    a, b = len(block(prompt, "回答A")), len(block(prompt, "回答B"))
    return verdict("A" if a > b else "B" if b > a else "tie")


def transcript(number: int, ours: str, theirs: str, suite: str = "dialogue") -> Transcript:
    return Transcript(
        id=f"q{number}",
        suite=suite,
        question=(Message("user", f"头痛 {number} 天，怎么办？"),),
        reference="多休息。",
        answers={OURS: ours, THEIRS: theirs},
    )
