"""Near duplicates by their words, whatever the order of the source."""

from doctorglm.conversation import Conversation, Message
from doctorglm.translate.copies import Signatures

QUESTION = "I have had a dull pain behind my left eye since Tuesday and " + " ".join(f"word{n}" for n in range(60))
OTHER = "My daughter coughs every night until she is sick and " + " ".join(f"other{n}" for n in range(60))


def one(*said: str, system: str = "") -> Conversation:
    messages = [Message("system", system), *(Message("user", text) for text in said)]
    return Conversation(id="a", messages=tuple(messages))


def originals(*conversations: Conversation) -> list[int]:
    found = Signatures()
    for conversation in conversations:
        found.add(conversation)
    return found.originals()


def test_a_changed_word_is_a_copy_and_another_text_is_none() -> None:
    assert originals(one(OTHER), one(QUESTION), one(QUESTION.replace("left", "right")), one("Hi")) == [0, 1, 1, 3]
    assert originals(one(QUESTION.upper()), one(OTHER), one(QUESTION, "word60")) == [0, 1, 0]


def test_a_chain_of_copies_has_one_original() -> None:
    texts = [QUESTION, *(f"{QUESTION} end{n}" for n in range(5)), OTHER]
    assert originals(*map(one, texts)) == [0, 0, 0, 0, 0, 0, 6]


def test_a_system_prompt_makes_no_copies() -> None:
    prompt = " ".join(f"order{n}" for n in range(500))
    assert originals(one("I cough.", system=prompt), one("My eye hurts.", system=prompt)) == [0, 1]


def test_half_of_the_words_in_common_is_no_copy() -> None:
    half = " ".join(f"word{n}" for n in range(30)) + " " + " ".join(f"new{n}" for n in range(30))
    assert originals(one(QUESTION), one(half)) == [0, 1]


def test_nothing_and_a_single_word() -> None:
    assert originals() == [] and originals(one(""), one("word"), one("word")) == [0, 1, 1]
