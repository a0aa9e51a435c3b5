"""Where each token of a ChatGLM prompt stands and what it may see: text, [gMASK], `<sop>`, answer.

The text before `<sop>` sees all of itself; from `<sop>` on each token sees the text and what came before it.
Shapes: B rows, S columns given now, T columns in all (with those in the cache), D half of a rotated part.
Source: GLM, arXiv 2103.10360, section 2.2; the numbers follow the published ChatGLM-6B.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

from doctorglm.errors import ModelError
from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.documents import Documents
from doctorglm.models.kernels import sent

BLOCKED = -1e4
"""Added to the score of a blocked column: zero after softmax, and finite where every column is blocked."""


def layout(
    config: ChatGLMConfig,
    input_ids: torch.Tensor | None,
    hidden_BSH: torch.Tensor,
    attention_mask: torch.Tensor | None,
    positions: torch.Tensor | None,
    cache: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Position ids of the new columns, and the mask [B,1,S,T] that is added to their scores (None: all open).

    The first call with a cache leaves in it where the answer goes on.
    """
    size, dtype = hidden_BSH.shape[1], hidden_BSH.dtype
    past = int(cache.get_seq_length()) if cache is not None else 0
    columns = cache.get_mask_sizes(size, 0)[0] if cache is not None else size
    _refuse_shapes(config, input_ids, attention_mask, positions, past, size)
    real_BT = attention_mask.bool() if attention_mask is not None and attention_mask.dim() == 2 else None
    mask: torch.Tensor | None
    if past == 0:
        assert input_ids is not None
        positions = position_ids(config, input_ids, real_BT) if positions is None else positions
        if cache is not None:
            cache.chatglm_answer = Answer.after(config, input_ids, real_BT, positions)
        mask = prefill_mask(config, input_ids, real_BT, columns, dtype)
    else:
        positions = cache.chatglm_answer.at(past, size) if positions is None else positions
        mask = cached_mask(real_BT, size, past, columns, hidden_BSH.device, dtype)
    if attention_mask is not None and attention_mask.dim() == 4:
        mask = F.pad(published_mask(attention_mask, dtype), (0, columns - past - size), value=BLOCKED)
    return positions, mask


def _refuse_shapes(
    config: ChatGLMConfig,
    input_ids: torch.Tensor | None,
    attention_mask: torch.Tensor | None,
    positions: torch.Tensor | None,
    past: int,
    size: int,
) -> None:
    if attention_mask is not None and attention_mask.shape[-1] != past + size:
        columns = attention_mask.shape[-1]
        raise ValueError(f"attention_mask has {columns} columns; {past} cached and {size} new are needed")
    if positions is not None and (positions.dim() == 3) != config.position_encoding_2d:
        shape = tuple(positions.shape)
        raise ValueError(
            f"position_ids {shape} with position_encoding_2d={config.position_encoding_2d}; leave them out"
        )
    if past == 0 and input_ids is None:
        raise ValueError("input_ids are needed with inputs_embeds too: they say where <sop> and [gMASK] stand")


def position_ids(config: ChatGLMConfig, ids_BS: torch.Tensor, real_BS: torch.Tensor | None) -> torch.Tensor:
    """[B,2,S] positions and places in the answer, or [B,S] when the model has one position; 0 at padding.

    `real_BS` is true at tokens and false at padding, on either side. Raises ModelError for a row of tokens without
    `<sop>` or without a mask token.
    """
    real_BS = torch.ones_like(ids_BS, dtype=torch.bool) if real_BS is None else real_BS
    index_BS = real_BS.cumsum(1) - 1
    sop_BS = ids_BS.eq(config.bos_token_id) & real_BS
    gmask_BS = ids_BS.eq(config.gmask_token_id) & real_BS
    mask_BS = ids_BS.eq(config.mask_token_id) & real_BS
    has_gmask_B1 = gmask_BS.any(1, keepdim=True)
    mask_BS = torch.where(has_gmask_B1, gmask_BS, mask_BS)
    _refuse_incomplete(config, ids_BS, sop_BS, mask_BS, real_BS)

    sop_B1 = sop_BS.long().argmax(1, keepdim=True)
    mask_pos_B1 = index_BS.gather(1, mask_BS.long().argmax(1, keepdim=True))
    answer_BS = torch.arange(ids_BS.shape[1], device=ids_BS.device) >= sop_B1
    if not config.position_encoding_2d:
        stays_BS = answer_BS & ~has_gmask_B1
        return torch.where(stays_BS, mask_pos_B1, index_BS) * real_BS
    position_BS = torch.where(answer_BS, mask_pos_B1, index_BS)
    block_BS = (index_BS - index_BS.gather(1, sop_B1) + 1) * answer_BS
    return torch.stack((position_BS, block_BS), 1) * real_BS[:, None]


def packed_layout(
    config: ChatGLMConfig, ids_1T: torch.Tensor | None, documents: Documents
) -> tuple[torch.Tensor, list[int]]:
    """Position ids [1,2,T] (or [1,T]) of a row of documents, and how many tokens stand before `<sop>` in each.

    Every document is numbered as if it were alone. Raises ModelError for one without `<sop>` or without a mask token.
    All of it is computed on the CPU, from the documents' own copy of the ids where they have one.
    """
    assert ids_1T is not None and ids_1T.shape[0] == 1, "packed documents stand in one row of ids"
    ids_T = (ids_1T[0] if documents.ids is None else documents.ids).cpu()
    lengths_n = torch.tensor([end - start for start, end in documents.bounds])
    ids_nS = pad_sequence(list(ids_T.split(lengths_n.tolist())), batch_first=True)
    real_nS = torch.arange(ids_nS.shape[1]) < lengths_n[:, None]
    positions = position_ids(config, ids_nS, real_nS)
    positions_1T = positions.transpose(0, 1)[:, real_nS][None] if positions.dim() == 3 else positions[real_nS][None]
    prompts = (ids_nS.eq(config.bos_token_id) & real_nS).long().argmax(1).tolist()
    return sent(positions_1T, ids_1T.device), prompts


@dataclass(frozen=True)
class Answer:
    """Where the tokens after a prompt stand, kept with the cache that the prompt filled."""

    prompt_columns: int
    last: torch.Tensor
    """Position of each row's last token, [B,2,1] or [B,1]."""
    step: torch.Tensor
    """What every new token adds to it, [2,1] or [B,1]: only the place in the answer moves."""

    @classmethod
    def after(
        cls, config: ChatGLMConfig, ids_BS: torch.Tensor, real_BS: torch.Tensor | None, positions: torch.Tensor
    ) -> "Answer":
        """The answer to a prompt that has `positions`."""
        last = positions[..., -1:]
        if real_BS is not None:
            last_B1 = (torch.arange(ids_BS.shape[1], device=ids_BS.device) * real_BS).amax(1, keepdim=True)
            last = positions.gather(-1, last_B1[:, None].expand(-1, 2, -1) if positions.dim() == 3 else last_B1)
        if config.position_encoding_2d:
            step = torch.tensor([[0], [1]], device=ids_BS.device)
        else:
            step = ids_BS.eq(config.gmask_token_id).any(1, keepdim=True).long()
        return cls(ids_BS.shape[1], last, step)

    def at(self, column: int, count: int) -> torch.Tensor:
        """Position ids of `count` tokens from `column` of the cache on."""
        first = column - self.prompt_columns + 1
        return self.last + self.step * torch.arange(first, first + count, device=self.last.device)


def _refuse_incomplete(
    config: ChatGLMConfig, ids_BS: torch.Tensor, sop_BS: torch.Tensor, mask_BS: torch.Tensor, real_BS: torch.Tensor
) -> None:
    if torch.compiler.is_compiling():
        return
    complete_B = (sop_BS.any(1) & mask_BS.any(1)) | ~real_BS.any(1)
    if bool(complete_B.all()):
        return
    row = int((~complete_B).long().argmax())
    raise ModelError(
        en=f"row {row} of the batch {list(ids_BS[row, :8].tolist())}... has no <sop> ({config.bos_token_id}) or no "
        f"[gMASK] ({config.gmask_token_id}) or [MASK] ({config.mask_token_id}). "
        "Build inputs with the tokenizer and add_special_tokens=True.",
        zh=f"批次第 {row} 行 {list(ids_BS[row, :8].tolist())}… 缺少 <sop>（{config.bos_token_id}）或 "
        f"[gMASK]（{config.gmask_token_id}）、[MASK]（{config.mask_token_id}）。"
        "请用分词器并设 add_special_tokens=True 构造输入。",
    )


def prefill_mask(
    config: ChatGLMConfig, ids_BS: torch.Tensor, real_BS: torch.Tensor | None, columns: int, dtype: torch.dtype
) -> torch.Tensor:
    """[B,1,S,columns], 0 where the row may see the column and -1e4 where not; the columns past S are empty."""
    size = ids_BS.shape[1]
    sop_BS = ids_BS.eq(config.bos_token_id)
    if real_BS is not None:
        sop_BS = sop_BS & real_BS
    column_S = torch.arange(size, device=ids_BS.device)
    open_BSS = (column_S <= column_S[:, None]) | (column_S < sop_BS.long().argmax(1)[:, None, None])
    if real_BS is not None:
        open_BSS = open_BSS & real_BS[:, None]
    return _additive(F.pad(open_BSS, (0, columns - size)) if columns > size else open_BSS, dtype)


def cached_mask(
    real_BT: torch.Tensor | None, new: int, past: int, columns: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor | None:
    """[B or 1,1,new,columns] for `new` tokens after `past` cached ones; None when nothing is blocked.

    A static cache has more `columns` than tokens; those to come are blocked.
    """
    if real_BT is None and new == 1 and columns == past + 1:
        return None
    column_T = torch.arange(columns, device=device)
    open_BST = (column_T <= column_T[past : past + new, None])[None]
    if real_BT is not None:
        open_BST = open_BST & F.pad(real_BT, (0, columns - real_BT.shape[1]))[:, None]
    return _additive(open_BST, dtype)


def published_mask(mask_B1ST: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The additive form of the published mask, True where attention is blocked; numbers are added as they are."""
    return _additive(~mask_B1ST[:, 0], dtype) if mask_B1ST.dtype == torch.bool else mask_B1ST.to(dtype)


def _additive(open_BST: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    mask = torch.zeros(open_BST.shape, dtype=dtype, device=open_BST.device)
    return mask.masked_fill_(~open_BST, BLOCKED)[:, None]


def rotation(config: ChatGLMConfig, positions: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine of each token's angles, [B,S,1,1,parts,D], for `rotate`.

    The inverse frequencies are rounded to 16 bits, and in a 16-bit (fp16) model the angles are too, as published.
    """
    parts_BPS = positions if positions.dim() == 3 else positions[:, None]
    part_dim = config.hidden_size // config.num_attention_heads // parts_BPS.shape[1]
    exponent_D = torch.arange(0, part_dim, 2, device=positions.device, dtype=torch.float32) / part_dim
    inverse_D = (1.0 / 10_000**exponent_D).half()
    precision = torch.float16 if dtype == torch.float16 else torch.float32
    angle_BSPD = parts_BPS.transpose(1, 2)[..., None].to(precision) * inverse_D.to(precision)
    angle_BS11PD = angle_BSPD.float()[:, :, None, None]
    return angle_BS11PD.cos().to(dtype), angle_BS11PD.sin().to(dtype)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turns [B,S,heads,n,head_dim]: in each part of a head, the first half against the second."""
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    first, second = x.unflatten(-1, (cos.shape[-2], 2, cos.shape[-1])).unbind(-2)
    turned = torch.stack(
        (torch.addcmul(first * cos, second, sin, value=-1), torch.addcmul(second * cos, first, sin)), -2
    )
    return turned.flatten(-3)
