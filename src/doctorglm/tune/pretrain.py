"""A base model from nothing: a corpus of documents, dialogues and exercises, a vocabulary, and random weights to train.

The architecture is ChatGLM-6B's; training itself is `tune` with `method=full`.
"""

import random
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.conversation import Conversation, read_conversations, write_conversations
from doctorglm.curate import read_documents
from doctorglm.curate.documents import Document
from doctorglm.curate.sources import find_files
from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.chatglm.tokenizer import ChatGLMTokenizer
from doctorglm.models.chatglm.vocabulary import train_sentencepiece
from doctorglm.models.saving import save_model
from doctorglm.runs import Run, sha256_file
from doctorglm.settings import STRICT, plain
from doctorglm.tune.corpus import as_conversation, chinese_pieces, copies, exercise, exercises, pieces, spoken

PARTS = ("pretrain", "pretrain-valid", "train", "valid")
"""The parts of curated data that a new base needs."""

_RANDOM = "random pieces"
_WATCHED_COPIES = 100
"""Of the strings that come first, those that only watch."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PretrainSettings:
    """The corpus and the shape of a new base model."""

    vocabulary_size: int = Field(default=6000, ge=400)
    """SentencePiece pieces, special tokens and bytes included."""
    hidden_size: int = Field(default=256, ge=32)
    """Width; with 5 layers and 6,000 pieces about 5.5M parameters."""
    num_layers: int = Field(default=5, ge=1)
    """Blocks."""
    num_attention_heads: int = Field(default=8, ge=1)
    """Heads; 32 wide by default."""
    max_sequence_length: int = Field(default=1024, ge=64)
    """Context in tokens; rotary positions need no training up to it, answers of that length do."""
    document_chars: int = Field(default=360, ge=50)
    """Longest piece of a document, cut at sentence ends; about 240 tokens."""
    share_of_law: float = Field(default=0.1, ge=0, lt=1)
    """Statutes as a share of dialogues and other plain text: with more, the model speaks like them."""
    copies: int = Field(default=16_000, ge=0)
    """Strings of random pieces to be repeated, among the rest; with the default about a fifth of all tokens."""
    copies_first: int = Field(default=20_000, ge=0)
    """Such strings to learn before everything else; how, says the recipe's `copying`. 0 leaves that part out."""
    seed: int = 0
    """Of the order, the cuts and the first weights."""


def prepare_base(curated: Path, documents: Sequence[Path], out: Path, settings: PretrainSettings) -> Run:
    """Writes `train.jsonl`, `valid.jsonl`, the same two in `copying/`, and `initial/` (vocabulary, random weights).

    `curated` holds `pretrain.jsonl` (and `train.jsonl`, `valid.jsonl`, of which only other sources' records are
    taken), and `pretrain-valid.jsonl`, which watches the training; its test part is not read. Skipped when finished.
    """
    inputs = {name: sha256_file(curated / name) for name in map("{}.jsonl".format, PARTS)}
    inputs |= {f"documents/{file.name}": sha256_file(file.path) for file in find_files(documents)}
    run = Run(out, stage="pretrain", settings=plain(settings), inputs=inputs, seed=settings.seed)
    if run.finished:
        return run
    left_out: Counter[str] = Counter()
    dialogues = list(_dialogues(curated))
    made = list(_made(dialogues, list(read_documents(documents, left_out=left_out)), settings))
    texts = [*dialogues, *made]
    tokenizer = _write_initial(out / "initial", texts, settings)
    first, among = _copies(tokenizer, texts, settings)
    write_conversations(out / "copying" / "valid.jsonl", first[:_WATCHED_COPIES])
    write_conversations(out / "copying" / "train.jsonl", first[_WATCHED_COPIES:])
    corpus = [*texts, *among]
    random.Random(settings.seed).shuffle(corpus)
    watched = write_conversations(out / "valid.jsonl", read_conversations(curated / "pretrain-valid.jsonl"))
    write_conversations(out / "train.jsonl", corpus)
    run.finish(
        counts={
            "conversations": len(dialogues),
            "valid": watched,
            **Counter(c.id.partition("-")[0] for c in [*made, *among]),
            "characters": dict(_characters(corpus)),
            "left_out_by_licence": dict(left_out),
        }
    )
    return run


def _dialogues(curated: Path) -> Iterator[Conversation]:
    """CMD's pretraining part, and what other corpora may give: all but their test part."""
    yield from read_conversations(curated / "pretrain.jsonl")
    for part in ("train.jsonl", "valid.jsonl"):
        yield from (c for c in read_conversations(curated / part) if c.source != "cmd")


def _made(
    dialogues: Sequence[Conversation], documents: Sequence[Document], settings: PretrainSettings
) -> Iterator[Conversation]:
    """Documents and exercises as conversations; the part of an id before its first `-` says which."""
    draw = random.Random(settings.seed)
    texts = []
    for i, document in enumerate(documents):
        # every answer is read again with all before it, so that long runs would be most of the training
        rounds = spoken(document, settings.document_chars // 4)
        for k, turns in enumerate(rounds):
            yield as_conversation(f"spoken-{i}-{k}", turns, document.source, document.licence)
        if not rounds:
            texts.append(document)
    for i, piece in enumerate(_cut(texts, dialogues, settings)):
        yield as_conversation(f"document-{i}", exercise(piece.text, draw), piece.source, piece.licence)
    for dialogue in dialogues:
        for k, turns in enumerate(exercises(dialogue, draw)):
            yield as_conversation(f"exercise-{k}-{dialogue.id}", turns, dialogue.source, dialogue.licence)


def _copies(
    tokenizer: ChatGLMTokenizer, texts: Sequence[Conversation], settings: PretrainSettings
) -> tuple[list[Conversation], list[Conversation]]:
    """The strings that come first, and those among the texts, of the texts' own pieces."""
    counts: Counter[int] = Counter()
    for conversation in texts:
        for message in conversation.messages:
            counts.update(tokenizer.encode(message.content, add_special_tokens=False))
    known = chinese_pieces({tokenizer.decode([piece]): count for piece, count in counts.items()})
    number = settings.copies_first + settings.copies
    strings = copies(known, number, random.Random(settings.seed))
    made = [as_conversation(f"copy-{i}", turns, _RANDOM, "") for i, turns in enumerate(strings)]
    return made[: settings.copies_first], made[settings.copies_first :]


def _cut(
    documents: Iterable[Document], dialogues: Sequence[Conversation], settings: PretrainSettings
) -> list[Document]:
    """Documents in pieces, shuffled, with statutes cut down to their share."""
    cut = [piece for document in documents for piece in pieces(document, settings.document_chars)]
    random.Random(settings.seed).shuffle(cut)
    law = [d for d in cut if d.licence.startswith("public domain")]
    other = [d for d in cut if not d.licence.startswith("public domain")]
    rest = sum(len(d.text) for d in other) + sum(len(c.answers) + len(c.questions) for c in dialogues)
    allowed = rest * settings.share_of_law / (1 - settings.share_of_law)
    kept: list[Document] = []
    for piece in law:
        allowed -= len(piece.text)
        if allowed < 0:
            break
        kept.append(piece)
    return other + kept


def _write_initial(folder: Path, texts: Sequence[Conversation], settings: PretrainSettings) -> ChatGLMTokenizer:
    """A vocabulary learned from the corpus, and random weights of the wished shape."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "ice_text.model"
        train_sentencepiece((m.content for c in texts for m in c.messages), settings.vocabulary_size, file)
        tokenizer = ChatGLMTokenizer(str(file))
        config = ChatGLMConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden_size,
            num_layers=settings.num_layers,
            num_attention_heads=settings.num_attention_heads,
            max_sequence_length=settings.max_sequence_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            mask_token_id=tokenizer.mask_token_id,
            gmask_token_id=tokenizer.gmask_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        torch.manual_seed(settings.seed)
        save_model(ChatGLMForConditionalGeneration(config), tokenizer, folder)
        return tokenizer


def _characters(corpus: Sequence[Conversation]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for conversation in corpus:
        counted[conversation.licence or conversation.source] += sum(len(m.content) for m in conversation.messages)
    return counted
