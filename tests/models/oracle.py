"""A second, slow ChatGLM-6B: one row at a time, loops and float64, written from the description and not from the code.

No cache, no padding, no SDPA: whatever batches, pads or caches must agree with it.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch


class Oracle:
    """Logits, losses and searches of one row; `weights` have the published names."""

    def __init__(self, weights: Mapping[str, torch.Tensor], config: Any) -> None:
        self.w = {name: value.detach().double() for name, value in weights.items()}
        self.config = config
        self._known: dict[tuple[int, ...], torch.Tensor] = {}
        self.head_dim = config.hidden_size // config.num_attention_heads

    def positions(self, ids: list[int]) -> list[tuple[int, int]]:
        """(position, place in the answer) of every token."""
        c = ids.index(self.config.bos_token_id)
        wanted = self.config.gmask_token_id if self.config.gmask_token_id in ids else self.config.mask_token_id
        mask_position = ids.index(wanted)
        if self.config.position_encoding_2d:
            return [(j, 0) if j < c else (mask_position, j - c + 1) for j in range(len(ids))]
        stays = wanted == self.config.mask_token_id
        return [(mask_position if j >= c and stays else j, 0) for j in range(len(ids))]

    def _turn(self, x: torch.Tensor, angle_of: int) -> torch.Tensor:
        """Rotate-half of one vector by one position."""
        half = len(x) // 2
        exponents = [2 * k / len(x) for k in range(half)]
        frequency = torch.tensor([1 / 10000**e for e in exponents], dtype=torch.float32).half().double()
        cos, sin = (angle_of * frequency).cos(), (angle_of * frequency).sin()
        first, second = x[:half], x[half:]
        return torch.cat((first * cos - second * sin, second * cos + first * sin))

    def _rotated(self, x: torch.Tensor, position: tuple[int, int]) -> torch.Tensor:
        if not self.config.position_encoding_2d:
            return self._turn(x, position[0])
        half = len(x) // 2
        return torch.cat((self._turn(x[:half], position[0]), self._turn(x[half:], position[1])))

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred**2).mean(-1, keepdim=True).add(self.config.layernorm_epsilon).sqrt()
        return centred / scale * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def _attention(self, x: torch.Tensor, ids: list[int], layer: int) -> torch.Tensor:
        c, positions, hd = ids.index(self.config.bos_token_id), self.positions(ids), self.head_dim
        qkv = self._linear(x, f"transformer.layers.{layer}.attention.query_key_value")
        heads = []
        for head in range(self.config.num_attention_heads):
            part = qkv[:, head * 3 * hd : (head + 1) * 3 * hd]
            q = torch.stack([self._rotated(row[:hd], p) for row, p in zip(part, positions, strict=True)])
            k = torch.stack([self._rotated(row[hd : 2 * hd], p) for row, p in zip(part, positions, strict=True)])
            keys, values = self._prefix(layer, head)
            k, v = torch.cat((keys, k)), torch.cat((values, part[:, 2 * hd :]))
            scores = q / (math.sqrt(hd) * (layer + 1)) @ k.T
            for i in range(len(ids)):
                scores[i, len(keys) + max(i + 1, c) :] = -10000.0
            heads.append((scores * (layer + 1)).softmax(-1) @ v)
        return self._linear(torch.cat(heads, -1), f"transformer.layers.{layer}.attention.dense")

    def _prefix(self, layer: int, head: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The learned keys and values of one head, place by place; none where the weights have no prefix."""
        name = "transformer.prefix_encoder"
        if f"{name}.embedding.weight" not in self.w:
            return torch.empty(0, self.head_dim).double(), torch.empty(0, self.head_dim).double()
        flat = self.w[f"{name}.embedding.weight"]
        if f"{name}.trans.0.weight" in self.w:
            flat = self._linear(torch.tanh(self._linear(flat, f"{name}.trans.0")), f"{name}.trans.2")
        width, start = self.config.num_attention_heads * self.head_dim, head * self.head_dim
        slots = [
            slice((2 * layer + i) * width + start, (2 * layer + i) * width + start + self.head_dim) for i in (0, 1)
        ]
        return flat[:, slots[0]], flat[:, slots[1]]

    def logits(self, ids: list[int]) -> torch.Tensor:
        """[S,V], float64."""
        if tuple(ids) not in self._known:
            self._known[tuple(ids)] = self._compute(ids)
        return self._known[tuple(ids)]

    def _compute(self, ids: list[int]) -> torch.Tensor:
        alpha = math.sqrt(2 * 28)
        x = self.w["transformer.word_embeddings.weight"][ids]
        for layer in range(self.config.num_layers):
            name = f"transformer.layers.{layer}"
            a = self._norm(x, f"{name}.input_layernorm")
            x = a * alpha + self._attention(a, ids, layer)
            m = self._norm(x, f"{name}.post_attention_layernorm")
            h = self._linear(m, f"{name}.mlp.dense_h_to_4h")
            h = 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
            x = m * alpha + self._linear(h, f"{name}.mlp.dense_4h_to_h")
        return self._norm(x, "transformer.final_layernorm") @ self.w["lm_head.weight"].T

    def loss(self, ids: list[int], labels: list[int]) -> tuple[float, int]:
        """Summed nats of the supervised tokens, and how many there are."""
        logp = self.logits(ids).log_softmax(-1)
        supervised = [(i, label) for i, label in enumerate(labels[1:]) if label != -100]
        return -sum(logp[i, label].item() for i, label in supervised), len(supervised)

    def greedy(self, ids: list[int], steps: int, eos: int | None = None) -> list[int]:
        """The answer alone, through the end token if it comes."""
        answer: list[int] = []
        while len(answer) < steps and (not answer or answer[-1] != eos):
            answer.append(int(self.logits(ids + answer)[-1].argmax()))
        return answer

    def most_likely(self, ids: list[int], steps: int) -> list[int]:
        """The likeliest answer of exactly `steps` tokens, found by trying all of them."""
        best = {(): 0.0}
        for _ in range(steps):
            best = {
                (*answer, token): total + value
                for answer, total in best.items()
                for token, value in enumerate(self.logits(ids + list(answer))[-1].log_softmax(-1).tolist())
            }
        return list(max(best, key=lambda answer: best[answer]))
