"""Texts that are put sentence by sentence: each sentence keeps its own Chinese, or the text is asked for whole."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from doctorglm.translate.batch import BatchSettings
from doctorglm.translate.cache import Cache
from doctorglm.translate.endpoint import Endpoint
from doctorglm.translate.teacher import Teacher, TeacherSettings

from ..engine.serving import Call, Script, Server
from .batching import BatchServer, running
from .conftest import GLOSSARY
from .teaching import asked_texts, chinese, faithful, say, texts_of

Serve = Callable[[Script], Server]
Open = Callable[..., Teacher]
ONE = ["The patient has angina, said Dr. Miller.", "She takes 5 mg b.i.d. with food.", "No fever of 39."]
TWO = ["He was told in 1998 that he has asthma."]
TEXTS = [" ".join(ONE), TWO[0]]


@pytest.fixture
def aligned(teacher: Open) -> Open:
    return lambda server, settings=None, **more: teacher(server, {"aligned": True} | (settings or {}), **more)


def _pairs(english: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple((said, chinese(said)) for said in english)


def test_each_sentence_has_an_id_and_keeps_its_chinese(serve: Serve, aligned: Open) -> None:
    server = serve(faithful)
    found = aligned(server).translate(TEXTS)
    assert asked_texts(server.calls) == [ONE + TWO]
    assert [one.chinese for one in found] == ["".join(map(chinese, ONE)), chinese(TWO[0])]
    assert [one.pairs for one in found] == [_pairs(ONE), _pairs(TWO)]
    assert "may be the sentences of one text" in server.calls[0].body["messages"][0]["content"]
    # and so from the cache
    again = aligned(server).translate(TEXTS)
    assert [one.pairs for one in again] == [_pairs(ONE), _pairs(TWO)] and len(server.calls) == 1


def test_off_texts_are_whole_and_one_pair(serve: Serve, teacher: Open) -> None:
    server = serve(faithful)
    found = teacher(server).translate(TEXTS)
    assert asked_texts(server.calls) == [TEXTS] and [one.pairs for one in found] == [_pairs([t]) for t in TEXTS]
    assert "one text" not in server.calls[0].body["messages"][0]["content"]


def test_the_two_ways_do_not_answer_for_one_another(serve: Serve, teacher: Open, aligned: Open) -> None:
    server = serve(faithful)
    teacher(server).translate(TEXTS)
    assert aligned(server).translate(TEXTS)[0].pairs == _pairs(ONE) and len(server.calls) == 2


def _merged(right: dict[str, str]) -> Any:
    ids, values = list(right), list(right.values())
    return {ids[0]: values[0] + values[1]} | dict(zip(ids[2:], values[2:], strict=True))


def _slid(right: dict[str, str]) -> Any:
    return dict(zip(right, [*list(right.values())[1:], "还有一句。"], strict=True))


FAULTS: dict[str, Callable[[dict[str, str]], Any]] = {
    "merged": _merged,
    "missing": lambda right: dict(list(right.items())[:1] + list(right.items())[2:]),
    "empty": lambda right: right | {list(right)[1]: ""},
    "slid": _slid,
    "prose": lambda right: "".join(right.values()),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_sentences_that_come_back_wrong_are_asked_for_as_one_text(
    kind: str, serve: Serve, aligned: Open, cache: Cache
) -> None:
    def script(call: Call) -> None:
        right = {i: chinese(t) for i, t in texts_of(call).items()}
        say(call, FAULTS[kind](right) if len(right) > 1 else right)

    server = serve(script)
    found = aligned(server, {"together": 3}).translate(TEXTS)  # the second text is asked for in a request of its own
    assert asked_texts(server.calls) == [ONE, TWO, [TEXTS[0]]]
    assert [one.chinese for one in found] == [chinese(text) for text in TEXTS]
    assert found[0].pairs == ((TEXTS[0], chinese(TEXTS[0])),)
    last = server.calls[-1].body["messages"][0]["content"]
    assert "was rejected" in last and "one text:" not in last
    assert aligned(server, {"together": 3}).translate(TEXTS) == found and len(server.calls) == 3


def test_a_text_is_rejected_after_its_tries(serve: Serve, aligned: Open) -> None:
    server = serve(lambda call: say(call, "Let us talk."))
    (found,) = aligned(server, {"tries": 3}).translate(TEXTS[:1])
    assert (found.chinese, found.reason, found.pairs) == (None, "not_json", ())
    assert asked_texts(server.calls) == [ONE, TEXTS[:1], TEXTS[:1]]


def test_c036_a_list_keeps_its_lines(serve: Serve, aligned: Open) -> None:
    drugs = ["Aspirin", "Metformin", "Ramipril", "Warfarin", "Digoxin", "Heparin", "Insulin", "Codeine"]
    lines = [f"{drug} {dose} mg" for drug, dose in zip(drugs, range(100, 900, 100), strict=True)]
    server = serve(faithful)
    (found,) = aligned(server).translate(["\n".join(lines)])
    assert asked_texts(server.calls) == [lines]
    assert found.chinese == "\n".join(map(chinese, lines))
    assert [en for en, _ in found.pairs] == lines


def test_a_text_of_many_sentences_is_put_in_parts_of_so_many(serve: Serve, aligned: Open) -> None:
    said = [f"Patient number {n} slept well." for n in range(200, 231)]
    server = serve(faithful)
    (found,) = aligned(server, {"together": 10}).translate([" ".join(said)])
    assert [len(one) for one in asked_texts(server.calls)] == [10, 10, 10, 1]
    assert found.pairs == _pairs(said) and found.chinese == "".join(map(chinese, said))


def test_only_rows_of_what_is_put_stand_in_the_prompt(serve: Serve, aligned: Open) -> None:
    server = serve(faithful)
    aligned(server, {"together": 2}).translate([TEXTS[0]])
    assert [json.loads(call.question)["glossary"] for call in server.calls] == [
        {"angina": "心绞痛"}, {"fever": "发烧|发热"}]  # fmt: skip


def test_in_batches(endpoint: Callable[..., Endpoint]) -> None:
    with running(BatchServer()) as server:
        made = endpoint(server.address)
        batch = BatchSettings(batch=True, batch_poll_s=0.01)
        asked = Teacher(made, GLOSSARY, TeacherSettings(aligned=True, together=3), batch)
        found = asked.translate([*TEXTS, *ONE[1:]])
        assert [one.pairs for one in found[:2]] == [_pairs(ONE), _pairs(TWO)]
        server.polls = 10**6
        late = Teacher(made, GLOSSARY, TeacherSettings(aligned=True, together=4),
                       BatchSettings(batch=True, batch_poll_s=0.01, batch_timeout_s=0.05))  # fmt: skip
        other = [said.replace("5", "7").replace("39", "38") for said in ONE]
        with pytest.raises(Exception, match="have not ended"):
            late.translate([" ".join(other)])
        server.polls = 1
        assert asked.translate([" ".join(other)])[0].pairs == _pairs(other)  # from what the cache kept of the batch
