"""What counts as a figure and what does not, in both languages, on sentences written for it."""

import pytest
from quantities import figures, prose


def found(text: str) -> list[str]:
    return [figure.shown for figure in figures(prose(text))]


FOUND = {
    "It takes 218 s on 2 CPU cores.": ["218 s"],
    "A request needs 35ms, at most 0.2 ms.": ["35ms", "0.2 ms"],
    "ready in 5 minutes": ["5 minutes"],
    "ready in twenty minutes": ["twenty minutes"],
    "done in half an hour": ["half an hour"],
    "3 GB of disk and 512 MiB of memory": ["3 GB", "512 MiB"],
    "a 7B model in 16GB": ["16GB"],
    "**12** MB": ["12** MB"],
    "40 % of them, 99.5% of the rest, 5 percent of all": ["40 %", "99.5%", "5 percent"],
    "0.07 nats a token": ["0.07 nats"],
    "trains 964 tokens/s and 8 dialogues/s, 40 answers per minute": [
        "964 tokens/s",
        "8 dialogues/s",
        "40 answers per minute",
    ],
    "178 GFLOP/s": ["178 GFLOP/s"],
    "1.5x as fast, a speed-up of 12x": ["1.5x", "12x"],
    "3 x faster than the peer": ["3 x"],
    "eighteen times slower, then 2 times as slow": ["eighteen times slower", "2 times as"],
    "twice as slow, half as large, a third more memory": ["twice as", "half as", "third more"],
    "a 10-fold gain": ["10-fold"],
    "it costs $20 or 30 dollars": ["$20", "30 dollars"],
    "perplexity 33, a BLEU of 20": ["perplexity 33", "BLEU of 20"],
    "n = 40, p < 0.01": ["n = 40", "p < 0.01"],
    "0.065 [0.060, 0.071]": ["0.065", "0.060", "0.071"],
    "-0.0002 below": ["-0.0002"],
    "20 of 20 ended alike, 3 out of 5 did not": ["20 of 20", "3 out of 5"],
    "killed at 20 moments, on 208 unseen dialogues": ["20 moments", "208 unseen dialogues"],
    "tuned on 368, judged on 1,024": ["368", "1,024"],
    "5.5M parameters, or 6 million": ["5.5M parameters", "6 million"],
    "from 37 to 44 MB": ["44 MB"],
    "13-18 s": ["18 s"],
    "about 300 steps\n  of 2,048 tokens": ["300 steps", "2,048 tokens"],
    "after 300\nsteps": ["300 steps"],
    "## 20 kills": ["20 kills"],
    "| speed | 120 |\n": ["120"],
    "- 4 steps\n    - 5 s in a nested list": ["4 steps", "5 s"],
    "训练用了 218 秒": ["218 秒"],
    "共218秒，内存峰值 1,229 MB": ["218秒", "1,229 MB"],
    "快了三倍，用时两分钟": ["三倍", "两分钟"],
    "半小时即可": ["半小时"],
    "提高 40% 或百分之五": ["40%", "百分之五"],
    "下降了三成": ["三成"],
    "在 368 段上微调，清洗 42 条记录": ["368 段", "42 条"],
    "只有 550 万参数": ["550 万"],
    "20 个样本，12 字节": ["20 个样本", "12 字节"],
    "花费 30 元": ["30 元"],
}

NOT_FOUND = [
    "Python 3.11 or newer; transformers 5.17, torch 2.10 and PyTorch 2.13.0",
    "version 0.1.0 of 2026-11-25, as Efron (1987) and Welleck et al. 2019, in the 1990s",
    "ChatGLM-6B, GLM-4, Qwen2.5, GB18030, rep-4, Apache-2.0, CC BY 4.0, CC0 1.0, v0",
    "commit a88b0b8576, issue #123, PEP 621, arXiv 2304.01097, mode 0600",
    "[arXiv 2304.01097](https://arxiv.org/abs/2304.01097) and [2312.03732](https://arxiv.org/abs/2312.03732)",
    "see https://example.org/?size=300, or <https://example.org/?size=300>, or [this](page.html?size=300 'a title')",
    "see [this](page.html?size=300)",
    "![a picture](docs/images/300.png) <img width=300 src='a.png'>",
    "exit code 130, exit codes: 0 done, 130 interrupted",
    "learning rate 0.004, temperature 0.95 and top-p 0.7, a margin of 0.05, seed 1234, width 256",
    "`repetition_margin` = 0.05 or more, and `max_length=512` in `218 s of code`",
    "``a `tick` in 300 s of code``",
    "4 layers, 8 heads, 2 CPU cores, two languages, five ways, three answers, four commands, 128 wide, 64 bits",
    "in a few minutes, some hours, several times as long, once in forty times, one at a time",
    "1. the first\n2. the second\n",
    "10^6 bytes, 24/7, step 3, section 12",
    "```bash\nsleep 300 # 5 minutes\n```\n",
    "~~~\n218 s\n~~~\n",
    "Run:\n\n    make demo  # 218 s\n",
    "<!-- a note of 300 s -->",
    "<!-- figures:demo:en -->\n| 563 | 218 s |\n<!-- /figures -->",
    "<!-- settings:a:B -->\n| `max_length` | 512 | Tokens of a sample. |\n<!-- /settings -->",
    "需要 Python 3.11；退出码：0 完成；130 被中断",
    "第 3 步，第 12 条，两个 CPU 核，四条命令，几百段对话，几分钟，五种尝试，第二天",
    "学习率 0.004，温度 0.95，2026-11-25",
]


@pytest.mark.parametrize("text", FOUND)
def test_found(text: str) -> None:
    assert found(text) == FOUND[text]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_not_found(text: str) -> None:
    assert found(text) == []


def test_prose_goes_on_after_what_is_no_prose() -> None:
    text = "```\n1 s\n```\n2 s\n\n    3 s\n\n4 s `5 s` 6 s\n<!-- figures:a:en -->\n7 s\n<!-- /figures -->\n8 s\n"
    assert found(text) == ["2 s", "4 s", "6 s", "8 s"]


def test_of_a_table_of_settings_what_it_says_is_read() -> None:
    row = "| `a` | 512 | Tokens; on CMD 4,000 records have more. |"
    assert found(f"<!-- settings:m:C -->\n{row}\n<!-- /settings -->") == ["4,000 records"]


def test_a_figure_is_where_it_says() -> None:
    text = "`code` and\n```\ncode\n```\nthen 218 s 用了 3 秒"
    places = figures(prose(text))
    assert [text[f.start : f.end] for f in places] == ["218 s", "3 秒"]


def test_a_paragraph_within_a_list_is_prose_and_code_after_it_is_code() -> None:
    assert found("- a\n\n    218 s\n") == ["218 s"]
    assert found("- a\n\nend of the list\n\n    218 s\n") == []
