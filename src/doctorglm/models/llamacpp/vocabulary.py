"""The vocabulary of a GGUF: byte-level BPE from a `tokenizer.json`, SentencePiece for ChatGLM2 and ChatGLM3.

llama.cpp finds the names of control tokens anywhere in a text, also within words. ChatGLM's `sop` and `eop` are in
bisoprolol and neoplasm, so they are called `<sop>` and `<eop>` here; a model knows ids and no names.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; llama.cpp's pre-tokenizers by their expressions.
"""

import json
from pathlib import Path
from typing import Any

import sentencepiece

from doctorglm.errors import ModelError
from doctorglm.models.chatglm2.tokenizer import VOCABULARY, ChatGLM2Tokenizer

_LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_ONE_DIGIT = _LETTERS + r"|\p{N}" + _REST
_THREE_DIGITS = _LETTERS + r"|\p{N}{1,3}" + _REST

RENAMED = {"sop": "<sop>", "eop": "<eop>"}
_NEVER = -1e9
"""The score of a special piece, so that no merge of text prefers it."""


def add_vocabulary(writer: Any, where: Path, tokenizer: Any, rows: int, ends: tuple[int, ...]) -> None:
    """Writes tokens, merges or scores, and the ids of what begins and ends; `rows` is the embedding's length.

    Nothing is put before a prompt by itself: the template has it all. The first three of `ends` end an answer.
    Raises ModelError for a tokenizer with more tokens than the embedding has rows, and for one that cuts text in a way
    that llama.cpp does not know.
    """
    if len(tokenizer) > rows:
        raise ModelError(
            en=f"{where}: the tokenizer has {len(tokenizer)} tokens, the embedding {rows} rows. Use the tokenizer that "
            "came with the weights, or weights that were saved after tokens were added.",
            zh=f"{where}：分词器有 {len(tokenizer)} 个 token，而嵌入只有 {rows} 行。请使用与权重配套的分词器，"
            "或在添加 token 之后保存的权重。",
        )
    if isinstance(tokenizer, ChatGLM2Tokenizer):
        _add_sentencepiece(writer, where, tokenizer, rows)
    else:
        _add_byte_level(writer, where, tokenizer, rows)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    for add, token in zip(
        (writer.add_eos_token_id, writer.add_eot_token_id, writer.add_eom_token_id), ends, strict=False
    ):
        add(token)
    for name in ("bos", "pad", "unk"):
        if (named := getattr(tokenizer, f"{name}_token_id", None)) is not None:
            getattr(writer, f"add_{name}_token_id")(named)


def name_of(tokenizer: Any, token: int) -> str:
    """What the file calls a token."""
    name = str(tokenizer.convert_ids_to_tokens(token))
    return RENAMED.get(name, name) if isinstance(tokenizer, ChatGLM2Tokenizer) else name


def _add_sentencepiece(writer: Any, where: Path, tokenizer: ChatGLM2Tokenizer, rows: int) -> None:
    from gguf import TokenType

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(where / VOCABULARY))
    names, scores, kinds = [], [], []
    for i in range(pieces.get_piece_size()):
        names.append(pieces.id_to_piece(i))
        scores.append(pieces.get_score(i))
        kinds.append(_kind_of_piece(pieces, i))
    for i in range(pieces.get_piece_size(), rows):
        inside = i < tokenizer.vocab_size
        names.append(name_of(tokenizer, i) if inside else _unused(i))
        scores.append(_NEVER)
        kinds.append(TokenType.CONTROL if inside else TokenType.UNUSED)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(False)
    writer.add_token_list(names)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)


def _kind_of_piece(pieces: Any, i: int) -> Any:
    from gguf import TokenType

    if pieces.is_unknown(i):
        return TokenType.UNKNOWN
    if pieces.is_control(i):
        return TokenType.CONTROL
    return TokenType.BYTE if pieces.is_byte(i) else TokenType.NORMAL


def _unused(i: int) -> str:
    return f"[PAD{i}]"


def _add_byte_level(writer: Any, where: Path, tokenizer: Any, rows: int) -> None:
    from gguf import TokenType

    state = _state(where, tokenizer)
    pre = _pre_tokenizer(where, state)
    names = {i: name for name, i in state["model"]["vocab"].items()}
    kinds = dict.fromkeys(names, TokenType.NORMAL)
    for token in state["added_tokens"]:
        names[token["id"]] = token["content"]
        kinds[token["id"]] = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([names.get(i, _unused(i)) for i in range(rows)])
    writer.add_token_types([kinds.get(i, TokenType.UNUSED) for i in range(rows)])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in state["model"]["merges"]])


def _state(where: Path, tokenizer: Any) -> dict[str, Any]:
    """What `tokenizer.json` holds, of a tokenizer of byte-level BPE."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    state: dict[str, Any] = json.loads(backend.to_str()) if backend is not None else {}
    kind = state.get("model", {}).get("type", type(tokenizer).__name__)
    if kind != "BPE" or state["model"].get("byte_fallback"):
        raise _cannot(where, f"a vocabulary of the kind {kind}")
    normalizer = state.get("normalizer")
    if normalizer is not None and normalizer.get("type") != "NFC":
        raise _cannot(where, f"the normalizer {normalizer.get('type')}")
    return state


def _pre_tokenizer(where: Path, state: dict[str, Any]) -> str:
    """llama.cpp's name of the way in which text is cut into words."""
    given = state.get("pre_tokenizer") or {}
    steps = given.get("pretokenizers", [given])
    kinds = [step.get("type") for step in steps]
    if kinds == ["ByteLevel"] and steps[0].get("use_regex", True) and not steps[0].get("add_prefix_space"):
        return "gpt-2"
    if kinds == ["Split", "ByteLevel"]:
        expression = steps[0].get("pattern", {}).get("Regex")
        if expression == _ONE_DIGIT:
            return "qwen2"
        if expression == _THREE_DIGITS:
            return "llama-bpe" if state["model"].get("ignore_merges") else "chatglm-bpe"
    raise _cannot(where, f"the pre-tokenizer {json.dumps(given, ensure_ascii=False)[:120]}")


def _cannot(where: Path, what: str) -> ModelError:
    return ModelError(
        en=f"{where}: {what} is not one that this export knows in llama.cpp, so that text would become other ids. "
        "Serve this model with DoctorGLM itself.",
        zh=f"{where}：{what} 在 llama.cpp 中没有已知的对应，文本会变成不同的 id。请直接用 DoctorGLM 运行该模型。",
    )
