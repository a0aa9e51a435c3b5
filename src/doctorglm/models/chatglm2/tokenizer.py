"""The tokenizer of ChatGLM2 and ChatGLM3: `[gMASK] sop`, then text.

Ids are the published tokenizers', and text never becomes a special token, whatever it spells: special tokens are added
by id only. Both have the same vocabulary file; `chat_format` says whose prompts a folder was trained on.
Source: https://huggingface.co/THUDM/chatglm2-6b and chatglm3-6b, re-implemented.
"""

# mypy: allow-subclassing-any
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import sentencepiece
from transformers import PreTrainedTokenizer

from doctorglm.errors import ModelError
from doctorglm.models.chatglm2.fast import fast_tokenizer
from doctorglm.runs import atomic_file

ChatFormat = Literal["chatglm2", "chatglm3"]

VOCABULARY = "tokenizer.model"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
_CONTROL = ("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop")


class ChatGLM2Tokenizer(PreTrainedTokenizer):
    """SentencePiece's pieces, then the special tokens; ChatGLM3 has four more of them, its roles."""

    vocab_files_names: ClassVar[dict[str, str]] = {"vocab_file": VOCABULARY}
    model_input_names: ClassVar[list[str]] = ["input_ids", "attention_mask"]
    padding_side = "left"

    def __init__(self, vocab_file: str, chat_format: ChatFormat | None = None, **kwargs: Any) -> None:
        path = Path(vocab_file)
        self._model, self._pieces = _read(path)
        self.chat_format: ChatFormat = chat_format or recognised_format(path.parent, kwargs)
        _refuse_unknown_format(path, self.chat_format)
        self._special = (*_CONTROL, *(ROLES if self.chat_format == "chatglm3" else ()))
        self._names = [*self._pieces.id_to_piece(list(range(self._pieces.get_piece_size()))), *self._special]
        self._vocab = {piece: i for i, piece in enumerate(self._names)}
        # the vocabulary alone says which id a piece has, and nothing is ever matched in text
        for name in ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens", "add_prefix_space"):
            kwargs.pop(name, None)
        named = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>", "unk_token": "<unk>"}
        named |= {"mask_token": "[MASK]", "gmask_token": "[gMASK]", "sop_token": "sop", "eop_token": "eop"}
        # of this class neither needs to be said; they are for those who load `tokenizer.json`
        kwargs = {"padding_side": self.padding_side, **kwargs, "split_special_tokens": True}
        super().__init__(chat_format=self.chat_format, **(kwargs | named))

    @property
    def vocab_size(self) -> int:
        """How many ids have a piece; the model's embedding may be a little longer."""
        return len(self._names)

    def get_vocab(self) -> dict[str, int]:
        """Piece -> id, with whatever was added."""
        return {**self._vocab, **self._added_tokens_encoder}

    def tokenize(self, text: str, **_: Any) -> list[str]:
        """The pieces of a text; none of them is a special token."""
        pieces: list[str] = self._pieces.encode(text, out_type=str)
        return pieces

    def _convert_token_to_id(self, token: str) -> int:
        return self._vocab.get(token, self._vocab["<unk>"])

    def _convert_id_to_token(self, index: int) -> str:
        return self._names[index] if 0 <= index < len(self._names) else ""

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text of some pieces; special tokens have none."""
        return str(self._pieces.decode_pieces([token for token in tokens if token not in self._special]))

    def _decode(
        self,
        token_ids: int | Sequence[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **_: Any,
    ) -> str:
        ids = [token_ids] if isinstance(token_ids, int) else [int(i) for i in token_ids]
        if skip_special_tokens:
            return self._text(i for i in ids if i != self._vocab["<unk>"])
        return self._spelled(ids) if self.chat_format == "chatglm3" else self._text(ids)

    def _text(self, ids: Iterable[int]) -> str:
        return str(self._pieces.decode([i for i in ids if 0 <= i < self._pieces.get_piece_size()]))

    def _spelled(self, ids: list[int]) -> str:
        """With special tokens by name; as published, text that follows one stands off by a blank."""
        parts: list[str] = []
        for special, run in itertools.groupby(ids, lambda i: i >= self._pieces.get_piece_size()):
            if special:
                parts.append("".join(map(self._convert_id_to_token, run)))
            else:
                parts.append(f"{' ' if parts else ''}{self._text(run)}")
        return "".join(parts)

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """`[gMASK] sop text`, and for a pair `... answer </s>`."""
        prompt = [self._vocab["[gMASK]"], self._vocab["sop"], *token_ids_0]
        return prompt if token_ids_1 is None else [*prompt, *token_ids_1, self._vocab["</s>"]]

    def get_special_tokens_mask(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """1 where `build_inputs_with_special_tokens` puts a special token."""
        if already_has_special_tokens:
            special = {*self.all_special_ids, *(self._vocab[name] for name in self._special)}
            return [int(i in special) for i in token_ids_0]
        answer = [] if token_ids_1 is None else [*([0] * len(token_ids_1)), 1]
        return [1, 1, *([0] * len(token_ids_0)), *answer]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """Zeros: there are no token types."""
        return [0] * len(self.build_inputs_with_special_tokens(token_ids_0, token_ids_1))

    def save_pretrained(self, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        """As in transformers, without naming code that is not saved."""
        self.init_kwargs.pop("auto_map", None)
        files: tuple[str, ...] = super().save_pretrained(*args, **kwargs)
        return files

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, str]:
        """Writes the SentencePiece model beside `tokenizer_config.json`, and the same for transformers alone."""
        fast = fast_tokenizer(self._pieces, self._names).to_str().encode()
        paths = []
        for name, content in ((VOCABULARY, self._model), ("tokenizer.json", fast)):
            path = Path(save_directory) / f"{filename_prefix + '-' if filename_prefix else ''}{name}"
            with atomic_file(path, "wb") as out:
                out.write(content)
            paths.append(str(path))
        return paths[0], paths[1]


def recognised_format(folder: Path, tokenizer_config: Mapping[str, Any]) -> ChatFormat:
    """ChatGLM3's where the tokenizer's configuration has its roles, else the first that a name of the model says.

    The official vocabularies are one file and the models have one shape, so that nothing else tells; without any sign
    it is ChatGLM2's. The names are, in order, those in tokenizer_config.json and config.json, and the folder's.
    """
    said = json.dumps({key: str(value) for key, value in tokenizer_config.items()}, ensure_ascii=False)
    if any(role in said for role in ROLES):
        return "chatglm3"
    kept = (("tokenizer_config.json", "name_or_path"), ("config.json", "_name_or_path"))
    names = [str(_values(folder / file).get(key, "")) for file, key in kept]
    for name in [*names, folder.resolve().name]:
        found = re.search("chatglm[23]", name.lower())
        if found:
            return "chatglm3" if found[0] == "chatglm3" else "chatglm2"
    return "chatglm2"


def _values(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _refuse_unknown_format(path: Path, chat_format: str) -> None:
    if chat_format not in get_args(ChatFormat):
        file = path.with_name("tokenizer_config.json")
        raise ModelError(
            en=f"{file}: chat_format={chat_format!r}; it must be chatglm2 or chatglm3.",
            zh=f"{file}：chat_format={chat_format!r} 无效，应为 chatglm2 或 chatglm3。",
        )


def _read(path: Path) -> tuple[bytes, sentencepiece.SentencePieceProcessor]:
    try:
        model = path.read_bytes()
        return model, sentencepiece.SentencePieceProcessor(model_proto=model)
    except (OSError, RuntimeError) as error:
        raise ModelError(
            en=f"{path}: not a SentencePiece model ({error}). Fetch the file again; "
            "that of ChatGLM2 and ChatGLM3 has 1,018,370 bytes.",
            zh=f"{path}：不是 SentencePiece 模型（{error}）。请重新下载；"
            "ChatGLM2 和 ChatGLM3 的文件为 1,018,370 字节。",
        ) from None
