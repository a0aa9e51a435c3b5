"""The vocabulary of ChatGLM2 and ChatGLM3 as a `tokenizer.json`, for transformers alone.

AutoTokenizer takes every folder of GLM for one with such a file. Ids are those of ChatGLM2Tokenizer. Special tokens
are pieces that no merge leads to; `split_special_tokens` in tokenizer_config.json keeps text from becoming one.
"""

from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, processors

_BLANK = "▁"


def fast_tokenizer(pieces: Any, names: list[str]) -> Tokenizer:
    """`pieces` is the SentencePiece model, `names` the name of every id, special tokens after the pieces."""
    vocabulary = {name: i for i, name in enumerate(names)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=_merges(pieces), byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(_BLANK), normalizers.Replace(" ", _BLANK)])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_BLANK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    named = ("[gMASK]", "sop", "</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[gMASK] sop $A",
        pair="[gMASK] sop $A $B </s>",
        special_tokens=[(name, vocabulary[name]) for name in named],
    )
    return tokenizer


def _merges(pieces: Any) -> list[tuple[str, str]]:
    """Every way to make a piece of text from two others, the best scores first, as SentencePiece merges."""
    text = {
        pieces.id_to_piece(i): i
        for i in range(pieces.get_piece_size())
        if not (pieces.is_control(i) or pieces.is_unknown(i) or pieces.is_byte(i))
    }
    ways = [
        (-pieces.get_score(i), text[piece[:cut]], text[piece[cut:]])
        for piece, i in text.items()
        for cut in range(1, len(piece))
        if piece[:cut] in text and piece[cut:] in text
    ]
    return [(pieces.id_to_piece(left), pieces.id_to_piece(right)) for _, left, right in sorted(ways)]
