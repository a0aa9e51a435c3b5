"""A student small enough for tests: it learns in seconds to put Chinese words for English ones, in their order.

Its digits and short sentences are in its training; a real student's folder has the same files.
"""

import json
import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

from doctorglm.translate.student.tags import TAGS, tagged

WORDS = {
    "hello": "你好", "hi": "嗨", "no": "不", "yes": "是", "fever": "发烧", "cough": "咳嗽", "angina": "心绞痛",
    "asthma": "哮喘", "pain": "疼痛", "chest": "胸口", "head": "头部", "doctor": "医生", "patient": "病人",
    "today": "今天", "has": "有", "the": "这位", "takes": "服用", "aspirin": "阿司匹林", "metformin": "二甲双胍",
    "mg": "毫克", "daily": "每天", "rest": "休息", "water": "喝水", "sleep": "睡觉", "my": "我的", "son": "儿子",
    "5": "5", "10": "10", "39": "39", "100": "100", "500": "500",
}  # fmt: skip
INTO = ">>cmn_Hans<<"
_ENDS = {".": "。", "?": "?", "!": "!", "": ""}


def english(seed: random.Random, most: int = 9, also: Sequence[str] = ()) -> str:
    """A sentence of the task: words in any order, now and then a number; those of `also` once more for each.

    Numbers do not follow each other: in Chinese, where nothing stands between them, they would be one.
    """
    words = list[str]()
    for _ in range(seed.choice([1, 1, 2, *range(3, most + 1)])):
        after_number = bool(words) and words[-1].isdigit()
        words.append(seed.choice([word for word in (*WORDS, *also) if not (after_number and word.isdigit())]))
    text = " ".join(words)
    return seed.choice([text, text.capitalize()]) + seed.choice([*_ENDS])


def chinese(text: str) -> str:
    """Its one right translation."""
    end = text[-1] if text[-1] in _ENDS else ""
    words = text[: len(text) - len(end)].lower().split()
    return "".join(WORDS.get(word, word) for word in words) + _ENDS[end]


def write_student(folder: Path, *, steps: int = 350, languages: bool = False, right: float = 0.9) -> Path:
    """Trains one and saves it as transformers does; `languages`: with signs of languages, as opus-mt-en-zh.

    How far a start gets in so few steps is not the same on every processor: one that has fewer than `right` of the
    sentences right is left for the next.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_vocabulary(folder, [">>cmn_Hant<<", INTO] if languages else [])
    tokenizer = _tokenizer(folder)
    size = len(json.loads((folder / "vocab.json").read_text("utf-8")))
    for seed in range(1, 6):
        torch.manual_seed(seed)
        model = MarianMTModel(_config(size))
        _look_straight_ahead(model)
        _train(model, tokenizer, steps, INTO if languages else "")
        if _right(model, tokenizer) >= right:
            break
    else:
        raise AssertionError("no start learns the task")
    model.generation_config = GenerationConfig(
        bad_words_ids=[[size - 1]], pad_token_id=size - 1, eos_token_id=0, decoder_start_token_id=size - 1,
        max_length=128, num_beams=4, forced_eos_token_id=None,
    )  # fmt: skip
    model.save_pretrained(folder)
    return folder


def _look_straight_ahead(model: Any) -> None:
    """The decoder's look at the source starts with its own position, which is what the task wants."""
    with torch.no_grad():
        for layer in model.model.decoder.layers:
            for part, scale in (("q_proj", 3.0), ("k_proj", 3.0), ("v_proj", 1.0), ("out_proj", 1.0)):
                getattr(layer.encoder_attn, part).weight.copy_(torch.eye(model.config.d_model) * scale)


def _config(size: int) -> MarianConfig:
    return MarianConfig(
        vocab_size=size, d_model=64, encoder_layers=2, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=128, decoder_ffn_dim=128, dropout=0.0, activation_function="swish",
        scale_embedding=True, pad_token_id=size - 1, eos_token_id=0, decoder_start_token_id=size - 1,
        forced_eos_token_id=None, max_position_embeddings=128, share_encoder_decoder_embeddings=True,
    )  # fmt: skip


def _write_vocabulary(folder: Path, languages: list[str]) -> None:
    """A SentencePiece model for each side, one vocabulary with <pad> last, the tokenizer's config."""
    seed = random.Random(7)
    some = [english(seed) for _ in range(3000)]
    own = [word for word in WORDS.values() if not word.isdigit()]
    pieces = _pieces(folder, "source", some, 250, own)
    pieces += _pieces(folder, "target", [*map(chinese, some)], 4 + len(own) + 35, own, add_dummy_prefix=False)
    names = ["</s>", "<unk>", *dict.fromkeys(pieces), *TAGS, *languages, "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}), "utf-8")
    config = {"tokenizer_class": "MarianTokenizer", "source_lang": "en", "target_lang": "zh", "eos_token": "</s>",
              "unk_token": "<unk>", "pad_token": "<pad>", "model_max_length": 128, "separate_vocabs": False,
              "additional_special_tokens": [*TAGS]}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")


def _pieces(folder: Path, side: str, lines: list[str], size: int, whole: list[str], **more: bool) -> list[str]:
    """Trains `side`.spm on lines, with some words whole; returns its pieces."""
    text, prefix = folder / "lines.txt", folder / side
    text.write_text("\n".join(lines), "utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(prefix), vocab_size=size, model_type="bpe", user_defined_symbols=whole,
        character_coverage=1.0, num_threads=1, minloglevel=2, **more,
    )  # fmt: skip
    made = prefix.with_suffix(".model").rename(prefix.with_suffix(".spm"))
    for left in (text, prefix.with_suffix(".vocab")):
        left.unlink()
    model = sentencepiece.SentencePieceProcessor(model_file=str(made))
    every = [model.id_to_piece(i) for i in range(model.get_piece_size())]
    return [piece for piece in every if piece not in ("<s>", "</s>", "<unk>")]


def _tokenizer(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MarianTokenizer.from_pretrained(folder)


def _train(model: Any, tokenizer: Any, steps: int, into: str) -> None:
    seed = random.Random(11)
    rate = 6e-3
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2)
    model.train()
    for _ in range(steps):
        some = [english(seed, also=["angina"] * 6) for _ in range(48)]
        sources = [f"{into} {_with_tags(text, seed)}" if into else _with_tags(text, seed) for text in some]
        batch = tokenizer(sources, text_target=[*map(chinese, some)], padding=True, return_tensors="pt")
        labels = batch["labels"].masked_fill(batch["labels"] == tokenizer.pad_token_id, -100)
        loss = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.eval()


def _right(model: Any, tokenizer: Any) -> float:
    """The share of all pairs of words that it translates rightly, or of those with a tag, if that is less."""
    pairs = [f"{a} {b}" for a in WORDS for b in WORDS if a != b and not (a + b).isdigit()]
    plain = dict(zip(pairs, pairs, strict=True))
    return min(_share(model, tokenizer, some) for some in (plain, {p: _tag(p) for p in pairs if "angina" in p}))


def _share(model: Any, tokenizer: Any, sources: dict[str, str]) -> float:
    batch = tokenizer([*sources.values()], padding=True, return_tensors="pt")
    with torch.no_grad():
        said = model.generate(**batch, num_beams=1, max_length=32)
    found = tokenizer.batch_decode(said, skip_special_tokens=True)
    return sum(one.replace(" ", "") == chinese(text) for one, text in zip(found, sources, strict=True)) / len(sources)


def _with_tags(text: str, seed: random.Random) -> str:
    """Half of the sentences have their angina tagged."""
    return _tag(text) if "angina" in text.lower() and seed.random() < 0.5 else text


def _tag(text: str) -> str:
    at = text.lower().index("angina")
    return tagged(text, [(at, at + 6, "心绞痛")])
