"""A server that is slow, busy, broken, closed to us or not there: bounded, in words, and with nothing lost."""

import time
from collections.abc import Callable

import pytest

from doctorglm.errors import ConfigError, DataError, DoctorGLMError, ModelError
from doctorglm.translate.cache import Cache
from doctorglm.translate.cost import Prices
from doctorglm.translate.endpoint import Endpoint
from doctorglm.translate.teacher import Outcome, Teacher

from ..engine.serving import Call, Script, Server
from .teaching import chinese, faithful

Serve = Callable[[Script], Server]
Open = Callable[..., Teacher]
TEXTS = ["The patient has angina.", "The fever is gone."]
PRICES = Prices(usd_in=1000.0, usd_out=1000.0)


def _first(bad: Script, times: int = 1) -> Script:
    """A server that does something else a few times, and then what it should."""
    left = [bad] * times

    def script(call: Call) -> None:
        (left.pop() if left else faithful)(call)

    return script


def _status(code: int, **headers: str) -> Script:
    return lambda call: call.reply(b'{"error": {"message": "no"}}', status=code, **headers)


def _hang_up(call: Call) -> None:
    call.open(content_length="1000")
    call.write(b'{"choi')


def _sleep(call: Call) -> None:
    time.sleep(0.6)
    faithful(call)


PASSES = {"429": _status(429), "500": _status(500), "503": _status(503), "broken": _hang_up, "late": _sleep}


@pytest.mark.parametrize("kind", PASSES)
def test_what_passes_is_tried_again(kind: str, serve: Serve, teacher: Open) -> None:
    server = serve(_first(PASSES[kind]))
    found = teacher(server, timeout_s=0.3).translate(TEXTS)
    assert [one.chinese for one in found] == [chinese(text) for text in TEXTS] and len(server.calls) == 2


@pytest.mark.parametrize("kind", ["429", "500", "broken"])
def test_what_does_not_pass_is_said_after_a_bounded_number_and_nothing_is_lost(
    kind: str, serve: Serve, teacher: Open, cache: Cache
) -> None:
    calls: list[Call] = []

    def script(call: Call) -> None:
        calls.append(call)
        (faithful if len(calls) in (1, 6) else PASSES[kind])(call)

    server = serve(script)
    with pytest.raises(DataError) as error:
        teacher(server, {"together": 1}, retries=3).translate(TEXTS)
    assert "tried 4 times" in error.value.text.en and "已尝试 4 次" in error.value.text.zh
    assert len(server.calls) == 5 and cache.spent("").open == 0
    assert [one.by for one in teacher(server, {"together": 1}).translate(TEXTS)] == ["teacher", "teacher"]
    assert len(server.calls) == 6


def test_retry_after_is_waited_for(serve: Serve, teacher: Open) -> None:
    server = serve(_first(_status(429, retry_after="0.4")))
    began = time.monotonic()
    teacher(server).translate(TEXTS)
    assert 0.4 <= time.monotonic() - began < 5


CLOSED = {
    401: ("refuses the key", "OPENAI_API_KEY"),
    403: ("refuses the key", "OPENAI_API_KEY"),
    404: ("no model tiny", "没有模型 tiny"),
    302: ("redirects", "被重定向"),
}


@pytest.mark.parametrize("code", CLOSED)
def test_a_server_that_cannot_be_used_is_asked_once(code: int, serve: Serve, teacher: Open, cache: Cache) -> None:
    server = serve(_status(code, location="http://localhost/"))
    with pytest.raises(ModelError) as error:
        teacher(server, {"together": 1}, prices=PRICES).translate(TEXTS)
    assert error.value.exit_code == 2 and len(server.calls) == 1
    assert CLOSED[code][0] in error.value.text.en and CLOSED[code][1] in error.value.text.zh
    assert cache.spent("").usd == 0


def test_no_server(teacher: Open, cache: Cache) -> None:
    with pytest.raises(ModelError, match="no connection, tried 2 times"):
        teacher("http://127.0.0.1:1/v1#tiny", prices=PRICES).translate(TEXTS)
    assert cache.spent("").usd == 0


@pytest.mark.parametrize("address", ["localhost", "http://127.0.0.1/v1", "ftp://127.0.0.1/v1#tiny"])
def test_what_is_no_address(address: str, endpoint: Callable[..., Endpoint]) -> None:
    with pytest.raises(ConfigError, match="not the address of a model"):
        endpoint(address)


def test_a_server_elsewhere_must_be_allowed_and_is_sent_masked_text(endpoint: Callable[..., Endpoint]) -> None:
    with pytest.raises(ConfigError, match="--allow-remote"):
        endpoint("https://example.org/v1#tiny")
    with pytest.raises(ValueError, match="mask"):
        endpoint("https://example.org/v1#tiny", allow_remote=True)
    asked = Teacher(
        endpoint("https://example.org/v1#tiny", allow_remote=True, mask=lambda texts: ["masked" for _ in texts])
    )
    assert [part.text for part, _ in asked._parts("Call Mr Miller.")] == ["masked"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (_status(400), "refused_by_server"),
        (lambda call: call.reply(b'{"choices": [{"message": {"refusal": "no"}}]}'), "filtered"),
        (lambda call: call.reply(b'{"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}'),
         "filtered"),
        (lambda call: call.reply(b'{"choices": []}'), "garbage"),
        (lambda call: call.reply(b'{"choices": [{"message": {"content": 5}}]}'), "garbage"),
        (lambda call: call.reply(b'"yes"'), "garbage"),
        (lambda call: call.reply(b'{"choices"'), "garbage"),
        (_sleep, "no_answer"),
    ],
)  # fmt: skip
def test_one_text_that_gets_no_answer_costs_no_other(said: Script, reason: str, serve: Serve, teacher: Open) -> None:
    server = serve(lambda call: (said if "angina" in call.question else faithful)(call))
    found = teacher(server, {"tries": 2}, timeout_s=0.3).translate(TEXTS)
    assert found == [Outcome(None, "", reason), Outcome(chinese(TEXTS[1]), "teacher")]
    # what the server did not answer is asked again by a later run, what a filter holds back is not
    before = len(server.calls)
    teacher(server, {"tries": 2}, timeout_s=0.3).translate(TEXTS)
    assert (len(server.calls) > before) == (reason != "filtered")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (_status(400), "400"),
        (lambda call: call.reply(b"<html>Welcome</html>", "text/html"), "cannot be used"),
        (lambda call: call.reply(b"{}"), "cannot be used"),
        (lambda call: call.reply(b"{"), "cannot be used"),
    ],
)
def test_a_server_that_answers_no_text_is_not_taken_for_bad_texts(
    said: Script, told: str, serve: Serve, teacher: Open, cache: Cache
) -> None:
    server = serve(said)
    with pytest.raises(DoctorGLMError, match=told):
        teacher(server, {"together": 1}).translate([f"Text number {n} of many." for n in range(50)])
    assert len(server.calls) == 8 and cache.spent("").open == 0


def test_a_timeout_counts_at_its_worst(serve: Serve, teacher: Open, cache: Cache) -> None:
    server = serve(_first(_sleep))
    asked = teacher(server, timeout_s=0.3, prices=PRICES)
    worst = asked.estimate(TEXTS).usd_at_most
    asked.translate(TEXTS)
    assert cache.spent("").usd == pytest.approx(worst + PRICES.usd(100, 40))
