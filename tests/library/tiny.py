"""Tiny models of sentence-transformers, made here: a vector a character, and a random reader of pairs."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from .conftest import PAGES

DIMENSION = 24
TEXTS = {
    f"{name}#{number}": f"{title}\n{heading}\n{text}"
    for name, (title, _, sections) in PAGES.items()
    for number, (heading, text) in enumerate(sections.items())
}
"""Every passage of the tests' library as an encoder has it, by its chunk's id."""
SPECIAL = ("[UNK]", "[PAD]", "[CLS]", "[SEP]")
VOCABULARY = {c: n for n, c in enumerate([*SPECIAL, *sorted(set("".join(TEXTS.values()) + "问文：脚趾怎么办"))])}


def weights(seed: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    return np.random.default_rng(seed).standard_normal((len(VOCABULARY), DIMENSION)).astype(np.float32)


def vector(text: str, seed: int = 0) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """What the tiny encoder must give: the mean of its characters' vectors, of length one."""
    mean = weights(seed)[[VOCABULARY.get(c, 0) for c in text]].astype(np.float64).mean(axis=0)
    return (mean / np.linalg.norm(mean)).astype(np.float32)


def nearest(question: str, texts: dict[str, str] = TEXTS, seed: int = 0, asked: str = "", told: str = "") -> list[str]:
    """The ids of all texts by cosine, the nearest first, with the prefixes of a question and of a document."""
    q = vector(asked + question, seed)
    return sorted(texts, key=lambda i: -float(vector(told + texts[i], seed) @ q))


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return tokenizer


def encoder(folder: Path, seed: int = 0, prompts: dict[str, str] | None = None) -> Path:
    """A sentence-transformers folder of a static embedding."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    module = StaticEmbedding(_tokenizer(), embedding_weights=weights(seed))
    SentenceTransformer(modules=[module], prompts=prompts, device="cpu").save(str(folder), create_model_card=False)
    return folder


def cross_encoder(folder: Path, labels: int = 1) -> Path:
    """A folder of a random BERT that scores pairs, as transformers writes it."""
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=256, num_labels=labels, **size)
    torch.manual_seed(0)
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    model.save_pretrained(folder)
    tokenizer = _tokenizer()
    ends = [(name, VOCABULARY[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=256,
    )  # fmt: skip
    fast.save_pretrained(folder)
    return folder


def scores(folder: Path, question: str, texts: Sequence[str]) -> list[float]:
    """What the model of a folder says of each pair by itself, without sentence-transformers."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model, tokenizer = (kind.from_pretrained(folder) for kind in (AutoModelForSequenceClassification, AutoTokenizer))
    model.eval()
    with torch.no_grad():
        return [float(model(**tokenizer(question, text, return_tensors="pt")).logits) for text in texts]


def ids(hits: Sequence[object]) -> list[str]:
    """`document#number` of each hit."""
    return [f"{hit.doc_id}#{hit.chunk}" for hit in hits]  # type: ignore[attr-defined]


def record(folder: Path) -> dict[str, object]:
    """What `library.json` says."""
    return dict(json.loads((folder / "library.json").read_text("utf-8")))
