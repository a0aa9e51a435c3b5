"""ChatGLM-6B's tokenizer: text, then `[gMASK] <sop>`.

The ids are the published tokenizer's, with one deliberate difference: text never becomes a special token, whatever it
spells. Special tokens are added by id only. Source: https://huggingface.co/THUDM/chatglm-6b, re-implemented.
"""

# mypy: allow-subclassing-any
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import sentencepiece
from transformers import PreTrainedTokenizer

from doctorglm.errors import ModelError
from doctorglm.models.chatglm import vocabulary
from doctorglm.models.chatglm2.tokenizer import VOCABULARY, ChatGLM2Tokenizer
from doctorglm.runs import atomic_file

_IMAGE_VOCABULARY = 150_528
_IMAGE_TOKENS = 20_000


class ChatGLMTokenizer(PreTrainedTokenizer):
    """SentencePiece pieces; in the 150,528-token vocabulary they start after 20,000 image tokens."""

    vocab_files_names: ClassVar[dict[str, str]] = {"vocab_file": "ice_text.model"}
    model_input_names: ClassVar[list[str]] = ["input_ids", "attention_mask"]
    padding_side = "left"

    def __init__(self, vocab_file: str, num_image_tokens: int | None = None, **kwargs: Any) -> None:
        self._model, self._pieces = _read(Path(vocab_file))
        self.num_image_tokens = _image_tokens(Path(vocab_file)) if num_image_tokens is None else num_image_tokens
        names = self._pieces.id_to_piece(list(range(self._pieces.get_piece_size())))
        self._names = [*(f"<image_{i}>" for i in range(self.num_image_tokens)), *names]
        self._vocab = {piece: i for i, piece in enumerate(self._names)}
        kwargs.pop("add_prefix_space", None)
        named = {
            "bos_token": "<sop>",
            "eos_token": "<eop>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "mask_token": "[MASK]",
            "gmask_token": "[gMASK]",
            "end_token": "</s>",
        }
        # the vocabulary alone says which id a piece has
        added = kwargs.pop("added_tokens_decoder", {})
        kwargs["added_tokens_decoder"] = {i: token for i, token in added.items() if str(token) not in self._vocab}
        # tokenizers of March 2023 called </s> the end; generation ends at <eop> all the same
        if str(kwargs.get("eos_token")) == "</s>":
            del kwargs["eos_token"]
        super().__init__(num_image_tokens=self.num_image_tokens, **(named | kwargs))

    @classmethod
    def from_pretrained(cls, folder: Any, *args: Any, **kwargs: Any) -> Any:
        """As in transformers; a ChatGLM2Tokenizer from a folder of ChatGLM2 or ChatGLM3, which names this class too."""
        if (Path(folder) / VOCABULARY).is_file() and not (Path(folder) / cls.vocab_files_names["vocab_file"]).exists():
            return ChatGLM2Tokenizer.from_pretrained(folder, *args, **kwargs)
        return super().from_pretrained(folder, *args, **kwargs)

    @property
    def vocab_size(self) -> int:
        """How many ids have a piece, image tokens included; the model's embedding may be a little longer."""
        return len(self._names)

    def get_vocab(self) -> dict[str, int]:
        """Piece -> id, with whatever was added."""
        return {**self._vocab, **self._added_tokens_encoder}

    def tokenize(self, text: str, **_: Any) -> list[str]:
        """The pieces of a text; none of them is a special token."""
        pieces: list[str] = self._pieces.encode(vocabulary.written(text), out_type=str)
        return pieces

    def _convert_token_to_id(self, token: str) -> int:
        return self._vocab.get(token, self._vocab["<unk>"])

    def _convert_id_to_token(self, index: int) -> str:
        return self._names[index] if 0 <= index < len(self._names) else ""

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text of some pieces; control tokens have none."""
        return vocabulary.read(self._pieces.decode_pieces(list(tokens)))

    def _decode(
        self,
        token_ids: int | Sequence[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **_: Any,
    ) -> str:
        ids = [token_ids] if isinstance(token_ids, int) else [int(i) for i in token_ids]
        skipped = {self._vocab["<unk>"]} if skip_special_tokens else set()
        texts = range(self.num_image_tokens, len(self._names))
        pieces = [i - self.num_image_tokens for i in ids if i in texts and i not in skipped]
        return vocabulary.read(self._pieces.decode(pieces))

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """`text [gMASK] <sop>`, and for a pair `... answer <eop>`."""
        prompt = [*token_ids_0, self._vocab["[gMASK]"], self._vocab["<sop>"]]
        return prompt if token_ids_1 is None else [*prompt, *token_ids_1, self._vocab["<eop>"]]

    def get_special_tokens_mask(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """1 where `build_inputs_with_special_tokens` puts a special token."""
        if already_has_special_tokens:
            return [int(i in self.all_special_ids) for i in token_ids_0]
        answer = [] if token_ids_1 is None else [*([0] * len(token_ids_1)), 1]
        return [*([0] * len(token_ids_0)), 1, 1, *answer]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """Zeros: ChatGLM has no token types."""
        return [0] * len(self.build_inputs_with_special_tokens(token_ids_0, token_ids_1))

    def save_pretrained(self, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        """As in transformers, without naming code that is not saved."""
        self.init_kwargs.pop("auto_map", None)
        files: tuple[str, ...] = super().save_pretrained(*args, **kwargs)
        return files

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str]:
        """Writes the SentencePiece model beside `tokenizer_config.json`."""
        path = Path(save_directory) / f"{filename_prefix + '-' if filename_prefix else ''}ice_text.model"
        with atomic_file(path, "wb") as out:
            out.write(self._model)
        return (str(path),)


def _read(path: Path) -> tuple[bytes, sentencepiece.SentencePieceProcessor]:
    try:
        model = vocabulary.completed(path.read_bytes())
        return model, sentencepiece.SentencePieceProcessor(model_proto=model)
    except (OSError, RuntimeError) as error:
        raise ModelError(
            en=f"{path}: not a SentencePiece model ({error}). "
            "Fetch the file again; the published one has 2,706,249 bytes.",
            zh=f"{path}：不是 SentencePiece 模型（{error}）。请重新下载；官方文件为 2,706,249 字节。",
        ) from None


def _image_tokens(vocab_file: Path) -> int:
    """20,000 where the model beside the file has the old vocabulary, else none."""
    config = vocab_file.with_name("config.json")
    try:
        return _IMAGE_TOKENS if json.loads(config.read_text("utf-8"))["vocab_size"] == _IMAGE_VOCABULARY else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
