"""`chat` talks with the sampling that a sweep recommended for the adapter, unless it is told otherwise."""

from collections.abc import Callable
from typing import Any

import pytest

from doctorglm.engine import Sampling
from doctorglm.evaluate.sweep.sampling_file import beside, write_sampling
from doctorglm.language import Text
from doctorglm.runs import sha256_tree

from .kit import Said, Scene


@pytest.mark.parametrize("as_json", [False, True])
def test_chat_takes_what_the_sweep_recommends(
    scene: Scene, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    used: list[Sampling] = []

    def talk(consultation: Any, *, ask: str | None, as_json: bool) -> int:
        used.append(consultation.sampling)
        return 0

    monkeypatch.setattr("doctorglm.chat.chat", talk)
    asked = [*scene.chat, "--adapter", scene.adapter, *(["--json"] if as_json else [])]
    assert "as the sweep recommends" not in command(*asked).err
    of = sha256_tree(scene.adapter)
    best = Sampling(temperature=0.7, top_p=0.9)
    write_sampling(beside(scene.adapter), best, sampling_of=of, reason=Text(en="best", zh="最好"), rule={})
    said = command(*asked)
    assert (said.code, said.out) == (0, "") and said.err.count("sampling as the sweep recommends") == 1
    assert command(*asked, "temperature=0.1", "--lang=zh").err.count("采样设置取自扫描的建议") == 1
    assert "sweep" not in command(*scene.chat).err, "the base without the adapter has its own"
    assert used == [
        Sampling(max_new_tokens=4),
        Sampling(max_new_tokens=4, temperature=0.7, top_p=0.9),
        Sampling(max_new_tokens=4, temperature=0.1, top_p=0.9),
        Sampling(max_new_tokens=4),
    ]
