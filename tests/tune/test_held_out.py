"""What judges a model is not what it learns: the list of the suites is theirs, and every form of an item is found."""

from pathlib import Path

import pytest

import doctorglm.evaluate.suites as suites
from doctorglm import language
from doctorglm.conversation import Conversation, Message, read_conversations
from doctorglm.errors import DataError
from doctorglm.tune import held_out
from doctorglm.tune.general import general_text
from doctorglm.tune.held_out import refuse_held_out, said

FILES = {part: Path(f"{part}.jsonl") for part in ("train", "replay", "general", "valid")}


def items(name: str) -> list[Conversation]:
    return list(read_conversations(suites.HERE / f"{name}.jsonl"))


def test_the_list_is_that_of_the_gates_suites() -> None:
    """`said` of every item, sorted; whoever changes a suite writes the list anew."""
    assert {said(c) for name in suites.SHIPPED for c in items(name)} == held_out.suites()
    assert len(items("general")) == 200 and len(held_out.suites()) > 400


def test_what_the_package_itself_learns_and_validates_on_is_none_of_it() -> None:
    read = {
        part: list(read_conversations(file))
        for part, which in (("replay", "train"), ("general", "valid"))
        if (file := general_text("shipped", which)) is not None  # type: ignore[arg-type]
    }
    assert len(read) == 2
    refuse_held_out(FILES, read)


@pytest.mark.parametrize("part", ["train", "replay", "general"])
@pytest.mark.parametrize("name", suites.SHIPPED)
def test_one_item_among_others_is_found_whatever_its_spaces_and_widths(part: str, name: str) -> None:
    own = [
        Conversation(id=f"o{i}", messages=(Message("user", f"头痛{i}天"), Message("assistant", "休息")))
        for i in range(3)
    ]
    item = items(name)[11]
    spaced = tuple(Message(m.role, m.content.replace("，", " ,  ") + " ") for m in item.messages)
    read = {part: [*own, Conversation(id="x", messages=spaced)]}
    with pytest.raises(DataError, match=rf"{part}\.jsonl: 1 of its conversations are held out .* first x\."):
        refuse_held_out(FILES, read)
    language.choose("zh")
    with pytest.raises(DataError, match=rf"{part}\.jsonl：其中 1 段对话.*首个为 x"):
        refuse_held_out(FILES, read)
    refuse_held_out(FILES, {part: own})


def test_the_question_with_another_answer_is_not_the_item() -> None:
    item = items("general")[0]
    refuse_held_out(FILES, {"train": [Conversation(id="x", messages=(item.messages[0], Message("assistant", "您好")))]})


def test_text_that_chooses_the_weights_is_not_learned_either_and_validation_data_is_free() -> None:
    own = [Conversation(id="g", messages=(Message("user", "今天几号"), Message("assistant", "看日历")))]
    for part in ("train", "replay"):
        with pytest.raises(DataError, match=rf"{part}\.jsonl: 1 of"):
            refuse_held_out(FILES, {part: own, "general": own})
    refuse_held_out(FILES, {"valid": items("general"), "train": own})
