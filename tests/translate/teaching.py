"""What a teacher on loopback is asked, and how it answers."""

import json
import re
from typing import Any

from ..engine.serving import Call

USAGE = {"prompt_tokens": 100, "completion_tokens": 40}


def texts_of(call: Call) -> dict[str, str]:
    """The texts of a request by id."""
    return {one["id"]: one["text"] for one in json.loads(call.question)["texts"]}


def chinese(text: str) -> str:
    """A translation that can be told from every other: the text's numbers, its terms, and its length in Chinese."""
    known = {"angina": "心绞痛", "fever": "发烧", "asthma": "哮喘"}
    terms = "".join(zh for en, zh in known.items() if en in text.lower())
    return f"译文{'、'.join(re.findall(r'[0-9]+', text))}{terms}" + "字" * (len(text) // 4) + "。"


def say(call: Call, answer: Any, usage: dict[str, int] | None = USAGE, finish: str = "stop") -> None:
    """Answers with an object as JSON, or with a text as it stands."""
    content = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    body: dict[str, Any] = {"choices": [{"message": {"content": content}, "finish_reason": finish}]}
    call.reply(json.dumps(body | ({"usage": usage} if usage else {})).encode())


def faithful(call: Call) -> None:
    """Answers every id with its translation."""
    say(call, {id_: chinese(text) for id_, text in texts_of(call).items()})


def asked_texts(calls: list[Call]) -> list[list[str]]:
    """The texts of each request."""
    return [list(texts_of(call).values()) for call in calls]
