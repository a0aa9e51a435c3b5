"""A student's own vocabulary: one SentencePiece model for both languages, in Marian's format.

Source: https://github.com/google/sentencepiece; unigram pieces, bytes for what is unknown. Text is not normalised, so
that Chinese marks stay what they are.
"""

import io
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

from doctorglm.errors import DataError, ModelError
from doctorglm.models.saving import whole_folder
from doctorglm.runs import atomic_file, write_json
from doctorglm.translate.student.folder import marian_tokenizer
from doctorglm.translate.student.tags import TAGS

_COVERAGE = 0.9998
_MOST_SENTENCES = 400_000


def make_vocabulary(texts: Iterable[str], size: int, folder: Path) -> None:
    """Writes `source.spm`, `target.spm`, `vocab.json` and `tokenizer_config.json`; the padding is the last piece.

    Raises DataError where there is too little text for so many pieces.
    """
    # a prefix, a path of this machine, would stand in the model, and make another student of the same pairs elsewhere
    made = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=made, vocab_size=size, model_type="unigram",
            character_coverage=_COVERAGE, byte_fallback=True, normalization_rule_name="identity",
            user_defined_symbols=list(TAGS), input_sentence_size=_MOST_SENTENCES, shuffle_input_sentence=False,
            hard_vocab_limit=False, bos_id=-1, eos_id=0, unk_id=1, num_threads=1, minloglevel=2,
        )  # fmt: skip
    except RuntimeError as error:
        raise DataError(
            en=f"vocabulary={size}: SentencePiece cannot make it ({error}). Give another vocabulary=N.",
            zh=f"vocabulary={size}：SentencePiece 无法由这些句对生成词表（{error}）。请换一个 vocabulary=N。",
        ) from None
    model = made.getvalue()
    for name in ("source.spm", "target.spm"):
        with atomic_file(folder / name, "wb") as file:
            file.write(model)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
    vocabulary = {pieces.id_to_piece(i): i for i in range(pieces.get_piece_size())}
    vocabulary["<pad>"] = len(vocabulary)
    write_json(folder / "vocab.json", vocabulary)
    config = {"tokenizer_class": "MarianTokenizer", "source_lang": "en", "target_lang": "zh", "unk_token": "<unk>",
              "eos_token": "</s>", "pad_token": "<pad>", "additional_special_tokens": list(TAGS),
              "separate_vocabs": False, "model_max_length": 512}  # fmt: skip
    write_json(folder / "tokenizer_config.json", config)


def copy(pretrained: Path, folder: Path) -> None:
    """The vocabulary of a checkpoint; raises ModelError where it has none."""
    try:
        tokenizer = marian_tokenizer(pretrained)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            en=f"{pretrained}: no Marian vocabulary ({str(error).splitlines()[0]}). Give a checkpoint's folder.",
            zh=f"{pretrained}：没有 Marian 词表（{str(error).splitlines()[0]}）。请给出检查点文件夹。",
        ) from None
    with whole_folder(folder) as temporary:
        tokenizer.save_pretrained(temporary)
