"""Text that judges a tuned model is never what it is tuned on: the gate's suites, and the general text of validation.

The suites belong to a later stage; what is here of them is the sha256 of what each item says, in `texts/held_out.txt`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from doctorglm.conversation import Conversation
from doctorglm.curate.normal import normalised
from doctorglm.errors import DataError


def said(conversation: Conversation) -> str:
    """The hex sha256 of what is asked and answered, without spaces, widths, letter case and punctuation."""
    text = f"{normalised(conversation.questions)}\0{normalised(conversation.answers)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def suites() -> frozenset[str]:
    """`said` of every item of the suites that the gate asks."""
    text = resources.files("doctorglm.tune").joinpath("texts", "held_out.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


def refuse_held_out(files: Mapping[str, Path], read: Mapping[str, Sequence[Conversation]]) -> None:
    """Raises DataError, with file and record, where text that judges the model would form it.

    Of the parts of a run, `train` and `replay` may hold neither the gate's suites nor the `general` text by which
    weights are chosen, `general` nothing of the suites. Each part is what was `read` from its file.
    """
    chosen_by = {said(conversation) for conversation in read.get("general", [])}
    for part, held_out in (("train", suites() | chosen_by), ("replay", suites() | chosen_by), ("general", suites())):
        found = [conversation.id for conversation in read.get(part, []) if said(conversation) in held_out]
        if found:
            raise _refused(files[part], found)


def _refused(file: Path, found: Sequence[str]) -> DataError:
    return DataError(
        en=f"{file}: {len(found)} of its conversations are held out to judge the model (the gate's suites, or the "
        f"general text of validation), first {found[0]}. What is learned by heart proves nothing: take them out, or "
        "give another file.",
        zh=f"{file}：其中 {len(found)} 段对话是留出来评判模型的（门槛的 suite，或验证用的通用文本），"
        f"首个为 {found[0]}。"
        "背下来的内容不能证明什么：请删去它们，或换一个文件。",
    )
