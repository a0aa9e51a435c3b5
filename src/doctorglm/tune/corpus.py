"""What a base model learns from: documents and dialogues, as they are and as exercises in using what was asked.

A small model soon writes fluently and goes on ignoring the question: what to copy is learned far later than what is
usual. Three things teach it. Strings of random pieces can only be foretold by copying them, which makes the copying
attention appear early (synthetic pretraining, arXiv 2206.10139); they come first, alone, and stay in the corpus,
because without them it is soon lost. Text with holes is written out again (BART, arXiv 1910.13461). And dialogues are
turned around: the title of a question, the question to an answer.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence

from doctorglm.conversation import Conversation, Message
from doctorglm.curate.documents import Document
from doctorglm.errors import DataError

_SENTENCE = re.compile(r"[^。！？；\n]*[。！？；\n]+|[^。！？；\n]+$")
_SAID = re.compile(r"(?P<who>[^：:\n]{1,4})[：:]\s*(?P<text>[^\n]*\S)\s*")

RESTORE, HEADLINE, ASK = "补全：", "概括：", "提问："
"""How the exercises begin: restore a text with holes, give a question's title, ask what an answer answers."""
HOLE = "…"


def pieces(document: Document, most: int) -> Iterator[Document]:
    """The document in runs of whole sentences of at most `most` characters; a longer sentence is cut."""
    text = ""
    for sentence in _SENTENCE.findall(document.text):
        for part in (sentence[i : i + most] for i in range(0, len(sentence), most)):
            if text and len(text) + len(part) > most:
                yield Document(text.strip(), document.source, document.licence)
                text = ""
            text += part
    if len(text.strip()) > 3:
        yield Document(text.strip(), document.source, document.licence)


def spoken(document: Document, most: int) -> list[list[str]]:
    """The rounds of a document in which two speakers take turns line by line, in runs of at most `most` characters.

    Each run alternates, beginning with the first speaker; one longer round is a run of its own; a last line without an
    answer is left out. Empty for a document that is anything else.
    """
    said = [_SAID.fullmatch(line) for line in document.text.strip().split("\n")]
    speakers = [match["who"] if match else "" for match in said]
    if (
        len(said) < 2
        or "" in speakers
        or len(set(speakers)) != 2
        or speakers != (speakers[:2] * len(said))[: len(said)]
    ):
        return []
    lines = [match["text"] for match in said if match]
    runs: list[list[str]] = []
    for asked, answered in zip(lines[::2], lines[1::2], strict=False):
        if not runs or sum(map(len, runs[-1])) + len(asked) + len(answered) > most:
            runs.append([])
        runs[-1] += [asked, answered]
    return runs


def continued(text: str, draw: random.Random) -> list[str]:
    """A first part that ends with a sentence and the rest; [""] before the text where there is one sentence only."""
    sentences = _SENTENCE.findall(text)
    cut = draw.randrange(1, len(sentences)) if len(sentences) > 1 else 0
    return ["".join(sentences[:cut]), "".join(sentences[cut:])]


def restored(text: str, draw: random.Random) -> list[str]:
    """The text with about a quarter of it cut out in holes of one to six characters, and the text."""
    with_holes, place = RESTORE, 0
    while place < len(text):
        if draw.random() < _HOLES:
            with_holes += HOLE
            place += draw.randint(1, 6)
        else:
            with_holes += text[place]
            place += 1
    return [with_holes, text]


_HOLES = 0.09
"""Chance of a hole at a character; with 3.5 characters each, 26 % of the text is missing."""


def exercises(conversation: Conversation, draw: random.Random) -> Iterator[list[str]]:
    """What else a dialogue teaches: each exercise for a part of the dialogues, by `draw`."""
    question, answer = conversation.turns[0]
    title, _, told = question.partition("\n")
    if told.strip():
        yield [HEADLINE + told, title]
    if draw.random() < _RESTORED_ANSWERS:
        yield restored(answer, draw)
    if draw.random() < _ASKED_ANSWERS:
        yield [ASK + answer, title]


_RESTORED_ANSWERS = 0.35
_ASKED_ANSWERS = 0.35
_RESTORED_PIECES = 0.4
_CONTINUED_PIECES = 0.5


def exercise(text: str, draw: random.Random) -> list[str]:
    """A piece of a document with holes, continued, or from nothing ([""] first)."""
    chance = draw.random()
    if len(text) >= 40 and chance < _RESTORED_PIECES:
        return restored(text, draw)
    return continued(text, draw) if chance < _RESTORED_PIECES + _CONTINUED_PIECES else ["", text]


def copies(pieces: Mapping[str, int], number: int, draw: random.Random) -> Iterator[list[str]]:
    """Strings of 5 to 30 random pieces to be repeated; no word says so, lest copying be learned for that word.

    A piece is drawn in proportion to the square root of how often it occurs, so that the rare ones are learned too.
    Raises DataError when there is no piece.
    """
    if number and not pieces:
        raise DataError(
            en="no Chinese piece is frequent enough to make strings to copy of; set pretrain.copies=0 and "
            "pretrain.copies_first=0.",
            zh="没有足够常见的中文词片来生成供复述的字符串；请设置 pretrain.copies=0 和 pretrain.copies_first=0。",
        )
    drawn, weights = list(pieces), [count**0.5 for count in pieces.values()]
    for _ in range(number):
        text = "".join(draw.choices(drawn, weights, k=draw.randint(5, 30)))
        yield [text, text]


def chinese_pieces(counts: Mapping[str, int], at_least: int = 5) -> dict[str, int]:
    """The pieces of Chinese characters alone that occur that often, sorted."""
    return {
        piece: count
        for piece, count in sorted(counts.items())
        if count >= at_least and piece and all("一" <= character <= "鿿" for character in piece)
    }


def as_conversation(name: str, turns: Sequence[str], source: str, licence: str) -> Conversation:
    """User and assistant in turn; an empty first question is left out, so that the assistant speaks from nothing."""
    messages = [Message("assistant" if place % 2 else "user", text) for place, text in enumerate(turns)]
    return Conversation(id=name, messages=tuple(messages if turns[0] else messages[1:]), source=source, licence=licence)
