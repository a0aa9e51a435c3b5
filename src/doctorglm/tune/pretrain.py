"""A base model from nothing: a corpus of documents and dialogues, a vocabulary, and random weights to train.

The architecture is ChatGLM-6B's; training itself is `tune` with `method=full`. A document is a conversation in which
only the doctor's side speaks, or whose first part is asked and the rest answered, so that the model learns to use
text that it sees from both sides (GLM, arXiv 2103.10360).
"""

import hashlib
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.conversation import Conversation, Message, read_conversations, write_conversations
from doctorglm.curate import read_documents
from doctorglm.curate.documents import Document
from doctorglm.files.found import find_files
from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.chatglm.tokenizer import ChatGLMTokenizer
from doctorglm.models.chatglm.vocabulary import train_sentencepiece
from doctorglm.models.saving import save_model
from doctorglm.runs import Run, sha256_file
from doctorglm.settings import STRICT, plain
from doctorglm.tune.planted import as_conversations, plant

_SENTENCE = re.compile(r"[^。！？；\n]*[。！？；\n]+|[^。！？；\n]+$")


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
    continued: bool = False
    """The corpus alone: the recipe's `base` is trained on, with its own vocabulary and shape."""
    document_chars: int = Field(default=360, ge=50)
    """Longest piece of a document, cut at sentence ends."""
    share_of_law: float = Field(default=0.1, ge=0, lt=1)
    """Statutes as a share of all characters: with more, the model speaks like them."""
    dialogue_passes: int = Field(default=1, ge=1)
    """How often a dialogue stands in the corpus for each time that a document does."""
    planted: int = Field(default=0, ge=0)
    """Identifiers planted for each of the frequencies 0, 1, 4 and 16, to test what is given away; nobody's."""
    valid: float = Field(default=0.01, gt=0, lt=1)
    """Share of the corpus held out to watch the training; which texts these are depends on the texts alone."""
    seed: int = 0
    """Of the order, the cuts and the first weights."""


def prepare_base(curated: Path, documents: Sequence[Path], out: Path, settings: PretrainSettings) -> Run:
    """Writes `train.jsonl`, `valid.jsonl` and, unless `continued`, `initial/` (vocabulary, random weights) to `out`.

    `curated` holds `pretrain.jsonl` (and `train.jsonl`, `valid.jsonl`, of which only other sources' records are
    taken); its test part is not read. Skipped when finished.
    """
    inputs = {name: sha256_file(curated / name) for name in ("pretrain.jsonl", "train.jsonl", "valid.jsonl")}
    inputs |= {f"documents/{file.name}": sha256_file(file.path) for file in find_files(documents)}
    run = Run(out, stage="pretrain", settings=plain(settings), inputs=inputs, seed=settings.seed)
    if run.finished:
        return run
    left_out: Counter[str] = Counter()
    dialogues = list(_dialogues(curated))
    pieces = _documents(read_documents(documents, left_out=left_out), dialogues, settings)
    corpus = dialogues + [_as_conversation(i, d, settings.seed) for i, d in enumerate(pieces)]
    random.Random(settings.seed).shuffle(corpus)
    valid = [c for c in corpus if _held_out(c, settings.valid)]
    train = [c for c in corpus if not _held_out(c, settings.valid)]
    again = [c for c in dialogues if not _held_out(c, settings.valid)]
    write_conversations(out / "valid.jsonl", valid)
    write_conversations(out / "train.jsonl", _with_more(train, again, settings))
    if not settings.continued:
        _write_initial(out / "initial", train, settings)
    run.finish(
        counts={
            "conversations": len(dialogues),
            "documents": len(pieces),
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


def _held_out(conversation: Conversation, share: float) -> bool:
    """Whether a text is kept for validation: the same text is, in every corpus that holds it."""
    text = "".join(m.content for m in conversation.messages)
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) < share * 16**8


def _with_more(
    train: list[Conversation], dialogues: Sequence[Conversation], settings: PretrainSettings
) -> list[Conversation]:
    """The training part with its dialogues as often as asked for and with planted identifiers, shuffled again."""
    more = [replace(c, id=f"{c.id}/{i}") for i in range(1, settings.dialogue_passes) for c in dialogues]
    more += as_conversations(plant(settings.planted))
    if not more:
        return train
    mixed = train + more
    random.Random(f"{settings.seed}/more").shuffle(mixed)
    return mixed


def _documents(
    documents: Iterable[Document], dialogues: Sequence[Conversation], settings: PretrainSettings
) -> list[Document]:
    """Documents in pieces, shuffled, with statutes cut down to their share."""
    pieces = [piece for document in documents for piece in _pieces(document, settings.document_chars)]
    random.Random(settings.seed).shuffle(pieces)
    law = [d for d in pieces if d.licence.startswith("public domain")]
    other = [d for d in pieces if not d.licence.startswith("public domain")]
    rest = sum(len(d.text) for d in other) + sum(len(c.answers) + len(c.questions) for c in dialogues)
    allowed = rest * settings.share_of_law / (1 - settings.share_of_law)
    kept: list[Document] = []
    for piece in law:
        allowed -= len(piece.text)
        if allowed < 0:
            break
        kept.append(piece)
    return other + kept


def _pieces(document: Document, most: int) -> Iterator[Document]:
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


def _as_conversation(number: int, document: Document, seed: int) -> Conversation:
    """Half of the documents from nothing, half continued from a first part that ends with a sentence."""
    draw = random.Random(f"{seed}/{number}")
    sentences = _SENTENCE.findall(document.text)
    cut = draw.randrange(1, len(sentences)) if len(sentences) > 1 and draw.random() < 0.5 else 0
    asked, told = "".join(sentences[:cut]), "".join(sentences[cut:])
    messages = (Message("user", asked), Message("assistant", told)) if asked else (Message("assistant", told),)
    return Conversation(id=f"document-{number}", messages=messages, source=document.source, licence=document.licence)


def _write_initial(folder: Path, corpus: Sequence[Conversation], settings: PretrainSettings) -> None:
    """A vocabulary learned from the corpus, and random weights of the wished shape."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "ice_text.model"
        train_sentencepiece((m.content for c in corpus for m in c.messages), settings.vocabulary_size, file)
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


def _characters(corpus: Sequence[Conversation]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for conversation in corpus:
        counted[conversation.licence or conversation.source] += sum(len(m.content) for m in conversation.messages)
    return counted
