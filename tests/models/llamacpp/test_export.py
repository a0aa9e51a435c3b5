"""An exported model in llama.cpp itself: the same ids, the same probabilities, the same end as in transformers."""

from pathlib import Path
from typing import Any

import pytest

from doctorglm import models
from doctorglm.conversation import Message
from doctorglm.models.llamacpp.export import to_gguf
from doctorglm.render import renderer_for

from .bases import NATIVE, OFFICIAL, QUESTIONS, TEXTS, write
from .serving import furthest, llama_cpp

CONVERSATIONS = [
    [Message("user", QUESTIONS[0])],
    [Message("user", QUESTIONS[0]), Message("assistant", "多休息。"), Message("user", QUESTIONS[1])],
    [Message("system", "你是医生"), Message("user", QUESTIONS[1])],
]


def plain(messages: list[Message]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


@pytest.mark.parametrize("family", [*NATIVE, *OFFICIAL])
def test_the_same_as_in_transformers(family: str, tmp_path: Path) -> None:
    base = write(tmp_path / "base", family)
    done = to_gguf(base, tmp_path / "out", "f32")
    assert done["exact"] == done["tensors"] and done["error"] == {"relative": 0.0, "largest": 0.0}
    model, tokenizer = models.load(base)
    renderer = renderer_for(tokenizer)
    with llama_cpp(tmp_path / "out/model.gguf") as served:
        for messages in CONVERSATIONS:
            text = served.prompt(plain(messages))
            ids = renderer.prompt(messages, 250).input_ids
            assert served.ids(text) == ids, text
            theirs = served.logprobs(ids, model.config.vocab_size)
            assert furthest(model, ids, theirs) < 2e-4
            assert max(theirs.values()) - min(theirs.values()) > 3, "the answer is decided"
        for text in TEXTS:
            expected = tokenizer.encode(text, add_special_tokens=False)
            if family in OFFICIAL and "[MASK]" in text:
                continue  # which llama.cpp reads as the special token
            assert served.ids(text) == expected, text
