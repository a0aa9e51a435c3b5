"""The conversation in a terminal: in a real one with a scripted engine, and in this process with a real model."""

import io
import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from doctorglm import language
from doctorglm.chat import chat
from doctorglm.consult import LABEL, Consultation
from doctorglm.conversation import Message
from doctorglm.engine import Finish, Generation, Sampling
from doctorglm.errors import DataError

from .terminal import Terminal

HEAD = f"[{LABEL.en}]\n"


class Told:
    """An engine that gives the answers it was told, and keeps what it was asked."""

    name = "told"

    def __init__(
        self, *answers: Sequence[str] | Exception, finish: Finish = "stop", dropped: Sequence[int] = ()
    ) -> None:
        self.answers, self.finish, self.dropped = list(answers), finish, [*dropped]
        self.asked: list[list[tuple[str, str]]] = []

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        self.asked.append([(m.role, m.content) for m in messages])
        pieces = self.answers.pop(0)
        if isinstance(pieces, Exception):
            raise pieces
        yield from pieces
        dropped = self.dropped.pop(0) if self.dropped else 0
        yield Generation(
            text="".join(pieces), tokens=len(pieces) + 1, finish=self.finish, seconds=0.25, dropped_turns=dropped
        )

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        raise NotImplementedError


def talk(engine: Any, lines: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Gives the lines on standard input, not a terminal."""
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    return chat(Consultation(engine, Sampling()), ask=None, as_json=False)


def ask(engine: Any, question: str, *, as_json: bool = False) -> int:
    return chat(Consultation(engine, Sampling()), ask=question, as_json=as_json)


# in a terminal


@pytest.fixture
def screen() -> Iterator[tuple[Callable[..., Terminal], Callable[[], None]]]:
    """Opens a terminal in which the conversation runs; the second function lets the slow answer say one piece."""
    read, write = os.pipe()
    opened: list[Terminal] = []

    def start(lang: str = "en_US.UTF-8") -> Terminal:
        file = Path(__file__).with_name("talker.py")
        environment = {"LC_ALL": "C.UTF-8", "NO_COLOR": ""} | ({"LC_ALL": lang} if lang.startswith("zh") else {})
        opened.append(Terminal(file, str(read), environment=environment, pass_fds=[read]))
        return opened[0]

    yield start, lambda: os.write(write, b".")
    opened[0].close()
    os.close(read)
    os.close(write)


def test_talking_and_stopping_in_a_terminal(screen: Any) -> None:
    """One sitting: streaming, history, Ctrl-C at an answer and at the prompt, commands, editing, leaving."""
    start, go_on = screen
    terminal = start()
    opening = terminal.expect("You: ")
    assert "echo" in opening and "not a doctor" in opening and "120" in opening

    terminal.type("头疼怎么办\n")
    answer = terminal.expect("<u:头疼怎么办>END")
    assert f"\x1b[2m[{LABEL.en}]" in answer, "the label, faint, before the first word"
    terminal.expect("You: ")

    terminal.type("slow\n")
    assert LABEL.en not in terminal.expect("answering")
    go_on()
    terminal.expect("a:<u:头疼怎么办>END|u:slow")  # streamed: the engine still waits to say the rest
    terminal.type("\x03")
    terminal.expect("[stopped]")
    terminal.expect("You: ")
    terminal.type("更多\n")
    assert "a:<u:头疼怎么办|a:<u:头疼怎么办>END|u:slow [stopped]|u:更多>END" in terminal.expect("END\r\n")
    terminal.expect("You: ")

    terminal.type("slow\n")
    terminal.expect("answering")
    terminal.type("\x03")
    terminal.expect("the question is not kept")
    terminal.expect("You: ")

    terminal.type("half a line")
    terminal.expect("half a line")
    terminal.type("\x03")
    terminal.expect("Ctrl-C once more, or /exit")
    terminal.expect("You: ")
    terminal.type("long\n")
    terminal.expect("error: the question alone has 9 tokens")
    terminal.expect("You: ")
    terminal.type("\x03")
    terminal.expect("Ctrl-C once more, or /exit")  # a question in between: once more again
    terminal.expect("You: ")

    terminal.type("/help\n")
    assert "/clear" in terminal.expect("twice at the prompt: leave")
    terminal.expect("You: ")
    terminal.type("/cls\n")
    terminal.expect("no command /cls")
    terminal.expect("You: ")
    terminal.type("/clear\n")
    terminal.expect("Forgotten")
    terminal.expect("You: ")
    terminal.type(
        "\x1b[Anx\x1b[D\x1b[D\x7few\x1b[C\x1b[C\x7f\n"
    )  # nothing above to bring back, and a line that is edited
    terminal.expect("<u:ewn>END")
    terminal.expect("You: ")
    terminal.type("\x1b[A\n")
    terminal.expect("<u:ewn|a:<u:ewn>END|u:ewn>END")
    terminal.expect("You: ")
    terminal.type("\x03")
    terminal.expect("Ctrl-C once more")
    terminal.type("\x03")
    assert terminal.leave() == 0
    assert "Traceback" not in terminal.seen


@pytest.mark.parametrize("leaving", ["/exit\n", "／QUIT\n", "\x04"])
def test_leaving(screen: Any, leaving: str) -> None:
    start, _ = screen
    terminal = start()
    terminal.expect("You: ")
    terminal.type(leaving)
    assert terminal.leave() == 0
    assert "Traceback" not in terminal.seen


def test_chinese_in_a_terminal(screen: Any) -> None:
    """Also where the locale is only named: a container without it must not take Chinese for editing keys."""
    start, _ = screen
    terminal = start("zh_CN.UTF-8")
    assert "不是医生" in (opening := terminal.expect("您：")) and "120" in opening
    terminal.type("头疼，\x7f。怎么办\n")
    assert LABEL.zh in terminal.expect("<u:头疼。怎么办>END")
    terminal.type("/help\n")
    terminal.expect("忘掉这段对话")
    terminal.type("/exit\n")
    assert terminal.leave() == 0


# in this process


def test_what_is_on_stdout_and_what_on_stderr(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    engine = Told(["多休", "息。"], ["喝水。"], ["不用。"])
    assert talk(engine, "头疼\n\n  怎么办？ \n/clear\n吃药吗", monkeypatch) == 0
    out, err = capsys.readouterr()
    assert out == f"{HEAD}多休息。\n{HEAD}喝水。\n{HEAD}不用。\n"
    assert "not a doctor" in err and "Forgotten" in err and "\x1b" not in out + err
    assert engine.asked == [
        [("user", "头疼")],
        [("user", "头疼"), ("assistant", "多休息。"), ("user", "怎么办？")],
        [("user", "吃药吗")],
    ]


def test_ask_answers_once(capsys: Any) -> None:
    assert ask(Told(["多休", "息。"]), "头疼") == 0
    assert capsys.readouterr() == (f"{HEAD}多休息。\n", "")


def test_json_is_one_object(capsys: Any) -> None:
    engine = Told(["多休", "息。"], finish="length", dropped=[2])
    assert ask(engine, "头疼", as_json=True) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out), err) == (
        {
            "label": LABEL.en,
            "actions": [],
            "answer": "多休息。",
            "finish": "length",
            "tokens": 3,
            "seconds": 0.25,
            "dropped_turns": 2,
        },
        "",
    )
    assert engine.asked == [[("user", "头疼")]]


def test_chinese_wording(capsys: Any) -> None:
    language.choose("zh")
    ask(Told(["好"], finish="length"), "头疼")
    out, err = capsys.readouterr()
    assert out == f"[{LABEL.zh}]\n好\n"
    assert "已达 2 个 token 的上限" in err


@pytest.mark.parametrize(
    ("pieces", "finish", "told"),
    [
        ([], "stop", "No answer was given"),
        (["\x07"], "stop", "No answer was given"),
        (["好"], "loop", "only repeated itself"),
        (["好"], "length", "after 2 tokens"),
    ],
)
def test_how_an_answer_ended_is_told(pieces: list[str], finish: Finish, told: str, capsys: Any) -> None:
    ask(Told(pieces, finish=finish), "头疼")
    out, err = capsys.readouterr()
    assert out == (f"{HEAD}好\n" if "好" in pieces else ""), "no label without an answer"
    assert told in err and len(err.splitlines()) == 1


def test_an_empty_answer_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Told([], ["好"])
    talk(engine, "头疼\n咳嗽\n", monkeypatch)
    assert engine.asked[1] == [("user", "咳嗽")]


def test_dropped_turns_are_told_when_they_become_more(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    engine = Told(*[["好"]] * 7, dropped=[0, 1, 1, 3, 0, 0, 1])
    talk(engine, "1\n2\n3\n4\n/clear\n5\n6\n7\n", monkeypatch)
    told = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert [line.rstrip(".")[-1] for line in told] == ["1", "3", "1"]


def test_a_question_that_is_too_long_does_not_end_the_conversation(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    too_long = DataError(en="the limit is 8", zh="上限是 8")
    engine = Told(["好"], too_long, ["不"])
    talk(engine, "1\n2\n3\n", monkeypatch)
    assert engine.asked[2] == [("user", "1"), ("assistant", "好"), ("user", "3")]
    out, err = capsys.readouterr()
    assert "error: the limit is 8" in err and out.count(LABEL.en) == 2
    with pytest.raises(DataError, match="limit is 8"):
        ask(Told(too_long), "2")


def test_questions_that_are_no_text_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="empty"):
        ask(Told(), " \n")
    with pytest.raises(DataError, match="bytes that are not UTF-8"):
        ask(Told(), b"\xcd\xcd".decode("utf-8", "surrogateescape"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("头疼".encode("gb18030")), "utf-8"))
    with pytest.raises(DataError, match="bytes that are not UTF-8"):
        chat(Consultation(Told(), Sampling()), ask=None, as_json=False)


def test_an_answer_cannot_steer_the_terminal(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Told(["\x1b[2J清", "屏\x1b", "]0;x\x07", " :pill: [bold]a[/bold]\t1\n2"], ["好"])
    talk(engine, "头疼\n咳嗽\n", monkeypatch)
    shown = "[2J清屏]0;x :pill: [bold]a[/bold]\t1\n2"
    assert capsys.readouterr().out == f"{HEAD}{shown}\n{HEAD}好\n"
    assert engine.asked[1][1] == ("assistant", shown)


class Interrupting(io.StringIO):
    """Standard output at which Ctrl-C is pressed as the nth answer's text begins to appear."""

    encoding = "utf-8"

    def __init__(self, *answers: int) -> None:
        super().__init__()
        self._answers, self._labels, self._wanted = set(answers), 0, False

    def write(self, text: str) -> int:
        size = super().write(text)
        if self._wanted and LABEL.en not in text and text.strip():
            self._wanted = False
            signal.raise_signal(signal.SIGINT)
        if LABEL.en in text:
            self._labels += 1
            self._wanted = self._labels in self._answers
        return size


def test_ctrl_c_at_the_one_answer_leaves_as_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", shown := Interrupting(1))
    with pytest.raises(KeyboardInterrupt):
        ask(Told(["多休", "息。"]), "头疼")
    assert shown.getvalue() == f"{HEAD}多休 [stopped]\n"


@pytest.fixture
def tiny_engine(tmp_path: Path) -> Any:
    """A random ChatGLM with a vocabulary trained here; its imports take seconds, and only one test needs them."""
    import torch

    from doctorglm import models
    from doctorglm.models.chatglm.vocabulary import train_sentencepiece
    from doctorglm.models.local_engine import LocalEngine

    file = tmp_path / "ice_text.model"
    texts = ["头疼怎么办？多休息，少熬夜。咳嗽三天，需要吃药吗？"] * 20
    train_sentencepiece(texts, 373, file, character_coverage=1.0, threads=1)
    tokenizer = models.ChatGLMTokenizer(str(file))
    ids = {f"{n}_token_id": getattr(tokenizer, f"{n}_token_id") for n in ("bos", "eos", "mask", "gmask", "pad")}
    sizes = {"hidden_size": 32, "num_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(5)
    model = models.ChatGLMForConditionalGeneration(models.ChatGLMConfig(vocab_size=len(tokenizer), **sizes, **ids))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return LocalEngine(model, tokenizer, "tiny", context=700)


def test_talking_with_a_real_model(tiny_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at the second of three answers: the model stops, the others are what it answers to the same messages."""
    engine, sampling = tiny_engine, Sampling(max_new_tokens=120, temperature=0.7)
    asked: list[list[Message]] = []
    stream = engine.stream
    monkeypatch.setattr(engine, "stream", lambda messages, how: asked.append([*messages]) or stream(messages, how))
    monkeypatch.setattr("sys.stdout", shown := Interrupting(2))
    monkeypatch.setattr("sys.stdin", io.StringIO("头疼\n咳嗽\n吃药吗？\n"))

    assert chat(Consultation(engine, sampling), ask=None, as_json=False) == 0
    assert not [t for t in threading.enumerate() if t.name == "answer"]
    first, second, third = (part.strip("\n") for part in shown.getvalue().split(HEAD)[1:])
    roles = [[m.role for m in messages] for messages in asked]
    assert roles == [["user"], ["user", "assistant", "user"], ["user", "assistant", "user", "assistant", "user"]]
    assert second.endswith(" [stopped]") and [m.content for m in asked[2][1::2]] == [first, second]
    monkeypatch.undo()
    answers = [engine.batch([messages], sampling)[0].text for messages in asked]
    first, second, third, *answers = (
        re.sub(r"[\x00-\x1f\x7f-\x9f]", "", text) for text in (first, second, third, *answers)
    )
    assert (first, third) == (answers[0], answers[2]) and first and third
    assert answers[1].startswith(second.removesuffix(" [stopped]")) and len(second) < len(answers[1])
