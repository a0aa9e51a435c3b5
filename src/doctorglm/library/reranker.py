"""A cross-encoder, which reads a question and a passage together, and orders the best passages anew.

Nogueira and Cho 2019 (arXiv 1901.04085); the model is one of sentence-transformers' in a folder of the user's.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from doctorglm.errors import ConfigError, ModelError
from doctorglm.library.analysis import whole
from doctorglm.library.document import passage
from doctorglm.library.hit import Hit
from doctorglm.library.sentence_models import kind_of, loaded, require_installed

MOST = 20
"""Passages that it reads for a question; each takes the time of a forward pass over its whole length."""


class Reranker:
    """The model of a folder, loaded at once; asked by one thread at a time.

    Raises ConfigError for a folder without a cross-encoder, for one with several scores, and without the package.
    """

    most = MOST

    def __init__(self, folder: Path) -> None:
        if kind_of(folder) != "CrossEncoder":
            raise ConfigError(
                en=f"{folder}: not a cross-encoder of sentence-transformers. Give the folder of a reranker.",
                zh=f"{folder}：不是 sentence-transformers 的 cross-encoder。请给出重排模型的文件夹。",
            )
        require_installed()
        self._folder, self._lock = folder, threading.Lock()
        self._model = loaded("CrossEncoder", folder)
        if (shape := np.shape(self._scored([("?", "?")]))) != (1,):
            raise ConfigError(
                en=f"{folder}: it gives {shape[-1]} scores for a passage, a reranker gives one. Use a reranker.",
                zh=f"{folder}：它对每个段落给出 {shape[-1]} 个分数，重排模型只给一个。请换成重排模型。",
            )

    def ordered(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The first `MOST` hits with its scores, best first, ties as they came, then the others as they were."""
        if not hits:
            return []
        read, rest = hits[: self.most], hits[self.most :]
        scores = self._scored([(question, passage(hit.title, hit.heading, hit.text)) for hit in read])
        if not np.isfinite(scores).all():
            raise ModelError(
                en=f"{self._folder}: it gives scores that are no numbers. Use another reranker.",
                zh=f"{self._folder}：它给出的分数不是有限的数字。请换一个重排模型。",
            )
        scored = [replace(hit, score=float(score)) for hit, score in zip(read, scores, strict=True)]
        return [*sorted(scored, key=lambda hit: -hit.score), *rest]

    def _scored(self, pairs: Sequence[tuple[str, str]]) -> Any:
        readable = [(whole(question), whole(text)) for question, text in pairs]
        with self._lock:
            return self._model.predict(readable, show_progress_bar=False, convert_to_numpy=True)
