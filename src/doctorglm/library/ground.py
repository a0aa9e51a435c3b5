"""`library ground`: conversations with the evidence in front of the question, for training on what inference will see.

The prompt is the one of `chat --library`: the same function makes it. An answer's statements that a passage supports
get their `[n]`, by the check that answers of a model must pass, so that a model learns to cite what it says.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from doctorglm.clinical.evidence import Evidence, Grounded
from doctorglm.conversation import Conversation, Message, read_conversations, write_conversations
from doctorglm.errors import DataError
from doctorglm.library.claims import claim_of
from doctorglm.library.grounding import Ground, GroundSettings, grounding
from doctorglm.library.prompt import CountTokens
from doctorglm.library.search import Library
from doctorglm.library.sentences import split
from doctorglm.library.store import FILE
from doctorglm.library.support import lack_of, passage_of
from doctorglm.runs import Run, sha256_file
from doctorglm.settings import plain

Told = Callable[[str, float], None]
"""Called with (how many conversations of which file, the share of all files)."""

_SILENT: Told = lambda *_: None  # noqa: E731


def ground_data(
    data: Path,
    folder: Path,
    out: Path,
    settings: GroundSettings,
    count_tokens: CountTokens,
    told: Told = _SILENT,
) -> Run:
    """Writes every part of `data` (train.jsonl, ...) to `out`, each conversation with its evidence where there is some.

    One that the library cannot ground stays as it is. Raises DataError for data without a part.
    """
    parts = _parts(data)
    library = Library(folder, vectors=settings.vectors, reranker=settings.reranker)
    inputs = {FILE: sha256_file(folder / FILE), **{part.name: sha256_file(part) for part in parts}}
    run = Run(out, stage="library ground", settings=plain(settings), inputs=inputs)
    if run.finished:
        return run
    ground = grounding(library.search, count_tokens, settings)
    counts = Counter[str]()
    for at, part in enumerate(parts):
        made = (
            grounded(conversation, ground, settings.least_share, counts) for conversation in read_conversations(part)
        )
        write_conversations(out / part.name, _told(made, part.name, at / len(parts), told))
    run.finish(counts={key: counts[key] for key in ("read", "grounded", "statements", "cited")})
    return run


def _parts(data: Path) -> list[Path]:
    parts = sorted(p for p in data.glob("*.jsonl") if p.name != "rejected.jsonl") if data.is_dir() else []
    if not parts:
        raise DataError(
            en=f"{data}: no train.jsonl: a folder that `curate` wrote is needed. Check the path.",
            zh=f"{data}：没有 train.jsonl：需要 curate 写出的文件夹。请检查路径。",
        )
    return parts


def _told(made: Iterable[Conversation], part: str, share: float, told: Told) -> Iterator[Conversation]:
    for number, conversation in enumerate(made, 1):
        told(f"{part} {number:,}", share)
        yield conversation


def grounded(conversation: Conversation, ground: Ground, least: float, counts: Counter[str]) -> Conversation:
    """The conversation with evidence before its last question and citations in the answer to it."""
    counts["read"] += 1
    messages = conversation.messages
    at = max((i for i, m in enumerate(messages) if m.role == "assistant"), default=-1)
    if at < 1 or messages[at - 1].role != "user":
        return conversation
    found: Grounded = ground(messages[:at])
    if not found.evidence:
        return conversation
    counts["grounded"] += 1
    answer = Message("assistant", _cited(messages[at].content, found.evidence, least, counts))
    sources = [f"{one.title} · {one.heading}" for one in found.evidence]
    return replace(
        conversation,
        messages=(*found.messages, answer, *messages[at + 1 :]),
        meta={**conversation.meta, "evidence": sources},
    )


def supporting(sentence: str, evidence: Sequence[Evidence], least: float) -> list[int]:
    """The numbers of the passages that support a sentence by themselves; none for one that states nothing."""
    claim = claim_of(sentence)
    if not claim.said and not claim.words:
        return []
    return [n for n, one in enumerate(evidence, 1) if not lack_of(claim, [passage_of(one)], least)]


def _cited(answer: str, evidence: Sequence[Evidence], least: float, counts: Counter[str]) -> str:
    """The answer with `[n]` behind each sentence that the passage n supports."""
    said = []
    for sentence in split(answer):
        counts["statements"] += 1
        numbers = supporting(sentence, evidence, least)
        counts["cited"] += bool(numbers)
        said.append(_with(sentence, numbers[:2]))
    return "".join(said)


def _with(sentence: str, numbers: Sequence[int]) -> str:
    """The sentence with its citations before its last mark."""
    if not numbers:
        return sentence
    body = sentence.rstrip("。！？!?.；;\n ”’」』）)")
    return body + "".join(f"[{n}]" for n in numbers) + sentence[len(body) :]
