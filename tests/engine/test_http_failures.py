"""Servers that fail: what is tried again, what is told, and that one bad answer costs no other."""

import itertools
import json
import socket
import time
from collections.abc import Callable

import pytest

from doctorglm.engine import Generation, Sampling
from doctorglm.engine.http import HttpEngine
from doctorglm.errors import DataError, DoctorGLMError, ModelError

from .serving import DONE, Call, Script, Server, asked, event

Serve = Callable[[Script], Server]
Open = Callable[..., HttpEngine]

GARBAGE: list[tuple[str, bytes, str]] = [
    ("text/html", b"<html>welcome</html>", "text/html, not JSON"),
    ("application/json", b"{not json", "not JSON in UTF-8"),
    ("application/json", b'{"choices": "\xff"}', "not JSON in UTF-8"),
    ("application/json", b"[" * 100_000, "not JSON in UTF-8"),
    ("application/json", b"[]", "list in place of a JSON object"),
    ("application/json", b"null", "null in place of a JSON object"),
    ("application/json", b'{"error": {"message": "out of memory"}}', "it is an error: out of memory"),
    ("application/json", b'{"error": "out of memory"}', "it is an error: out of memory"),
    ("application/json", b'{"object": "chat.completion"}', "no `choices`"),
    ("application/json", b'{"choices": null}', "no `choices`"),
    ("application/json", b'{"choices": []}', "no `choices`"),
    ("application/json", b'{"choices": ["text"]}', "str in `choices`"),
    ("application/json", b'{"choices": [{"message": null, "finish_reason": "stop"}]}', "null in place of a message"),
    (
        "application/json",
        b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}',
        "`content` is null",
    ),
    (
        "application/json",
        b'{"choices": [{"message": {"content": ["x"]}, "finish_reason": "stop"}]}',
        "`content` is list",
    ),
    ("text/event-stream", b"", "no `choices`"),
    ("text/event-stream", DONE, "no `choices`"),
    ("text/event-stream", b"data: {not json\n\n", "not JSON in UTF-8"),
    ("text/event-stream", b'data: {"choices": "\xff"}\n\n', "not JSON in UTF-8"),
    ("text/event-stream", b'data: {"error": {"message": "out of memory"}}\n\n', "it is an error: out of memory"),
    ("text/event-stream", event("多休息") + DONE, "broke off before its finish_reason"),
    ("text/event-stream", event("多休息") + b'data: {"error": {"message": "gone"}}\n\n', "it is an error: gone"),
    ("text/event-stream", event("我不能") + event(finish="content_filter") + DONE, "finish_reason 'content_filter'"),
    ("text/event-stream", event(finish="tool_calls") + DONE, "finish_reason 'tool_calls'"),
    ("text/event-stream", event("多\ufffd休息") + event(finish="stop") + DONE, "characters were lost"),
]


@pytest.mark.parametrize(("kind", "body", "told"), GARBAGE)
def test_garbage_marks_its_item_and_no_other(serve: Serve, engine: Open, kind: str, body: bytes, told: str) -> None:
    server = serve(lambda call: call.reply(body, kind) if call.question == "bad" else call.say(call.question))
    opened = engine(server, {"concurrency": 3})
    answers = opened.batch_or_errors([asked(text) for text in ("一", "bad", "二", "bad", "三")], Sampling())
    assert [one.text for one in answers if isinstance(one, Generation)] == ["一", "二", "三"]
    for wrong in (answers[1], answers[3]):
        assert isinstance(wrong, DataError) and told in wrong.text.en
    with pytest.raises(DataError, match="cannot be used"):
        opened.batch([asked("一"), asked("bad")], Sampling())
    with pytest.raises(DataError, match="cannot be used"):
        list(opened.stream(asked("bad"), Sampling()))
    assert len(server.calls) == 8  # garbage is not asked for again


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_passes(serve: Serve, engine: Open, status: int) -> None:
    def script(call: Call) -> None:
        if len(server.calls) <= 2:
            call.reply(b"{}", status=status)
        else:
            call.say("好")

    server = serve(script)
    assert next(engine(server, {"retries": 2}).stream(asked("?"), Sampling())) == "好"
    assert len(server.calls) == 3 and server.calls[0].body == server.calls[2].body


@pytest.mark.parametrize("status", [429, 500])
def test_a_failure_that_stays(serve: Serve, engine: Open, status: int) -> None:
    server = serve(lambda call: call.reply(b'{"error": {"message": "slots are busy"}}', status=status))
    with pytest.raises(DataError, match=f"failed with {status}, tried 3 times: slots are busy"):
        engine(server, {"retries": 2}).batch([asked("?")], Sampling())
    assert len(server.calls) == 3


def test_the_pause_doubles_and_the_server_may_ask_for_more(serve: Serve, engine: Open) -> None:
    times: list[float] = []

    def script(call: Call) -> None:
        times.append(time.monotonic())
        call.reply(b"{}", status=429, **({"retry_after": "0.6"} if len(times) == 3 else {}))

    with pytest.raises(DataError):
        engine(serve(script), {"retries": 3, "pause_s": 0.1}).batch([asked("?")], Sampling())
    waits = [second - first for first, second in itertools.pairwise(times)]
    assert [waits[0] >= 0.1, waits[1] >= 0.2, waits[2] >= 0.6] == [True] * 3


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_conversation_that_is_refused(serve: Serve, engine: Open, status: int) -> None:
    def script(call: Call) -> None:
        if call.question == "long":
            call.reply(b'{"error": {"message": "the prompt has 9000 tokens, n_ctx is 4096"}}', status=status)
        else:
            call.say("好")

    server = serve(script)
    opened = engine(server, {"retries": 2})
    first, second, third = opened.batch_or_errors([asked("?"), asked("long"), asked("?")], Sampling())
    assert isinstance(first, Generation) and isinstance(third, Generation)
    assert isinstance(second, DataError) and f"({status}): the prompt has 9000 tokens" in second.text.en
    assert len(server.calls) == 3


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "Set OPENAI_API_KEY"),
        (403, "Set OPENAI_API_KEY"),
        (404, "no model tiny"),
        (301, "redirects"),
        (302, "redirects"),
    ],
)
def test_a_server_that_cannot_be_used_is_asked_once(serve: Serve, engine: Open, status: int, told: str) -> None:
    server = serve(lambda call: call.reply(b"{}", status=status, location="/v2"))
    errors = engine(server, {"concurrency": 1, "retries": 2}).batch_or_errors([asked("?")] * 5, Sampling())
    assert len(server.calls) == 1
    assert all(isinstance(error, ModelError) and told in error.text.en for error in errors)


def test_nobody_listens(engine: Open) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        opened = engine(f"http://127.0.0.1:{port}/v1#tiny", {"concurrency": 1, "retries": 2})
        began = time.monotonic()
        errors = opened.batch_or_errors([asked("?")] * 500, Sampling())
    assert time.monotonic() - began < 20
    assert len(errors) == 500 and len(set(map(id, errors))) == 1
    assert isinstance(errors[0], ModelError)
    assert "no connection, tried 3 times" in errors[0].text.en and "refused" in errors[0].text.en


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_to_another_host_is_refused(serve: Serve, engine: Open, status: int) -> None:
    other = serve(lambda call: call.say("stolen"))
    place = f"http://localhost:{other.port}/v1/chat/completions?patient=%E7%8E%8B"
    server = serve(lambda call: call.reply(b"", status=status, location=place))
    with pytest.raises(ModelError, match=rf"redirects \({status}\) to localhost, where nothing is sent") as caught:
        engine(server).batch([asked("?")], Sampling())
    assert "patient" not in caught.value.text.en
    assert not other.calls


def test_no_answer_in_time(serve: Serve, engine: Open) -> None:
    def script(call: Call) -> None:
        if call.question == "slow":
            time.sleep(8)
        call.say("好")

    server = serve(script)
    opened = engine(server, {"timeout_s": 1.0, "retries": 1})
    began = time.monotonic()
    slow, quick = opened.batch_or_errors([asked("slow"), asked("quick")], Sampling())
    assert time.monotonic() - began < 6
    assert isinstance(slow, DataError) and "within 1 s, tried 2 times" in slow.text.en
    assert isinstance(quick, Generation)
    assert [call.question for call in server.calls].count("slow") == 2


@pytest.mark.parametrize("sign", [b": still here\n\n", event("水")])
def test_signs_of_life_do_not_keep_a_request_open(serve: Serve, engine: Open, sign: bytes) -> None:
    def script(call: Call) -> None:
        call.open()
        while True:
            call.write(sign)
            time.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(DataError, match=r"no whole answer within 0\.5 s"):
        engine(serve(script), {"timeout_s": 0.5}).batch([asked("?")], Sampling())
    assert 0.4 < time.monotonic() - began < 5


def broken_off(call: Call) -> None:
    """A chunked body whose end never comes."""
    call.open(transfer_encoding="chunked")
    data = event("多休息")
    call.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def test_a_connection_that_breaks_off(serve: Serve, engine: Open) -> None:
    def script(call: Call) -> None:
        if len(server.calls) == 1:
            broken_off(call)
        else:
            call.say("少熬夜")

    server = serve(script)
    answers = engine(server, {"retries": 1}).batch([asked("?")], Sampling())
    assert [one.text for one in answers] == ["少熬夜"] and len(server.calls) == 2


def test_what_was_shown_is_not_begun_again(serve: Serve, engine: Open) -> None:
    server = serve(broken_off)
    stream = engine(server, {"retries": 3}).stream(asked("?"), Sampling())
    assert next(stream) == "多休息"
    with pytest.raises(DataError, match="the connection broke off"):
        next(stream)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "echo",
    [
        "cannot parse: My name is John Smith and I cough",
        "cannot parse 'MY NAME IS JOHN SMITH'",
        "cannot parse “我叫王秀兰，电话13912345678”",
        "call 13912345678",
    ],
)
def test_a_server_that_quotes_the_patient(serve: Serve, engine: Open, echo: str) -> None:
    body = json.dumps({"error": {"message": echo}}, ensure_ascii=False).encode()
    server = serve(lambda call: call.reply(body, status=400))
    question = "My name is John Smith and I cough. 我叫王秀兰，电话13912345678"
    with pytest.raises(DataError, match=r"refuses this conversation \(400\)") as caught:
        engine(server).batch([asked(question)], Sampling())
    said = (caught.value.text.en + caught.value.text.zh).lower()
    assert not [part for part in ("john", "smith", "王秀兰", "139") if part in said]


def test_a_fault_of_ours_is_not_an_item(serve: Serve, engine: Open) -> None:
    def broken(text: str) -> bool:
        raise ZeroDivisionError

    opened = engine(serve(lambda call: call.say("多喝水。" * 20)), loops=broken)
    with pytest.raises(ZeroDivisionError):
        opened.batch_or_errors([asked("?")] * 20, Sampling())


def test_every_failure_is_told_in_both_languages(serve: Serve, engine: Open) -> None:
    errors: list[DoctorGLMError] = []
    for status in (302, 400, 401, 404, 429, 500):
        server = serve(lambda call, status=status: call.reply(b"{}", status=status))  # type: ignore[misc]
        (error,) = engine(server).batch_or_errors([asked("?")], Sampling())
        assert isinstance(error, DoctorGLMError)
        errors.append(error)
    assert all(error.text.zh != error.text.en and "。" in error.text.zh for error in errors)
