"""Replay: general conversations among those that are trained on, so that what the base could do is not forgotten.

They are real ones, as many as make up a share of the tokens that are learned; or questions that the base itself answers
before it is trained, drawn at temperature 1: what is learned from those pulls towards the base's own distribution, and
not towards anything new. Sources: Rolnick et al., experience replay, arXiv 1811.11682; Huang et al., self-synthesized
rehearsal, arXiv 2403.01244.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Conversation, Message, read_conversations, write_conversations
from doctorglm.engine import Engine, Sampling
from doctorglm.errors import ConfigError, DataError
from doctorglm.render import Rejection, Sample
from doctorglm.report.progress import Line
from doctorglm.runs import note
from doctorglm.tune.general import Replay

BATCH = 16
"""Questions that the base answers together; after each batch the answers are on the disk."""

FEW_PASSES = 4
"""Repeating data so often costs next to nothing, more does (Muennighoff et al., arXiv 2305.16264)."""

_SOURCE = "replay-self"

Render = Callable[[Sequence[Conversation]], tuple[list[Sample], list[Rejection]]]


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What is mixed in."""

    conversations: int
    """Different ones."""
    samples: list[Sample]
    rejected: list[Rejection]
    passes: float
    """How often each stands among what one epoch trains on, on average."""

    def counts(self, learned: int) -> dict[str, object]:
        """What `run.json` says of it beside `learned` tokens of the data."""
        tokens = sum(sample.supervised for sample in self.samples)
        return {"conversations": self.conversations, "supervised_tokens": tokens, "passes": round(self.passes, 3),
                "share": round(tokens / (tokens + learned), 4)}  # fmt: skip


def refuse_too_few(conversations: Sequence[Conversation], file: Path, wanted: Replay) -> None:
    """Raises before weights are loaded: DataError for a file without a question, ConfigError for too few of them."""
    questions = sum(bool(_asked(c)) for c in conversations)
    if not questions:
        raise DataError(
            en=f"{file}: no question to replay. Give conversations with user turns as replay_data.",
            zh=f"{file}：没有可回放的问题。replay_data 应为含用户提问的对话。",
        )
    if questions < wanted.own_answers:
        raise ConfigError(
            en=f"replay=self:{wanted.own_answers}: {file} has {questions} questions. Ask for fewer, or give more "
            "with replay_data=FILE.",
            zh=f"replay=self:{wanted.own_answers}：{file} 只有 {questions} 个问题。请调小，"
            "或用 replay_data=文件 提供更多。",
        )


def by_share(conversations: Sequence[Conversation], render: Render, share: float, learned: int, seed: int) -> Replayed:
    """Samples of the conversations whose tokens are `share` of all that is then learned, `learned` being the data's.

    They are drawn in passes without repetition, in an order that the seed fixes. Raises DataError when none can be
    trained on.
    """
    pool, rejected = render(conversations)
    if not pool:
        raise DataError(
            en="replay: none of the conversations can be trained on. Look at replay_data, or raise max_length.",
            zh="replay：没有可训练的对话。请检查 replay_data，或调大 max_length。",
        )
    drawn = _drawn(pool, learned * share / (1 - share), random.Random(f"replay/{seed}"))
    passes = len(drawn) / len(pool)
    if passes > FEW_PASSES:
        note(
            en=f"replay={share:g}: the {len(pool)} general samples stand {passes:.1f} times each in an epoch; what is "
            "seen so often is learned by heart. More of them, as replay_data=FILE, keep more.",
            zh=f"replay={share:g}：{len(pool)} 条通用样本在每轮中各出现 {passes:.1f} 次，重复过多会被背下来。"
            "请用 replay_data=文件 提供更多。",
        )
    used = len({sample.record_id for sample in drawn})
    return Replayed(conversations=used, samples=drawn, rejected=rejected, passes=passes)


def _drawn(pool: Sequence[Sample], wanted: float, draw: random.Random) -> list[Sample]:
    drawn: list[Sample] = []
    tokens = 0
    while tokens < wanted:
        for sample in draw.sample(pool, len(pool)):
            if tokens >= wanted:
                break
            drawn.append(sample)
            tokens += sample.supervised
    return drawn


def by_itself(
    path: Path, conversations: Sequence[Conversation], number: int, engine: Engine, sampling: Sampling, line: Line
) -> list[Conversation]:
    """`number` questions with the engine's own answers, kept in `path` (0600, masked) as they come.

    What a killed run left there is not asked again; an answer depends on its question and the seed alone, so that the
    file ends the same. `meta.finish` says how an answer ended.
    """
    questions = [asked for c in conversations if (asked := _asked(c))]
    chosen = random.Random(f"replay/{sampling.seed}").sample(questions, number)
    done = list(read_conversations(path)) if path.exists() else []
    for start in range(len(done), number, BATCH):
        batch = chosen[start : start + BATCH]
        answers = engine.batch([c.messages for c in batch], sampling)
        done += [_answered(c, a.text, a.finish) for c, a in zip(batch, answers, strict=True)]
        write_conversations(path, done)
        line.update(len(done))
    return done


def own_answers(answered: Sequence[Conversation], render: Render) -> Replayed:
    """The answers that ended by themselves; one that was cut would teach an end where the base saw none.

    Raises DataError when there is none.
    """
    usable = [c for c in answered if c.meta.get("finish") == "stop"]
    samples, rejected = render(usable)
    cut = [Rejection(c.id, 0, f"own answer: {c.meta.get('finish')}") for c in answered if c not in usable]
    if not samples:
        raise DataError(
            en=f"replay: none of the base's {len(answered)} answers ended by itself. Raise max_length, or replay real "
            "conversations, such as replay=0.2.",
            zh=f"replay：基座的 {len(answered)} 个回答没有一个正常结束。请调大 max_length，"
            "或回放真实对话，如 replay=0.2。",
        )
    used = len({sample.record_id for sample in samples})
    return Replayed(conversations=used, samples=samples, rejected=[*cut, *rejected], passes=1.0)


def _asked(conversation: Conversation) -> Conversation | None:
    """The conversation up to its first question; None without one."""
    roles = [message.role for message in conversation.messages]
    if "user" not in roles:
        return None
    return replace(conversation, messages=conversation.messages[: roles.index("user") + 1])


def _answered(question: Conversation, answer: str, finish: str) -> Conversation:
    said = [*question.messages, Message("assistant", answer)]
    masked = masked_together([message.content for message in said])
    messages = tuple(replace(message, content=text) for message, text in zip(said, masked, strict=True))
    meta = {**question.meta, "finish": finish}
    return replace(question, messages=messages, source=_SOURCE, licence="", meta=meta)
