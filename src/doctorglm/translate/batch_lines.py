"""What a Batch API's files say of each request: an answer, a refusal, or that it was not run.

Source: https://platform.openai.com/docs/api-reference/batch/request-output
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from doctorglm.engine.failures import words
from doctorglm.translate.endpoint import Reply

Line = dict[str, Any]
_OF_THIS_TEXT = (400, 413, 422)
_NO_MODEL = frozenset({"model_not_found", "invalid_model"})


def lines_of(content: bytes) -> list[Line]:
    """The objects with a `custom_id`; what is none is left out, so that its request is found missing."""
    found = list[Line]()
    for raw in content.decode("utf-8", "replace").split("\n"):
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("custom_id"), str):
            found.append(line)
    return found


def reply_of(
    request: int, lines: Sequence[Line], has_run: bool, read: Callable[[object, int], Reply], share: float
) -> Reply:
    """A request's reply, at `share` of its price; at its worst where two lines speak of it, or none though it may have
    run.

    What expired or was cancelled costs nothing; what failed with 5xx may have been worked on.
    """
    if len(lines) != 1:
        return Reply(request=request, usd=None if has_run else 0.0, fault="garbage" if lines else "not_run")
    answer = lines[0].get("response")
    status, body = (answer.get("status_code"), answer.get("body")) if isinstance(answer, dict) else (None, None)
    if status == 200 and not lines[0].get("error"):
        reply = read(body, request)
        return reply if reply.usd is None else replace(reply, usd=reply.usd * share)
    if status in _OF_THIS_TEXT:
        return Reply(request=request, usd=0.0, fault="refused_by_server")
    is_free = not isinstance(status, int) or status < 500
    return Reply(request=request, usd=0.0 if is_free else None, fault="not_run")


def is_answered(reply: Reply) -> bool:
    """Whether a model has spoken."""
    return reply.fault in ("", "filtered")


def reason_of(said: Any, lines: Sequence[Line], texts: Sequence[str]) -> tuple[bool, str]:
    """Of a batch without an answer: whether the model is not there, and `: message`, without what may quote a text."""
    told = [(getattr(e, "code", None), getattr(e, "message", None)) for e in _errors(said)]
    for line in lines:
        answer = line.get("response")
        body = answer.get("body") if isinstance(answer, dict) else None
        for error in (line.get("error"), body.get("error") if isinstance(body, dict) else None):
            if isinstance(error, dict):
                told.append((error.get("code"), error.get("message")))
    is_model = any(isinstance(code, str) and code in _NO_MODEL for code, _ in told)
    message = next((text for _, text in told if isinstance(text, str) and text), "")
    return is_model, words(message, texts)


def _errors(said: Any) -> list[Any]:
    data = getattr(getattr(said, "errors", None), "data", None)
    return data if isinstance(data, list) else []
