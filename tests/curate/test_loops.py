"""The loop filter's short cut lets every loop through that the full search finds."""

import random

from doctorglm.clinical.repetition import longest_loop
from doctorglm.curate.filters.loops import _may_loop


def test_the_short_cut_passes_no_loop_over() -> None:
    rng = random.Random(11)
    loops = 0
    for _ in range(3000):
        block = "".join(rng.choices("头痛发热咳嗽多喝水，", k=rng.randint(1, 20)))
        head, tail = ("".join(rng.choices("血压血糖胃炎建议检查休息饮食", k=rng.randint(0, 30))) for _ in range(2))
        run = (block * 8)[: rng.randint(10, 8 * len(block)) if 8 * len(block) > 10 else 10]
        text = head + run + tail
        if longest_loop(text) >= 20:
            loops += 1
            assert _may_loop(text), text
    assert loops > 1000
    assert not _may_loop("请您到医院检查血压，注意饮食清淡，按时休息。")
