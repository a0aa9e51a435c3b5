"""Training data with evidence: the prompt of inference, and `[n]` behind what a passage supports."""

from collections import Counter
from pathlib import Path

from doctorglm.conversation import Conversation, Message, read_conversations, write_conversations
from doctorglm.library import Library
from doctorglm.library.chunks import tokens_at_most
from doctorglm.library.ground import ground_data, grounded
from doctorglm.library.grounding import GroundSettings, grounding

ASKED = Message("user", "痛风怎么治疗？")
ANSWER = Message("assistant", "急性期要休息，抬高患肢，由医生决定用药。每天吃三次秋水仙碱。祝您早日康复！")
SETTINGS = GroundSettings(budget_tokens=1500)


def conversation(*messages: Message) -> Conversation:
    return Conversation(id="c1", messages=messages)


def test_the_prompt_is_that_of_inference_and_what_is_supported_is_cited(library: Library) -> None:
    ground = grounding(library.search, tokens_at_most, SETTINGS)
    counts = Counter[str]()
    made = grounded(conversation(ASKED, ANSWER), ground, SETTINGS.least_share, counts)
    at_inference = ground([ASKED])
    assert made.messages[:-1] == tuple(at_inference.messages) and len(at_inference.evidence) >= 1
    number = 1 + [one.heading for one in at_inference.evidence].index("治疗")
    assert made.messages[-1].content.startswith(f"急性期要休息，抬高患肢，由医生决定用药[{number}]。")
    assert "秋水仙碱。" in made.messages[-1].content, "no passage holds the drug, so nothing is cited behind it"
    assert counts["grounded"] == 1 and counts["cited"] == 1
    assert f"痛风 · {at_inference.evidence[0].heading}" == made.meta["evidence"][0]


def test_what_the_library_does_not_hold_stays_as_it_is(library: Library) -> None:
    ground = grounding(library.search, tokens_at_most, SETTINGS)
    before = conversation(Message("user", "量子色动力学怎么学？"), Message("assistant", "请读教材。"))
    assert grounded(before, ground, SETTINGS.least_share, Counter()) == before


def test_every_part_is_written(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for part, number in (("train", 3), ("valid", 1)):
        write_conversations(
            data / f"{part}.jsonl", [Conversation(id=f"{part}{i}", messages=(ASKED, ANSWER)) for i in range(number)]
        )
    run = ground_data(data, folder, tmp_path / "out", SETTINGS, tokens_at_most)
    assert run.record["counts"]["read"] == run.record["counts"]["grounded"] == 4
    train = list(read_conversations(tmp_path / "out" / "train.jsonl"))
    assert [c.id for c in train] == ["train0", "train1", "train2"] and "抬高患肢" in train[0].messages[0].content
    assert ground_data(data, folder, tmp_path / "out", SETTINGS, tokens_at_most).finished
