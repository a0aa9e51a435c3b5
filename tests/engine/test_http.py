"""Answers of a real HTTP server: streamed, cut, counted, and asked for in the right words."""

import json
import threading
import time
from collections.abc import Callable

import pytest

from doctorglm.clinical.masking import masked_together
from doctorglm.consult import Consultation
from doctorglm.conversation import Message
from doctorglm.engine import Generation, Sampling
from doctorglm.engine.http import HttpEngine
from doctorglm.engine.requests import HttpSettings
from doctorglm.errors import ConfigError, DataError
from doctorglm.models.local_engine import ends_in_loop

from .serving import DONE, Call, Script, Server, asked, event, usage

Serve = Callable[[Script], Server]
Open = Callable[..., HttpEngine]


def streamed(engine: HttpEngine, text: str, sampling: Sampling | None = None) -> tuple[list[str], Generation]:
    *pieces, last = engine.stream(asked(text), sampling or Sampling())
    assert isinstance(last, Generation)
    return [str(piece) for piece in pieces], last


def test_pieces_add_up_to_the_answer(serve: Serve, engine: Open) -> None:
    server = serve(lambda call: call.say("\n 多", "休息", "，\n", "少熬夜。", " \n", tokens=9))
    opened = engine(server)
    pieces, answer = streamed(opened, "头疼怎么办？")
    assert pieces == ["多", "休息", "，", "\n少熬夜。"]
    assert (answer.text, answer.tokens, answer.finish) == ("多休息，\n少熬夜。", 9, "stop")
    assert 0 < answer.seconds < 5
    assert opened.batch([asked("头疼怎么办？")], Sampling())[0].text == answer.text
    assert opened.name == "tiny"


def test_what_is_asked(serve: Serve, engine: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = serve(lambda call: call.say("好"))
    messages = [
        Message("system", "你是医生。"),
        Message("user", "咳嗽"),
        Message("assistant", "多久？"),
        Message("user", "三天"),
    ]
    plain = Sampling(max_new_tokens=33, temperature=0.7, top_p=0.8, seed=5)
    engine(server).batch([messages], plain)
    engine(server).batch([messages], Sampling(repetition_penalty=1.1))
    first, second = server.calls
    assert first.path == "/v1/chat/completions"
    assert first.body == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "你是医生。"},
            {"role": "user", "content": "咳嗽"},
            {"role": "assistant", "content": "多久？"},
            {"role": "user", "content": "三天"},
        ],
        "max_tokens": 33,
        "temperature": 0.7,
        "top_p": 0.8,
        "seed": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert second.body["repetition_penalty"] == 1.1
    assert first.headers["Authorization"] == "Bearer none"


def test_the_key_goes_to_the_server_and_nowhere_else(
    serve: Serve, engine: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-secret")
    server = serve(lambda call: call.reply(b'{"error": {"message": "bad"}}', status=400))
    opened = engine(server)
    with pytest.raises(DataError) as caught:
        opened.batch([asked("头疼")], Sampling())
    assert server.calls[0].headers["Authorization"] == "Bearer sk-planted-secret"
    assert "planted" not in repr(vars(opened)) + str(caught.value.text)


def test_a_loopback_server_is_reached_without_proxies(
    serve: Serve, engine: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert streamed(engine(serve(lambda call: call.say("好"))), "头疼")[1].text == "好"


def test_characters_cut_at_every_byte(serve: Serve, engine: Open) -> None:
    def script(call: Call) -> None:
        call.open()
        for byte in event("打喷嚏🤧了") + event(finish="stop") + DONE:
            call.write(bytes([byte]))

    pieces, answer = streamed(engine(serve(script)), "?")
    assert pieces == ["打喷嚏🤧了"] and answer.text == "打喷嚏🤧了"


def test_an_emoji_escaped_in_halves(serve: Serve, engine: Open) -> None:
    def script(call: Call) -> None:
        call.open()
        for half in (b"\\u597d\\ud83e", b"\\udd27!"):
            call.write(b'data: {"choices": [{"delta": {"content": "' + half + b'"}}]}\n\n')
        call.write(event(finish="stop") + DONE)

    pieces, _ = streamed(engine(serve(script)), "?")
    assert pieces == ["好", "🤧!"]


@pytest.mark.parametrize(
    ("pieces", "finish", "expected"),
    [
        (["阿", "\ufffd", "莫西林"], "stop", None),
        (["阿莫西林\ufffd"], "stop", None),
        (["\ufffd"], "stop", None),
        (["阿莫西", "\ufffd\ufffd"], "length", "阿莫西"),  # the limit fell within a character
        (["阿\ufffd莫西"], "length", None),
    ],
)
def test_lost_characters(serve: Serve, engine: Open, pieces: list[str], finish: str, expected: str | None) -> None:
    opened = engine(serve(lambda call: call.say(*pieces, finish=finish)))
    if expected is None:
        with pytest.raises(DataError, match="characters were lost"):
            streamed(opened, "?")
    else:
        assert streamed(opened, "?")[1].text == expected


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_an_empty_answer_is_an_answer(serve: Serve, engine: Open, finish: str) -> None:
    opened = engine(serve(lambda call: call.say(" ", "\n", finish=finish, tokens=2)))
    pieces, answer = streamed(opened, "?")
    assert pieces == [] and answer.empty and answer.finish == finish and answer.tokens == 2
    assert [one.empty for one in opened.batch([asked("?")] * 3, Sampling())] == [True] * 3


def test_tokens_by_pieces_where_the_server_does_not_count(
    serve: Serve, engine: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {"counted": 5, "not counted": None}
    opened = engine(serve(lambda call: call.say("多", "喝", "水", tokens=counts[call.question])))
    assert streamed(opened, "counted")[1].tokens == 5
    assert opened.tokens_from == "usage" and not capsys.readouterr().err
    assert [one.tokens for one in opened.batch([asked("not counted")] * 4, Sampling())] == [3] * 4
    assert opened.tokens_from == "pieces"
    assert capsys.readouterr().err.count("pieces of text are counted") == 1


@pytest.mark.parametrize("size", [1, 7, 500])
def test_a_loop_is_cut_and_the_server_is_left(serve: Serve, engine: Open, size: int) -> None:
    """However the text is cut up, as a local engine would: at a multiple of sixteen characters."""
    text = "肝癌术后宜吃清淡。" + "请注意休息，多喝水。" * 400
    hung_up = threading.Event()

    def script(call: Call) -> None:
        call.open()
        try:
            for start in range(0, len(text), size):
                call.write(event(text[start : start + size]))
                time.sleep(0.001)
            call.write(event("too late" * 10_000) * 1000)
        except OSError:
            hung_up.set()
            raise

    pieces, answer = streamed(engine(serve(script), loops=ends_in_loop), "肝癌术后吃什么？")
    cut = next(n for n in range(16, len(text), 16) if ends_in_loop(text[:n]))
    assert answer.finish == "loop" and answer.text == text[:cut] == "".join(pieces)
    assert cut < 100 and answer.tokens == -(-cut // size)
    assert hung_up.wait(5)


def test_without_loops_nothing_is_cut(serve: Serve, engine: Open) -> None:
    answer = streamed(engine(serve(lambda call: call.say("多喝水。" * 60))), "?")[1]
    assert answer.finish == "stop" and answer.text == "多喝水。" * 60


def test_closing_the_stream_hangs_up(serve: Serve, engine: Open) -> None:
    hung_up = threading.Event()

    def script(call: Call) -> None:
        call.open()
        try:
            while True:
                call.write(event("水"))
                time.sleep(0.005)
        except OSError:
            hung_up.set()
            raise

    stream = engine(serve(script)).stream(asked("?"), Sampling())
    assert [next(stream) for _ in range(3)] == ["水"] * 3
    stream.close()
    assert hung_up.wait(5)


def test_twenty_conversations_do_not_cross(serve: Serve, engine: Open) -> None:
    """Each has its own word, the first are answered last, and never more than five at a time."""
    words = [f"代号{n:02d}鹤" for n in range(20)]
    now, most, lock = 0, 0, threading.Lock()

    def script(call: Call) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        heard = [message["content"] for message in call.body["messages"]]
        time.sleep(0.02 + 0.03 * (5 - int(call.question[2:4]) % 5))
        with lock:
            now -= 1
        call.say(*"|".join(heard))

    opened = engine(serve(script), {"concurrency": 5})
    conversations = [[Message("user", w), Message("assistant", f"{w}。"), Message("user", w)] for w in words]
    answers = opened.batch(conversations, Sampling())
    assert [answer.text for answer in answers] == [f"{w}|{w}。|{w}" for w in words]
    assert 1 < most <= 5


def test_a_consultation_over_a_server(serve: Serve, engine: Open) -> None:
    opened = engine(serve(lambda call: call.say("多", "休息", "。")))
    consultation = Consultation(opened, Sampling())
    assert consultation.batch([asked("头疼")])[0].text == "多休息。"
    *pieces, reply = consultation.stream(asked("头疼"))
    assert "".join(str(piece) for piece in pieces) == "多休息。" == reply.text  # type: ignore[union-attr]


def test_no_conversations(serve: Serve, engine: Open) -> None:
    assert engine(serve(lambda call: None)).batch([], Sampling()) == []


def test_a_server_elsewhere_needs_a_yes(serve: Serve) -> None:
    server = serve(lambda call: call.say("好"))
    # resolves to this machine, but only resolves
    for host in ("127.1", "localhost.evil.com"):
        with pytest.raises(ConfigError, match=rf"{host} is not this machine.*--allow-remote"):
            HttpEngine(server.address(host), mask=masked_together)
    with pytest.raises(ValueError, match="give `mask`"):
        HttpEngine(server.address("127.1"), allow_remote=True)
    assert not server.calls


def test_a_server_elsewhere_is_sent_masked_text_only(
    serve: Serve, engine: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    server = serve(lambda call: call.say("好"))
    conversation = [
        Message("user", "我叫欧阳娜娜，手机13912345678，咳嗽三天。"),
        Message("assistant", "欧阳娜娜，有发热吗？"),
        Message("user", "没有，欧阳娜娜只是咳嗽。"),
    ]
    remote = engine(server.address("127.1"), allow_remote=True, mask=masked_together)
    remote.batch([conversation], Sampling())
    list(remote.stream(conversation, Sampling()))
    engine(server, mask=masked_together).batch([conversation], Sampling())
    *sent, local = ([m["content"] for m in call.body["messages"]] for call in server.calls)
    masked = masked_together([message.content for message in conversation])
    assert sent == [masked, masked]
    assert "欧阳" not in str(sent) and "13912345678" not in str(sent) and "咳嗽" in str(sent)
    assert local == [message.content for message in conversation]


def test_half_a_character_in_a_question(serve: Serve, engine: Open) -> None:
    server = serve(lambda call: call.say("好"))
    engine(server).batch([asked("头\ud83e疼")], Sampling())
    assert server.calls[0].question == "头?疼"


@pytest.mark.parametrize("key", ["concurrency", "timeout_s"])
def test_settings_out_of_range(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        HttpSettings(**{key: 0})


def test_events_in_the_forms_that_servers_use(serve: Serve, engine: Open) -> None:
    """Comments, CRLF, a first event without choices, `content` null beside a role, an end without [DONE]."""

    def script(call: Call) -> None:
        call.open(content_type="text/event-stream; charset=utf-8")
        call.write(b": wait\r\n\r\n")
        call.write(b'data: {"choices": [], "prompt_filter_results": []}\r\n\r\n')
        call.write(b'data:{"choices":[{"delta":{"role":"assistant","content":null}}]}\r\n\r\n')
        call.write(event("好").replace(b"\n", b"\r\n"))
        call.write(b'data: {"choices": [{"delta": {"reasoning_content": "..."}}]}\n\n')
        call.write(
            b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 4}}\n\n'
        )

    pieces, answer = streamed(engine(serve(script)), "?")
    assert pieces == ["好"] and answer.tokens == 4


def test_a_server_that_does_not_stream(serve: Serve, engine: Open) -> None:
    choice = {"message": {"role": "assistant", "content": " 多喝水。"}, "finish_reason": "length"}
    body = json.dumps({"choices": [choice], "usage": {"completion_tokens": 3}}).encode()
    answer = streamed(engine(serve(lambda call: call.reply(body))), "?")[1]
    assert (answer.text, answer.finish, answer.tokens) == ("多喝水。", "length", 3)


def test_usage_alone_after_the_end(serve: Serve, engine: Open) -> None:
    def script(call: Call) -> None:
        call.open()
        call.write(event("好", finish="stop") + usage(11) + DONE)

    assert streamed(engine(serve(script)), "?")[1].tokens == 11
