"""What is mixed in: how much, from where, answered by whom; killed while the base answers, and resumed."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from doctorglm import models
from doctorglm.conversation import Conversation, Message, read_conversations, write_conversations
from doctorglm.engine import Generation, Sampling
from doctorglm.errors import ConfigError, DataError
from doctorglm.models.local_engine import LocalEngine
from doctorglm.render import Rejection, Sample
from doctorglm.tune import TuneSettings, replay, stage, tune
from doctorglm.tune.general import Replay
from doctorglm.tune.replay import by_itself, by_share, own_answers, refuse_too_few

Change = Callable[..., TuneSettings]


class Silent:
    """A progress line that shows nothing."""

    def update(self, done: float, note: str = "") -> None:
        """Nothing."""


class Echo:
    """An engine that says the question back; every third answer is cut. Its process ends at answer number `at`."""

    name = "echo"

    def __init__(self, at: int | None = None) -> None:
        self.asked: list[str] = []
        self._at = at

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Any:
        raise AssertionError("replay asks in batches")

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        assert sampling.temperature == 1 and sampling.top_p == 1, "the base's own distribution, untouched"
        if self._at is not None and len(self.asked) >= self._at:
            raise KeyboardInterrupt
        self.asked += [messages[-1].content for messages in conversations]
        return [self._answer(messages[-1].content) for messages in conversations]

    def _answer(self, question: str) -> Generation:
        number = int(question.rpartition(" ")[2])
        finish: Any = "length" if number % 3 == 0 else "stop"
        return Generation(text=f"答 {question}", tokens=3, finish=finish, seconds=0.1)


def questions(count: int) -> list[Conversation]:
    said = ("user", "assistant", "user", "assistant")
    return [
        Conversation(id=f"q-{i}", messages=tuple(Message(role, f"{role} {i}") for role in said))  # type: ignore[arg-type]
        for i in range(count)
    ]


def rendered(conversations: Sequence[Conversation]) -> tuple[list[Sample], list[Rejection]]:
    """Ten tokens each, of which the first conversation's 4 and the others' 6 are learned; the last is rejected."""
    samples = []
    for c in conversations[:-1]:
        learned = 4 if c.id == "q-0" else 6
        samples.append(Sample(c.id, 0, list(range(10)), [-100] * (10 - learned) + [1] * learned))
    return samples, [Rejection(conversations[-1].id, 0, "empty answer")]


@pytest.mark.parametrize(("share", "passes"), [(0.2, 0.6), (0.5, 2.0), (0.75, 6.0)])
def test_the_share_of_the_tokens_is_what_was_asked_for(share: float, passes: float, capsys: Any) -> None:
    """10 samples of 58 tokens in all; beside 116 of the data 0.2 are 29, 0.5 are 116, 0.75 are 348."""
    made = by_share(questions(11), rendered, share, 116, seed=3)
    tokens = sum(sample.supervised for sample in made.samples)
    assert abs(tokens - 116 * share / (1 - share)) < 6
    assert made.counts(116)["share"] == pytest.approx(share, abs=0.03)
    assert made.passes == pytest.approx(passes, abs=0.11)
    ids = [sample.record_id for sample in made.samples]
    for start in range(0, len(ids), 10):
        assert len(set(ids[start : start + 10])) == len(ids[start : start + 10]), "none twice within a pass"
    assert made.conversations == len(set(ids)) and len(made.rejected) == 1
    assert ("learned by heart" in capsys.readouterr().err) == (made.passes > 4)


def test_the_draw_is_the_seeds() -> None:
    drawn = [[s.record_id for s in by_share(questions(11), rendered, 0.2, 116, seed).samples] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_nothing_to_replay_is_an_error() -> None:
    with pytest.raises(DataError, match="none of the conversations can be trained on"):
        by_share(questions(1), rendered, 0.2, 100, 0)
    with pytest.raises(DataError, match="none of the base's 8 answers ended by itself"):
        own_answers(questions(8), lambda usable: ([], [Rejection(c.id, 0, "never asked") for c in usable]))
    with pytest.raises(DataError, match=r"mine\.jsonl: no question to replay"):
        refuse_too_few([Conversation(id="a", messages=(Message("assistant", "好"),))], Path("mine.jsonl"), Replay(0.2))
    with pytest.raises(ConfigError, match=r"replay=self:9: mine\.jsonl has 8 questions\. Ask for fewer"):
        refuse_too_few(questions(8), Path("mine.jsonl"), Replay(own_answers=9))
    refuse_too_few(questions(8), Path("mine.jsonl"), Replay(own_answers=8))


def test_the_base_answers_the_first_question_alone_and_what_is_kept_is_0600(tmp_path: Path) -> None:
    engine, sampling = Echo(), Sampling(temperature=1, seed=4)
    answered = by_itself(tmp_path / "replay.jsonl", questions(40), 21, engine, sampling, Silent())
    assert len(answered) == len(set(engine.asked)) == 21
    assert [[m.role for m in c.messages] for c in answered] == [["user", "assistant"]] * 21
    assert all(c.answers == f"答 {c.questions}" and c.source == "replay-self" for c in answered)
    assert (tmp_path / "replay.jsonl").stat().st_mode & 0o777 == 0o600
    assert list(read_conversations(tmp_path / "replay.jsonl")) == answered
    made = own_answers(answered, lambda some: ([Sample(c.id, 0, [1, 2], [-100, 2]) for c in some], []))
    cut = {c.id for c in answered if int(c.id[2:]) % 3 == 0}
    assert cut and {r.record_id for r in made.rejected} == cut, "an end that the base did not say is not taught"
    assert {r.reason for r in made.rejected} == {"own answer: length"}
    assert len(made.samples) == made.conversations == 21 - len(cut)


def test_killed_while_the_base_answers_asks_only_what_is_left(tmp_path: Path) -> None:
    whole = by_itself(tmp_path / "whole.jsonl", questions(60), 50, Echo(), Sampling(temperature=1), Silent())
    with pytest.raises(KeyboardInterrupt):
        by_itself(tmp_path / "r.jsonl", questions(60), 50, Echo(at=32), Sampling(temperature=1), Silent())
    assert len(list(read_conversations(tmp_path / "r.jsonl"))) == 32
    rest = Echo()
    assert by_itself(tmp_path / "r.jsonl", questions(60), 50, rest, Sampling(temperature=1), Silent()) == whole
    assert len(rest.asked) == 18
    assert (tmp_path / "r.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    done = Echo(at=0)
    by_itself(tmp_path / "r.jsonl", questions(60), 50, done, Sampling(temperature=1), Silent())
    assert not done.asked


def test_what_identifies_somebody_in_an_answer_is_masked(tmp_path: Path) -> None:
    class Tells(Echo):
        def _answer(self, question: str) -> Generation:
            return Generation(text="请拨打13812345678", tokens=3, finish="stop", seconds=0.1)

    by_itself(tmp_path / "r.jsonl", questions(2), 1, Tells(), Sampling(temperature=1), Silent())
    text = (tmp_path / "r.jsonl").read_text("utf-8")
    assert "13812345678" not in text and "[" in json.loads(text)["messages"][1]["content"]


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_write_page", lambda *_: "report.html")


@pytest.mark.usefixtures("no_page")
def test_a_run_with_the_bases_own_answers_killed_while_it_answers_ends_the_same(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, talk: Any, monkeypatch: Any
) -> None:
    """In three batches; the answers are those of the base alone, and are trained on beside the data."""
    write_conversations(tmp_path / "general.jsonl", talk(12, seed=7))
    monkeypatch.setattr(replay, "BATCH", 4)
    settings = changed(quick, max_steps=3, max_length=64, replay="self:10", replay_data=str(tmp_path / "general.jsonl"))
    record = tune(str(qwen_base), data, tmp_path / "whole", settings).record
    answered = list(read_conversations(tmp_path / "whole/replay.jsonl"))
    engine = LocalEngine(*models.load(qwen_base), "base")
    sampling = Sampling(max_new_tokens=32, temperature=1.0, seed=0)
    again = engine.batch([c.messages[:1] for c in answered[:4]], sampling)
    assert [(c.answers, c.meta["finish"]) for c in answered[:4]] == [(g.text, g.finish) for g in again]
    counts = record["counts"]["replay"]
    assert counts["conversations"] + sum(counts["rejected"].values()) == 10
    share = counts["supervised_tokens"] / (counts["supervised_tokens"] + record["counts"]["supervised_tokens"])
    assert counts["share"] == pytest.approx(share, abs=1e-4)

    real = LocalEngine.batch

    def dying(self: Any, conversations: Any, sampling: Any) -> Any:
        if (tmp_path / "killed/replay.jsonl").exists():
            raise KeyboardInterrupt
        return real(self, conversations, sampling)

    with monkeypatch.context() as patch:
        patch.setattr(LocalEngine, "batch", dying)
        with pytest.raises(KeyboardInterrupt):
            tune(str(qwen_base), data, tmp_path / "killed", settings)
    tune(str(qwen_base), data, tmp_path / "killed", settings)
    for name in ("replay.jsonl", "base.json", "adapter/adapter_model.safetensors"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.usefixtures("no_page")
def test_too_few_questions_are_refused_before_the_weights_are_loaded(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, monkeypatch: Any
) -> None:
    monkeypatch.setattr(stage.models, "load", lambda *_, **__: pytest.fail("the weights were loaded"))
    with pytest.raises(ConfigError, match=r"replay=self:9999: .*general_train\.jsonl has \d+ questions"):
        tune(str(qwen_base), data, tmp_path / "out", changed(quick, replay="self:9999"))
    with pytest.raises(DataError, match=r"nowhere\.jsonl: no such file"):
        tune(str(qwen_base), data, tmp_path / "out", changed(quick, general=str(tmp_path / "nowhere.jsonl")))
    assert not (tmp_path / "out").exists()
