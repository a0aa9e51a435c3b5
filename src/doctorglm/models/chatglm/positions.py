"""Where each token of a ChatGLM prompt stands and what it may see: text, [gMASK], `<sop>`, answer.

The text before `<sop>` sees all of itself; from `<sop>` on each token sees the text and what came before it.
Shapes: B rows, S columns given now, T columns in all (with those in the cache), D half of a rotated part.
Source: GLM, arXiv 2103.10360, section 2.2; the numbers follow the published ChatGLM-6B.
"""

import torch

from doctorglm.errors import ModelError
from doctorglm.models.chatglm.config import ChatGLMConfig

BLOCKED = -1e4
"""Added to the score of a blocked column: zero after softmax, and finite where every column is blocked."""


def position_ids(config: ChatGLMConfig, ids_BS: torch.Tensor, real_BS: torch.Tensor | None) -> torch.Tensor:
    """[B,2,S] positions and places in the answer, or [B,S] when the model has one position; 0 at padding.

    `real_BS` is true at tokens and false at padding, on either side. Raises ModelError for a row of tokens without
    `<sop>` or without a mask token.
    """
    real_BS = torch.ones_like(ids_BS, dtype=torch.bool) if real_BS is None else real_BS
    index_BS = real_BS.cumsum(1) - 1
    sop_BS = (ids_BS == config.bos_token_id) & real_BS
    gmask_BS = (ids_BS == config.gmask_token_id) & real_BS
    mask_BS = (ids_BS == config.mask_token_id) & real_BS
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


def continuation(
    config: ChatGLMConfig, ids_BS: torch.Tensor, real_BS: torch.Tensor | None, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The position of each row's last token and how it moves with every new one: [B,2,1] and [2,1], or [B,1] and [B,1].

    Only the place in the answer moves; with one position per token it is the position, after [gMASK] alone.
    """
    if real_BS is None:
        last = positions[..., -1:]
    else:
        columns_S = torch.arange(ids_BS.shape[1], device=ids_BS.device)
        last_B1 = (columns_S * real_BS).amax(1, keepdim=True)
        last = positions.gather(-1, last_B1[:, None].expand(-1, 2, -1) if positions.dim() == 3 else last_B1)
    if config.position_encoding_2d:
        return last, torch.tensor([[0], [1]], device=ids_BS.device)
    return last, (ids_BS == config.gmask_token_id).any(1, keepdim=True).long()


def _refuse_incomplete(
    config: ChatGLMConfig, ids_BS: torch.Tensor, sop_BS: torch.Tensor, mask_BS: torch.Tensor, real_BS: torch.Tensor
) -> None:
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
    config: ChatGLMConfig, ids_BS: torch.Tensor, real_BS: torch.Tensor | None, dtype: torch.dtype
) -> torch.Tensor:
    """[B,1,S,S], 0 where the row may see the column and -1e4 where not."""
    size = ids_BS.shape[1]
    sop_BS = ids_BS == config.bos_token_id
    if real_BS is not None:
        sop_BS = sop_BS & real_BS
    column_S = torch.arange(size, device=ids_BS.device)
    open_BSS = (column_S <= column_S[:, None]) | (column_S < sop_BS.long().argmax(1)[:, None, None])
    if real_BS is not None:
        open_BSS = open_BSS & real_BS[:, None]
    return _additive(open_BSS, dtype)


def cached_mask(
    real_BT: torch.Tensor | None, new: int, past: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor | None:
    """[B or 1,1,new,T] for `new` tokens after `past` cached ones; None when nothing is blocked."""
    if real_BT is None and new == 1:
        return None
    column_T = torch.arange(past + new, device=device)
    open_1ST = (column_T <= column_T[past:, None])[None]
    return _additive(open_1ST if real_BT is None else open_1ST & real_BT[:, None], dtype)


def _additive(open_BST: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    mask = torch.zeros(open_BST.shape, dtype=dtype, device=open_BST.device)
    return mask.masked_fill_(~open_BST, BLOCKED)[:, None]


def rotation(
    config: ChatGLMConfig, positions: torch.Tensor, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
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
    first, second = x.unflatten(-1, (cos.shape[-2], 2, cos.shape[-1])).unbind(-2)
    turned = torch.stack(
        (torch.addcmul(first * cos, second, sin, value=-1), torch.addcmul(second * cos, first, sin)), -2
    )
    return turned.flatten(-3)
