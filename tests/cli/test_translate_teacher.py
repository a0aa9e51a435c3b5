"""`translate --teacher` from conversations to files, against a server on loopback; what is wrong ends with 2."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import read_conversations

from ..engine.conftest import serve  # noqa: F401 - a fixture
from ..engine.serving import Call, Script, Server
from ..translate.teaching import asked_texts, chinese, faithful, say, texts_of
from .kit import Said

Serve = Callable[[Script], Server]
Command = Callable[..., Said]
QUESTIONS = [
    "I have had angina for 3 days, what can I do?",
    "Since Monday my son has a fever of 39 degrees.",
    "Go away",
]
ANSWER = "Please see a doctor today."
BAD = QUESTIONS[2]


def _record(number: int, question: str) -> dict[str, Any]:
    messages = [("system", ""), ("user", question), ("assistant", ANSWER)]
    return {
        "id": f"case-{number}",
        "messages": [{"role": role, "content": content} for role, content in messages],
        "source": "own",
        "licence": "CC0",
        "language": "en",
        "department": "cardiology",
        "meta": {"year": 2020},
    }


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "english.jsonl"
    made = [_record(n, question) for n, question in enumerate(QUESTIONS, 1)]
    path.write_text("".join(json.dumps(one) + "\n" for one in made), "utf-8")
    return path


def _but_one(call: Call) -> None:
    say(call, {i: "" if text == BAD else chinese(text) for i, text in texts_of(call).items()})


def _arguments(records: Path, server: Server | str, *more: object) -> list[object]:
    address = server if isinstance(server, str) else server.address()
    return ["translate", records, "--out", records.parent / "out", "--teacher", address, "concurrency=1",
            "checks=false", "pause_s=0.01", "retries=1", *more]  # fmt: skip


def test_conversations_keep_their_english_and_go_with_their_provenance(
    records: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    server = serve(_but_one)
    said = command(*_arguments(records, server, "usd_in=1", "usd_out=2", "--json"))
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert (told["read"], told["translated"], told["rejected"]) == (3, 2, {"empty": 1})
    # one request for all, two more for the text that stays empty; 100 tokens in and 40 out each
    assert told["cost"]["requests"] == 3 and told["cost"]["usd"] == pytest.approx(3 * (100 + 2 * 40) / 1e6)
    out = records.parent / "out"
    one, other = read_conversations(out / "train.jsonl")
    assert [m.content for m in one.messages] == ["", chinese(QUESTIONS[0]), chinese(ANSWER)]
    assert [m.role for m in one.messages] == ["system", "user", "assistant"]
    assert (one.id, one.source, one.licence, one.language, one.department) == (
        "case-1", "own", "CC0", "zh", "cardiology")  # fmt: skip
    assert one.meta == {
        "year": 2020,
        "translation": {
            "english": ["", QUESTIONS[0], ANSWER],
            "by": ["empty", "teacher", "teacher"],
            "model": "tiny",
            "prompt": "1",
            "checks": "none",
            "mends": 2,
            "own_terms": True,
            "mended": [0, 0, 0],
            "sentences": [[], [[QUESTIONS[0], chinese(QUESTIONS[0])]], [[ANSWER, chinese(ANSWER)]]],
        },
    }
    assert other.id == "case-2"
    (rejected,) = map(json.loads, (out / "rejected.jsonl").read_text("utf-8").splitlines())
    assert (rejected["id"], rejected["reason"]) == ("case-3", "empty")
    assert rejected["reasons"] == [{"message": 1, "reason": "empty", "faults": []}]
    assert rejected["record"] == _record(3, BAD)
    run = json.loads((out / "run.json").read_text("utf-8"))
    assert run["status"] == "finished" and run["counts"]["translated"] == 2
    assert asked_texts(server.calls)[0] == [QUESTIONS[0], ANSWER, QUESTIONS[1], BAD]
    assert command(*_arguments(records, server)).code == 0 and len(server.calls) == 3


@pytest.mark.parametrize(("lang", "told"), [("en", "at most"), ("zh", "没有发送任何内容")])
def test_a_dry_run(lang: str, told: str, records: Path, serve: Serve, command: Command) -> None:  # noqa: F811
    server = serve(faithful)
    said = command("--lang", lang, *_arguments(records, server, "usd_in=1", "--dry-run"))
    assert said.code == 0 and told in said.err and server.calls == [] and not (records.parent / "out").exists()


def test_a_budget_that_is_reached_and_raised(records: Path, serve: Serve, command: Command) -> None:  # noqa: F811
    server = serve(faithful)
    arguments = _arguments(records, server, "usd_in=1000", "together=1")
    most = json.loads(command(*arguments, "--dry-run", "--json").out)["usd_at_most"]
    # 0.1 USD for each answer: not a fourth of four
    said = command(*arguments, "--budget", most / 4 + 0.2)
    assert said.code == 2 and "budget reached" in said.err and said.out == ""
    first = len(server.calls)
    assert 0 < first < 4 and not (records.parent / "out" / "train.jsonl").exists()
    said = command(*arguments, "--budget", "100", "--json")
    assert said.code == 0 and json.loads(said.out)["translated"] == 3
    assert len(server.calls) == 4 and json.loads(said.out)["cost"]["requests"] == 4


def test_a_cache_is_shared_by_two_folders_with_an_account_each(
    records: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    server = serve(faithful)
    shared = ["--cache", records.parent / "shared.sqlite", "--json", "usd_in=1"]
    costs = []
    for name in ("a", "b"):
        arguments = _arguments(records, server, *shared)
        arguments[3] = records.parent / name
        costs.append(json.loads(command(*arguments).out)["cost"]["usd"])
    assert len(server.calls) == 1 and costs == [pytest.approx(1e-4), 0]


def test_a_wrong_model_may_be_corrected_in_the_same_folder(
    records: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    def script(call: Call) -> None:
        if call.body["model"] == "tiny":
            call.reply(b'{"error": {"message": "no such model"}}', status=404)
        else:
            faithful(call)

    server = serve(script)
    said = command(*_arguments(records, server))
    assert said.code == 2 and "no model tiny" in said.err
    assert command(*_arguments(records, server, "--model", "big")).code == 0


@pytest.mark.parametrize(
    ("teacher", "more", "told"),
    [
        ("http://127.0.0.1:1/v1#tiny", (), "no connection"),
        ("http://127.0.0.1:1/v1", (), "not the address of a model"),
        ("https://example.org/v1#tiny", (), "--allow-remote"),
        ("http://127.0.0.1:1/v1#tiny", ("--budget", "1"), "usd_in"),
        ("http://127.0.0.1:1/v1#tiny", ("trys=1",), "tries"),
        ("http://127.0.0.1:1/v1#tiny", ("tries=0",), "tries"),
        ("http://127.0.0.1:1/v1#tiny", ("--glossary", "none.csv"), "none.csv"),
    ],
)
def test_what_is_wrong_ends_with_2(
    teacher: str, more: tuple[str, ...], told: str, records: Path, command: Command
) -> None:
    said = command(*_arguments(records, teacher, *more))
    assert said.code == 2 and told in said.err and said.out == ""


def test_a_source_that_is_not_there_and_one_that_is_empty(tmp_path: Path, command: Command) -> None:
    said = command(*_arguments(tmp_path / "none.jsonl", "http://127.0.0.1:1/v1#tiny"))
    assert said.code == 2 and "none.jsonl: no such file" in said.err
    (tmp_path / "empty.jsonl").write_text("", "utf-8")
    said = command(*_arguments(tmp_path / "empty.jsonl", "http://127.0.0.1:1/v1#tiny"))
    assert said.code == 2 and "no conversations in it" in said.err
