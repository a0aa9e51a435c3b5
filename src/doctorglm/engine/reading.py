"""What a server says, put together to an answer, or refused: nothing that is damaged is taken for an answer.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from doctorglm.engine import Finish, Generation
from doctorglm.errors import DataError, shown

Loops = Callable[[str], bool]
"""Whether a text ends in a loop."""

CHECK_EVERY = 16
"""Characters between two looks for a loop; counted in the text, so that it does not matter how it is cut up."""

_FINISHES: Mapping[str, Finish] = {"stop": "stop", "eos_token": "stop", "length": "length"}
_REPLACEMENT = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")
_OPEN_END = re.compile(rf"[\s{_REPLACEMENT}\ud800-\udbff]+\Z")
"""What may still change: blanks that only count when something follows, half a character."""


class Answer:
    """One answer as its events come; `told` is all of the text so far, without outer blanks."""

    def __init__(self, loops: Loops | None) -> None:
        self._loops = loops
        self._raw = ""
        self._held = ""
        self._pieces = 0
        self._seen = False
        self.told = ""
        self.usage: int | None = None
        """Tokens as the server counts them; None while it has not said."""
        self.finish: Finish | None = None

    def read(self, event: object) -> str:
        """The text that an event adds; raises DataError for an event that is none."""
        if not isinstance(event, dict):
            raise garbage(en=f"{_kind(event)} in place of a JSON object", zh=f"应为 JSON 对象，实为 {_kind(event)}")
        self._count(event.get("usage"))
        choices = event.get("choices")
        if not isinstance(choices, list):
            raise garbage(en="no `choices`", zh="没有 `choices`")
        if not choices:  # that is how the tokens are told
            return ""
        self._seen = True
        text = self._add(_content(choices[0]))
        self._end(choices[0].get("finish_reason"))
        return text

    def generation(self, seconds: float) -> Generation:
        """The finished answer; raises DataError when it broke off, or ends in half a character."""
        if self.finish is None:
            if not self._seen:
                raise garbage(en="no `choices`", zh="没有 `choices`")
            raise garbage(en="it broke off before its finish_reason", zh="回答在 finish_reason 之前中断")
        # at the limit the last character may be half a one
        if self.finish == "stop" and self._held.strip():
            raise _damaged()
        tokens = self._pieces if self.usage is None else self.usage
        return Generation(text=self.told, tokens=tokens, finish=self.finish, seconds=round(seconds, 4))

    def _count(self, usage: object) -> None:
        tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
        if isinstance(tokens, int) and tokens >= 0:
            self.usage = tokens

    def _add(self, piece: str) -> str:
        """The text that can be shown now; what comes after a loop is thrown away."""
        self._pieces += bool(piece)
        told = ""
        while piece and self.finish is None:
            room = CHECK_EVERY - len(self._raw) % CHECK_EVERY
            part, piece = piece[:room], piece[room:]
            self._raw += part
            told += self._show(part)
            if self._loops and len(self._raw) % CHECK_EVERY == 0 and self._loops(self._raw):
                self.finish = "loop"
        return told

    def _show(self, part: str) -> str:
        fresh = self._held + part
        if _SURROGATE.search(fresh[:-1]):
            # JSON escapes may stand in two events: two halves are one character, a single one is none
            whole, end = (fresh[:-1], fresh[-1:]) if "\ud800" <= fresh[-1] <= "\udbff" else (fresh, "")
            fresh = whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") + end
        if not self.told:
            fresh = fresh.lstrip()
        end_of_it = _OPEN_END.search(fresh)
        place = end_of_it.start() if end_of_it else len(fresh)
        fresh, self._held = fresh[:place], fresh[place:]
        if _REPLACEMENT in fresh or _SURROGATE.search(fresh):
            raise _damaged()
        self.told += fresh
        return fresh

    def _end(self, reason: object) -> None:
        if reason is None or self.finish == "loop":
            return
        if not isinstance(reason, str) or reason not in _FINISHES:
            raise garbage(
                en=f"finish_reason {shown(reason)}, not stop or length",
                zh=f"finish_reason 为 {shown(reason)}，不是 stop 或 length",
            )
        self.finish = _FINISHES[reason]


def _content(choice: Any) -> str:
    """The text of a choice: a piece (`delta`), or all of it (`message`) from a server that does not stream."""
    if not isinstance(choice, dict):
        raise garbage(en=f"{_kind(choice)} in `choices`", zh=f"`choices` 中有 {_kind(choice)}")
    whole = "message" in choice
    said = choice.get("message" if whole else "delta")
    if said is None and not whole:
        return ""
    if not isinstance(said, dict):
        raise garbage(en=f"{_kind(said)} in place of a message", zh=f"应为一条消息，实为 {_kind(said)}")
    content = said.get("content")
    if isinstance(content, str):
        return content
    # pieces without text are usual: one names the role, one ends the answer
    if content is None and not whole:
        return ""
    raise garbage(en=f"`content` is {_kind(content)}, not text", zh=f"`content` 是 {_kind(content)}，不是文字")


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _damaged() -> DataError:
    return garbage(en="characters were lost (U+FFFD)", zh="有字符已丢失（U+FFFD）")


def garbage(*, en: str, zh: str) -> DataError:
    """The error for a server that answered with something else than an answer."""
    return DataError(
        en=f"the server's answer cannot be used: {en}. Look into the server's log; no answer is counted.",
        zh=f"服务器的回答无法使用：{zh}。请查看服务器日志；该条不计为回答。",
    )
