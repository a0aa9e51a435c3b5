"""What may be wrong with a teacher, its server or its texts: said in both languages, ended with 2, nothing lost."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from doctorglm.conversation import read_conversations

from ..engine.conftest import serve  # noqa: F401 - a fixture
from ..engine.serving import Call, Script, Server
from ..translate.batching import BatchServer, running
from ..translate.teaching import asked_texts, chinese, faithful, say, texts_of
from .kit import Said

Serve = Callable[[Script], Server]
Command = Callable[..., Said]
LANGUAGES = ["en", "zh"]


def write(path: Path, *questions: str, answer: str = "Please see a doctor today.") -> Path:
    """Conversations of a question and an answer each."""
    made = []
    for n, question in enumerate(questions, 1):
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        made.append({"id": f"case-{n}", "messages": messages})
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in made), "utf-8")
    return path


def _arguments(records: Path, server: Server | str, *more: object) -> list[object]:
    address = server if isinstance(server, str) else server.address()
    return ["translate", records, "--out", records.parent / "out", "--teacher", address, "concurrency=1",
            "checks=false", "pause_s=0.01", "retries=1", *more]  # fmt: skip


def _error(status: int, message: str = "no") -> Script:
    return lambda call: call.reply(json.dumps({"error": {"message": message}}).encode(), status=status)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return write(tmp_path / "english.jsonl", *(f"I have had angina for {n} days, what can I do?" for n in range(2, 8)))


def _broken_after_two(bad: Script, mended: list[bool]) -> Script:
    """A server that answers two requests, and then does something else until it is mended."""
    served: list[Call] = []

    def script(call: Call) -> None:
        served.append(call)
        (faithful if mended or len(served) <= 2 else bad)(call)

    return script


NOT_USABLE = {
    "no key": (_error(401), "refuses the key (401)", "OPENAI_API_KEY"),
    "a wrong name": (_error(404), "no model tiny", "没有模型 tiny"),
    "a server that fails": (_error(500), "tried 2 times", "已尝试 2 次"),
}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", NOT_USABLE)
def test_a_server_that_cannot_be_used_any_more_loses_nothing(
    kind: str, lang: str, records: Path, serve: Serve, command: Command, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    bad, *told = NOT_USABLE[kind]
    mended: list[bool] = []
    server = serve(_broken_after_two(bad, mended))
    said = command("--lang", lang, *_arguments(records, server, "together=1"))
    assert said.code == 2 and told[LANGUAGES.index(lang)] in said.err and "Traceback" not in said.err
    assert said.out == "" and not (records.parent / "out" / "train.jsonl").exists()
    mended.append(True)
    before = len(server.calls)
    assert command(*_arguments(records, server, "together=1")).code == 0
    # seven texts (one answer to all), two of which were answered before
    assert len(server.calls) - before == 5


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_server(lang: str, records: Path, command: Command) -> None:
    said = command("--lang", lang, *_arguments(records, "http://127.0.0.1:1/v1#tiny"))
    assert said.code == 2 and ("no connection" if lang == "en" else "无法连接") in said.err


@pytest.mark.parametrize("lang", LANGUAGES)
def test_prose_in_place_of_json(lang: str, records: Path, serve: Serve, command: Command) -> None:  # noqa: F811
    server = serve(lambda call: say(call, "Certainly! Angina is a pain in the chest. Please rest."))
    said = command("--lang", lang, *_arguments(records, server, "tries=2"))
    assert said.code == 2 and "not_json 6" in said.err and said.out == ""
    assert ("none of 6" if lang == "en" else "6 段对话全部未能译出") in said.err
    rejected = [
        json.loads(line) for line in (records.parent / "out" / "rejected.jsonl").read_text("utf-8").splitlines()
    ]
    assert [one["reason"] for one in rejected] == ["not_json"] * 6
    before = len(server.calls)
    assert command(*_arguments(records, server, "tries=2")).code == 2 and len(server.calls) == before


def test_a_teacher_that_only_talks_is_not_paid_for_long(
    tmp_path: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    records = write(tmp_path / "many.jsonl", *(f"I have had angina for {n} days." for n in range(100)))
    server = serve(lambda call: say(call, "I would rather chat."))
    said = command(*_arguments(records, server, "together=1"))
    assert said.code == 2 and "24 requests" in said.err and "not_json" in said.err and len(server.calls) == 24
    # one that has answered before may fail as often as it likes
    lonely = write(tmp_path / "one.jsonl", "I have had angina for 0 days.")
    server.calls.clear()
    mended = serve(faithful)
    assert command(*_arguments(lonely, mended, "--out", tmp_path / "b", "--cache", tmp_path / "c.sqlite")).code == 0
    said = command(
        *_arguments(records, server, "together=1", "--out", tmp_path / "d", "--cache", tmp_path / "c.sqlite")
    )
    assert said.code == 0 and len(server.calls) > 24


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_budget_that_is_reached(lang: str, records: Path, serve: Serve, command: Command) -> None:  # noqa: F811
    server = serve(faithful)
    arguments = _arguments(records, server, "usd_in=1000", "together=1")
    most = json.loads(command(*arguments, "--dry-run", "--json").out)["usd_at_most"]
    said = command("--lang", lang, *arguments, "--budget", most / 7 + 0.25)
    assert said.code == 2 and ("budget reached" if lang == "en" else "已达预算") in said.err
    done = len(server.calls)
    assert 0 < done < 7
    assert command(*arguments, "--budget", most).code == 0 and len(server.calls) == 7


def test_c043_an_empty_field_is_not_sent_and_keeps_its_place(
    tmp_path: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    server = serve(faithful)
    records = write(tmp_path / "e.jsonl", "", "I have angina.", " \n ")
    assert command(*_arguments(records, server)).code == 0
    made = list(read_conversations(tmp_path / "out" / "train.jsonl"))
    answer = chinese("Please see a doctor today.")
    assert [[m.content for m in one.messages] for one in made] == [
        ["", answer], [chinese("I have angina."), answer], [" \n ", answer]]  # fmt: skip
    assert [one.meta["translation"]["by"][0] for one in made] == ["empty", "teacher", "empty"]
    assert asked_texts(server.calls) == [["Please see a doctor today.", "I have angina."]]


def test_a_source_that_is_chinese_already_is_not_sent(tmp_path: Path, serve: Serve, command: Command) -> None:  # noqa: F811
    server = serve(faithful)
    records = write(tmp_path / "zh.jsonl", "我胸口痛了三天，怎么办？", answer="请今天就去看 cardiology 门诊。")
    assert command(*_arguments(records, server)).code == 0
    (one,) = read_conversations(tmp_path / "out" / "train.jsonl")
    assert [m.content for m in one.messages] == ["我胸口痛了三天，怎么办？", "请今天就去看 cardiology 门诊。"]
    assert one.meta["translation"]["by"] == ["chinese", "chinese"] and server.calls == []


def test_a_record_of_50000_characters(tmp_path: Path, serve: Serve, command: Command) -> None:  # noqa: F811
    long = " ".join(f"Sentence {n} says that the patient slept well." for n in range(200, 1300))
    assert len(long) > 50_000

    def script(call: Call) -> None:
        say(call, {i: "".join(f"第{w}句说患者睡得好。" for w in t.split() if w.isdigit()) or "请今天就医。"
                   for i, t in texts_of(call).items()})  # fmt: skip

    server = serve(script)
    assert command(*_arguments(write(tmp_path / "l.jsonl", long), server)).code == 0
    (one,) = read_conversations(tmp_path / "out" / "train.jsonl")
    assert one.messages[0].content == "".join(f"第{n}句说患者睡得好。" for n in range(200, 1300))
    assert max(len(call.question) for call in server.calls) < 3000


TEN = ["Message list", *(f"The patient has had a fever for {n} days." for n in range(11, 20))]


def test_c041_the_one_that_looks_like_an_order_is_asked_again_and_no_other_is(
    tmp_path: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    def script(call: Call) -> None:
        right = {i: "消息列表" if text == TEN[0] else chinese(text) for i, text in texts_of(call).items()}
        say(call, right if len(right) == 1 else dict(list(right.items())[1:]))  # ten sent, nine returned

    server = serve(script)
    records = write(tmp_path / "ten.jsonl", *TEN, answer="")
    assert command(*_arguments(records, server, "together=10")).code == 0
    assert asked_texts(server.calls) == [TEN, TEN[:1]]
    made = read_conversations(tmp_path / "out" / "train.jsonl")
    assert [one.messages[0].content for one in made] == ["消息列表", *map(chinese, TEN[1:])]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_batch_from_the_command_line(
    lang: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = write(tmp_path / "b.jsonl", "My name is Walter Castellano and I have had angina for 3 days.")
    with running(BatchServer()) as server:
        arguments = _arguments(records, server.address, "batch=true", "batch_poll_s=0.01", "usd_in=1000")
        said = command("--lang", lang, *arguments, "--dry-run")
        assert said.code == 0 and "50%" in said.err and "batch_discount" in said.err and server.asked == []
        said = command("--lang", lang, *arguments, "--json")
        assert said.code == 0 and ("1 requests are sent" if lang == "en" else "已发送 1 个请求") in said.err
        assert json.loads(said.out)["cost"]["usd"] == pytest.approx(100 * 1000 / 1e6 / 2)
        sent = b"".join(server.files.values()).decode()
        assert "Castellano" not in sent and "My name is [name]" in sent
        said = command("--lang", lang, *_arguments(records, server.address, "batch_discount=1"))
        assert said.code == 2 and "batch_discount" in said.err


def test_a_batch_that_does_not_end_leaves_nothing_half_done(tmp_path: Path, command: Command) -> None:
    records = write(tmp_path / "b.jsonl", "I have had angina for 3 days.")
    with running(BatchServer(polls=10**6)) as server:
        arguments = _arguments(records, server.address, "batch=true", "batch_poll_s=0.01", "batch_timeout_s=0.1")
        said = command(*arguments)
        assert said.code == 2 and "batch-1" in said.err and not (tmp_path / "out" / "train.jsonl").exists()
        server.polls = 1
        assert command(*arguments, "usd_in=1000").code == 0 and len(server.batches) == 1
        # nothing was left to be planned
        cost = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))["cost"]
        assert cost["planned_usd_at_most"] == cost["usd"] == pytest.approx(100 * 1000 / 1e6 / 2)
