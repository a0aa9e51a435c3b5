"""How likely continuations are after their contexts, on token ids, with what requests share computed once.

Options of one question are branches of its context; questions after the same examples share the examples' keys and
values; logits are made where a continuation needs them, and nowhere else.
Shapes: B rows, S columns of a row, P tokens of the prefix before them, K columns with logits, T scored tokens, V
vocabulary. Source: attention over a tree of tokens, SpecInfer, arXiv 2305.09781.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from transformers.cache_utils import DynamicCache

from doctorglm.errors import DataError, ModelError
from doctorglm.evaluate.trees import Asked, Request, Row, Sharing, plan
from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.chatglm.model import _CACHE_FIELD
from doctorglm.models.chatglm.positions import position_ids
from doctorglm.models.documents import can_pack
from doctorglm.models.prefix.attention import PREFIXED
from doctorglm.models.products import by_products
from doctorglm.report.progress import Line
from doctorglm.tune.memory import in_parts

__all__ = ["Request", "Score", "is_causal", "score"]

_FORWARD_TOKENS = {"cpu": 32}
"""What another call of the model costs, in tokens; a GPU is not filled by fewer than `_FORWARD_TOKENS_ELSEWHERE`."""
_FORWARD_TOKENS_ELSEWHERE = 2048
_CACHE_BYTES = 2**30
"""What the copies of a prefix for the rows of a batch may take."""
_WIDENED = 256
"""Rows of logits that are widened to 32 bits at once."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a model says of one request."""

    nats: float
    """Summed negative log-likelihood of the continuation's tokens."""
    greedy: bool
    """Whether each of its tokens is the likeliest one where it stands."""


def is_causal(model: Any) -> bool:
    """Whether every token looks at those before it alone; ChatGLM-6B's context looks at itself in both directions."""
    return not isinstance(model.config, ChatGLMConfig)


def score(
    model: Any, requests: Sequence[Request], *, batch_tokens: int, padding_id: int, line: Line | None = None
) -> list[Score]:
    """The score of each request, in the order given; the same in any batch, but for the order of sums.

    `batch_tokens` is the most tokens of a forward pass, padding counted and shared prefixes not; a batch that the
    memory does not hold is computed in halves. `line` is told the share that is done.
    Raises DataError for a context or a continuation without tokens, ModelError for scores that are NaN or infinite and
    when a single row does not fit into memory.
    """
    _refuse_empty(requests)
    scores: dict[int, Score] = {}
    forward = _FORWARD_TOKENS.get(model.device.type, _FORWARD_TOKENS_ELSEWHERE)
    with torch.inference_mode(), by_products(model):
        for group in plan(requests, _sharing(model), forward):
            (prefix,) = in_parts([0], partial(_read_prefix, model, group.prefix))
            lengths = [len(row.tokens) for row in group.rows]
            for batch in _batches(lengths, batch_tokens, prefix.most_rows, forward):
                for found in in_parts(batch, partial(_read, model, group.rows, prefix, padding_id)):
                    scores |= found
                if line is not None:
                    line.update(len(scores) / len(requests))
    found_all = [scores[i] for i in range(len(requests))]
    _refuse_no_numbers(found_all)
    return found_all


def _sharing(model: Any) -> Sharing:
    """What requests may share with this model: sliding windows and recurrent layers know no branches."""
    if not can_pack(model) or _attention(model) not in ("sdpa", "eager"):
        return "nothing"
    return "prefixes" if is_causal(model) else "contexts"


def _attention(model: Any) -> str:
    """The kind of attention, and so of mask; a learned prefix opens its own columns and changes neither."""
    return str(model.config._attn_implementation).removesuffix(PREFIXED)


@dataclass(frozen=True, slots=True)
class _Prefix:
    """Keys and values of each layer, of one row of P tokens; no layers where there is no prefix."""

    layers: list[tuple[torch.Tensor, torch.Tensor]]
    length: int

    def cache(self, rows: int) -> DynamicCache | None:
        """A cache that holds them for each row, and that may grow."""
        if not self.layers:
            return None
        cache = DynamicCache()
        for i, (keys, values) in enumerate(self.layers):
            cache.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), i)
        return cache

    @property
    def most_rows(self) -> int | None:
        """How many copies are within `_CACHE_BYTES`, but one at least."""
        size = sum(part.nbytes for layer in self.layers for part in layer)
        return max(1, _CACHE_BYTES // size) if size else None


def _read_prefix(model: Any, tokens: Sequence[int], _: list[int]) -> _Prefix:
    if not tokens:
        return _Prefix([], 0)
    ids = torch.tensor([list(tokens)], device=model.device)
    with _head_at(model, torch.zeros(1, dtype=torch.long, device=model.device)):
        outputs = model(input_ids=ids, use_cache=True)
    layers = getattr(outputs, _CACHE_FIELD).layers
    return _Prefix([(layer.keys, layer.values) for layer in layers], len(tokens))


def _batches(lengths: Sequence[int], batch_tokens: int, most_rows: int | None, forward_tokens: int) -> list[list[int]]:
    """Indices of rows in batches, the longest first, so that too large a batch is met at once.

    Of all cuts of the sorted rows the one that costs least: padded tokens, and `forward_tokens` for each batch.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    least, begins = [0], [0]  # of the first rows: their cost, and where their last batch begins
    for end in range(1, len(order) + 1):
        costs: dict[int, int] = {}
        for start in range(end - 1, -1, -1):
            size = (end - start) * lengths[order[start]]
            if costs and (size > batch_tokens or end - start == (most_rows or len(order)) + 1):
                break
            costs[start] = least[start] + size + forward_tokens
        begins.append(min(costs, key=lambda start: (costs[start], start)))
        least.append(costs[begins[-1]])
    batches, end = [], len(order)
    while end:
        batches.append(order[begins[end] : end])
        end = begins[end]
    return batches[::-1]


def _read(
    model: Any, rows: Sequence[Row], prefix: _Prefix, padding_id: int, indices: Sequence[int]
) -> dict[int, Score]:
    """The scores of the requests in some rows, by request."""
    chosen = [rows[i] for i in indices]
    longest = max(len(row.tokens) for row in chosen)
    ids_BS = torch.tensor([row.tokens + [padding_id] * (longest - len(row.tokens)) for row in chosen])
    asked = [(number * longest, one) for number, row in enumerate(chosen) for one in row.asked]
    flat = [start + column for start, one in asked for column in one.columns]
    places, which = np.unique(flat, return_inverse=True)
    with _head_at(model, torch.from_numpy(places).to(model.device)):
        logits_KV = model(
            input_ids=ids_BS.to(model.device),
            use_cache=bool(prefix.layers),
            **({_CACHE_FIELD: prefix.cache(len(chosen))} if prefix.layers else {}),
            **_seen(model, chosen, longest, prefix.length),
        ).logits
    targets_T = torch.tensor([target for _, one in asked for target in one.targets])
    nats_T, best_T = _foreseen(logits_KV, torch.from_numpy(which), targets_T)
    return _by_request([one for _, one in asked], nats_T, best_T)


@contextmanager
def _head_at(model: Any, places_K: torch.Tensor) -> Iterator[None]:
    """Within it the model's head is given these of the flattened (B*S) columns alone: its logits are (K, V)."""
    handle = model.get_output_embeddings().register_forward_pre_hook(lambda _, args: (args[0].flatten(0, 1)[places_K],))
    try:
        yield
    finally:
        handle.remove()


def _seen(model: Any, rows: Sequence[Row], longest: int, past: int) -> dict[str, torch.Tensor]:
    """Which columns see which, and where each stands, as the model takes it; rows are padded on the right."""
    if all(row.linear for row in rows):
        lengths_B1 = torch.tensor([[past + len(row.tokens)] for row in rows])
        mask = (torch.arange(past + longest) < lengths_B1).long()
        return {"attention_mask": mask.to(model.device)}
    positions = _positions(model, rows, longest)
    sees_BST = np.zeros((len(rows), longest, past + longest), dtype=np.bool_)
    # padding sees itself, or its softmax would have nothing to sum
    sees_BST[:, :, past:] = np.eye(longest, dtype=np.bool_)
    sees_BST[:, :, :past] = True
    for sees_ST, row in zip(sees_BST, rows, strict=True):
        size = len(row.tokens)
        sees_ST[:size, past : past + size] = row.sees(0 if is_causal(model) else _before_answer(model, row))
    mask = _as_taken(model, torch.from_numpy(sees_BST)[:, None])
    return {"attention_mask": mask.to(model.device), "position_ids": positions}


def _as_taken(model: Any, sees_B1ST: torch.Tensor) -> torch.Tensor:
    """The mask in the model's own terms."""
    if not is_causal(model):
        return ~sees_B1ST
    if _attention(model) == "sdpa":
        return sees_B1ST
    return torch.zeros(sees_B1ST.shape).masked_fill_(~sees_B1ST, torch.finfo(model.dtype).min)


def _before_answer(model: Any, row: Row) -> int:
    """How many tokens of the row stand before the `<sop>` of its context."""
    return _context(row).index(model.config.bos_token_id)


def _context(row: Row) -> list[int]:
    """The context of a row that has only one."""
    return row.tokens[: row.asked[0].columns[0] + 1]


def _positions(model: Any, rows: Sequence[Row], longest: int) -> torch.Tensor:
    """(B, S), or what ChatGLM-6B has for it, (B, 2, S); padding stands at 0."""
    made = [torch.tensor(row.places) if is_causal(model) else _chatglm_positions(model, row) for row in rows]
    padded = [F.pad(one, (0, longest - one.shape[-1])) for one in made]
    return torch.stack(padded).to(model.device)


def _chatglm_positions(model: Any, row: Row) -> torch.Tensor:
    """(2, S): each branch goes on where the context ends; (S,) in a model with one position."""
    context = _context(row)
    # what follows the context does not matter: its last token stands for it
    whole = context + context[-1:] * (max(row.places) + 1 - len(context))
    return position_ids(model.config, torch.tensor([whole]), None)[0][..., row.places]


def _foreseen(
    logits_KV: torch.Tensor, which_T: torch.Tensor, targets_T: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(T,) nats and whether it is the likeliest, of each target after the column `which_T`, on the CPU."""
    totals, best = [], []
    for part in logits_KV.split(_WIDENED):
        wide = part if part.dtype == torch.float64 else part.float()
        totals.append(wide.logsumexp(-1))
        best.append(wide.argmax(-1))
    which, targets = which_T.to(logits_KV.device), targets_T.to(logits_KV.device)
    total_T = torch.cat(totals)[which]
    nats_T = total_T - logits_KV[which, targets].to(total_T.dtype)
    return nats_T.double().cpu(), (torch.cat(best)[which] == targets).cpu()


def _by_request(asked: Sequence[Asked], nats_T: torch.Tensor, best_T: torch.Tensor) -> dict[int, Score]:
    lengths = [len(one.targets) for one in asked]
    parts = zip(asked, nats_T.split(lengths), best_T.split(lengths), strict=True)
    return {one.index: Score(float(nats.sum()), bool(best.all())) for one, nats, best in parts}


def _refuse_empty(requests: Sequence[Request]) -> None:
    for i, request in enumerate(requests):
        if not request.context or not request.continuation:
            en, zh = ("context", "上文") if not request.context else ("continuation", "续文")
            raise DataError(
                en=f"request {i}: the {en} has no tokens. Give every item a question and options with text.",
                zh=f"第 {i} 个请求：{zh}没有任何 token。请为每个条目提供题目和有内容的选项。",
            )


def _refuse_no_numbers(scores: Sequence[Score]) -> None:
    wrong = [i for i, one in enumerate(scores) if not np.isfinite(one.nats)]
    if wrong:
        raise ModelError(
            en=f"{len(wrong)} of {len(scores)} scores are NaN or infinite, the first of request {wrong[0]}. Load the "
            "model in float32; if they still are, its weights are damaged: fetch them, or tune, again.",
            zh=f"{len(scores)} 个分数中有 {len(wrong)} 个为 NaN 或无穷大，首个在第 {wrong[0]} 个请求。"
            "请用 float32 加载；若仍如此，则权重已损坏：请重新下载或重新微调。",
        )
