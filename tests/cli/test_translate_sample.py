"""`translate --sample`: which conversations go to the teacher, what is left, and what is wrong ends with 2."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from doctorglm.conversation import read_conversations

from ..engine.conftest import serve  # noqa: F401 - a fixture
from ..engine.serving import Call, Script, Server
from ..translate.teaching import asked_texts, chinese, faithful, say, texts_of
from .kit import Said

Serve = Callable[[Script], Server]
Command = Callable[..., Said]
TERMS = ["I have angina.", "A fever since Monday.", "My asthma is back.", "A cough."]
PLAIN = [f"Hello number {n}, good day." for n in range(8)]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "english.jsonl"
    made = [
        {"id": f"case-{n}",
         "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"Ok {n}."}],
         "source": "own", "licence": "CC0", "language": "en"}
        for n, text in enumerate([*PLAIN[:4], *TERMS, *PLAIN[4:]])
    ]  # fmt: skip
    path.write_text("".join(json.dumps(one) + "\n" for one in made), "utf-8")
    return path


def _arguments(records: Path, server: Server | str, *more: object) -> list[object]:
    address = server if isinstance(server, str) else server.address()
    return ["translate", records, "--out", records.parent / "out", "--teacher", address, "concurrency=1",
            "checks=false", "pause_s=0.01", "retries=1", *more]  # fmt: skip


def _ids(path: Path) -> list[str]:
    return [one.id for one in read_conversations(path)]


def test_the_chosen_are_translated_and_the_others_left(
    records: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    server = serve(faithful)
    said = command(*_arguments(records, server, "--sample", 4, "sample_balance=0", "sample_words=0", "--json"))
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert (told["read"], told["translated"], told["rest"]) == (4, 4, 8)
    out = records.parent / "out"
    assert _ids(out / "train.jsonl") == [f"case-{n}" for n in (4, 5, 6, 7)]
    assert _ids(out / "rest.jsonl") == [f"case-{n}" for n in (0, 1, 2, 3, 8, 9, 10, 11)]
    left = list(read_conversations(out / "rest.jsonl"))
    assert left[0].language == "en" and [m.content for m in left[0].messages] == [PLAIN[0], "Ok 0."]
    assert {text for some in asked_texts(server.calls) for text in some} == {
        *TERMS,
        *(f"Ok {n}." for n in (4, 5, 6, 7)),
    }
    run = json.loads((out / "run.json").read_text("utf-8"))
    assert run["settings"]["sample"] == 4 and run["settings"]["sample_words"] == 0
    sample = run["sample"]
    assert sample == told["sample"] and sample["by"] == "gain"
    assert sample["chosen"]["terms"] == sample["source"]["terms"] == 4 > sample["random"]["terms"]


def test_what_names_somebody_is_masked_in_the_rest(records: Path, serve: Serve, command: Command) -> None:  # noqa: F811
    record = json.loads(records.read_text("utf-8").splitlines()[0])
    record["messages"][0]["content"] = "Hello. My mobile number is 15407667522."
    with records.open("a", encoding="utf-8") as more:
        more.write(json.dumps(record) + "\n")
    settings = ("sample_balance=0", "sample_words=0")
    assert command(*_arguments(records, serve(faithful), "--sample", 4, *settings)).code == 0
    kept = "".join(path.read_text("utf-8") for path in (records.parent / "out").glob("*.json*"))
    assert "15407667522" not in kept
    assert "My mobile number is [" in (records.parent / "out" / "rest.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    ("lang", "told"),
    [("en", "the source has only 12 conversations; all are taken"), ("zh", "来源只有 12 段对话，全部采用")],
)
def test_more_than_there_is_takes_all_and_says_so(
    lang: str, told: str, records: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    said = command("--lang", lang, *_arguments(records, serve(faithful), "--sample", 13))
    assert said.code == 0 and told in said.err
    assert len(_ids(records.parent / "out" / "train.jsonl")) == 12
    assert (records.parent / "out" / "rest.jsonl").read_bytes() == b""


@pytest.mark.parametrize(("lang", "told"), [("en", "sample: 4 of 12"), ("zh", "样本：12 段对话中的 4 段")])
def test_a_dry_run_tells_the_sample_and_leaves_nothing(
    lang: str, told: str, records: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    server = serve(faithful)
    said = command("--lang", lang, *_arguments(records, server, "--sample", 4, "usd_in=1", "--dry-run"))
    assert said.code == 0 and told in said.err and server.calls == [] and not (records.parent / "out").exists()
    found = json.loads(command(*_arguments(records, server, "--sample", 4, "usd_in=1", "--dry-run", "--json")).out)
    assert found["texts"] == 8 and found["sample"]["chosen"]["conversations"] == 4
    assert found["usd_expected"] <= found["sample"]["chosen"]["cost"]


def test_a_budget_bounds_the_sample_and_is_not_reached(
    records: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    server = serve(faithful)
    whole = _arguments(records, server, "usd_in=1000", "usd_out=1000", "together=1")
    most = json.loads(command(*whole, "--dry-run", "--json").out)["usd_at_most"]
    said = command(*whole, "--sample", 12, "--budget", most / 2, "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert 0 < told["translated"] < 12 and told["translated"] + told["rest"] == 12
    assert told["cost"]["usd"] <= most / 2 and told["sample"]["chosen"]["cost"] <= told["sample"]["budget_usd"]


def _dear(call: Call) -> None:
    answers = {id_: chinese(text) for id_, text in texts_of(call).items()}
    say(call, answers, {"prompt_tokens": 5000, "completion_tokens": 5000})


def test_a_sample_stays_when_a_budget_that_was_reached_is_raised(
    records: Path, serve: Serve, command: Command  # noqa: F811
) -> None:  # fmt: skip
    server = serve(_dear)
    arguments = _arguments(records, server, "together=1", "--sample", 10, "usd_in=1", "usd_out=1")
    said = command(*arguments, "--budget", "0.0105")
    assert said.code == 2 and "budget reached" in said.err
    out = records.parent / "out"
    chosen = json.loads((out / ".sample.json").read_text("utf-8"))["numbers"]
    assert chosen and not (out / "train.jsonl").exists() and not (out / "rest.jsonl").exists()
    before = len(server.calls)
    # with a budget of 1 and without the sample that is kept, ten would be chosen
    assert command(*arguments, "--budget", "1").code == 0
    assert _ids(out / "train.jsonl") == [f"case-{n}" for n in chosen] and 0 < before < len(server.calls)
    arguments[3] = records.parent / "other"
    assert command(*arguments, "--budget", "1").code == 0
    assert len(chosen) < len(_ids(records.parent / "other" / "train.jsonl")) == 10


def test_another_sample_needs_another_folder(records: Path, serve: Serve, command: Command) -> None:  # noqa: F811
    server = serve(faithful)
    assert command(*_arguments(records, server, "--sample", 3)).code == 0
    said = command(*_arguments(records, server, "--sample", 4))
    assert said.code == 2 and "settings.sample: 3 -> 4" in said.err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--sample", "0"), "--sample"),
        (("--sample", "-3"), "--sample"),
        (("--sample", "many"), "--sample"),
        (("--sample", "2", "--budget", "1"), "usd_in"),
        (("--sample", "2", "--budget", "1", "--dry-run"), "usd_in"),
        (("--sample", "2", "--budget", "1e-9", "usd_in=1"), "cheapest conversation"),
        (("--sample", "2", "sample_balance=-1"), "sample_balance"),
        (("--sample", "2", "--audit"), "does not go with --audit"),
    ],
)
def test_what_is_wrong_ends_with_2(more: tuple[str, ...], told: str, records: Path, command: Command) -> None:
    said = command(*_arguments(records, "http://127.0.0.1:1/v1#tiny", *more))
    assert said.code == 2 and told in said.err and said.out == ""
