"""A second, slow ChatGLM2: one row at a time, loops and float64, written from the description and not from the code.

It reads the official names, knows nothing of GLM, and has no cache, no padding and no SDPA.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch


class Oracle:
    """Logits, hidden states and searches of one row; `weights` and `config` are the official ones."""

    def __init__(self, weights: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> None:
        self.w = {name: value.detach().double() for name, value in weights.items()}
        self.c = config

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Divided by the root of its mean square, times the weight."""
        rows = [row / math.sqrt(float((row * row).mean()) + self.c["layernorm_epsilon"]) for row in x]
        return torch.stack(rows) * self.w[name]

    def _turn(self, vector: torch.Tensor, position: int) -> torch.Tensor:
        """The first half of a head, pair by neighbouring pair, each by its own angle; the second half stays."""
        turned = vector.clone()
        width = len(vector) // 2
        base = 10000 * self.c.get("rope_ratio", 1)
        for pair in range(width // 2):
            angle = position / base ** (2 * pair / width)
            a, b = float(vector[2 * pair]), float(vector[2 * pair + 1])
            turned[2 * pair] = a * math.cos(angle) - b * math.sin(angle)
            turned[2 * pair + 1] = b * math.cos(angle) + a * math.sin(angle)
        return turned

    def _attention(self, x: torch.Tensor, layer: str) -> torch.Tensor:
        heads, groups, size = self.c["num_attention_heads"], self.c["multi_query_group_num"], self.c["kv_channels"]
        mixed = x @ self.w[f"{layer}.query_key_value.weight"].T
        if self.c["add_qkv_bias"]:
            mixed = mixed + self.w[f"{layer}.query_key_value.bias"]
        keys_at, values_at = heads * size, (heads + groups) * size
        told = []
        for head in range(heads):
            group = head // (heads // groups)
            q = torch.stack([self._turn(row[head * size : (head + 1) * size], i) for i, row in enumerate(mixed)])
            start = keys_at + group * size
            k = torch.stack([self._turn(row[start : start + size], i) for i, row in enumerate(mixed)])
            v = mixed[:, values_at + group * size : values_at + (group + 1) * size]
            keys, values = self._prefix(int(layer.split(".")[3]), group)
            k, v = torch.cat((keys, k)), torch.cat((values, v))
            scores = q @ k.T / math.sqrt(size)
            for i in range(len(x)):
                scores[i, len(keys) + i + 1 :] = -math.inf
            told.append(scores.softmax(-1) @ v)
        return torch.cat(told, -1) @ self.w[f"{layer}.dense.weight"].T

    def _prefix(self, layer: int, group: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The learned keys, never turned, and values of one group; none where the weights have no prefix."""
        name, size = "transformer.prefix_encoder", self.c["kv_channels"]
        if f"{name}.embedding.weight" not in self.w:
            return torch.empty(0, size).double(), torch.empty(0, size).double()
        flat = self.w[f"{name}.embedding.weight"]
        if f"{name}.trans.0.weight" in self.w:
            hidden = (flat @ self.w[f"{name}.trans.0.weight"].T + self.w[f"{name}.trans.0.bias"]).tanh()
            flat = hidden @ self.w[f"{name}.trans.2.weight"].T + self.w[f"{name}.trans.2.bias"]
        slot = self.c["multi_query_group_num"] * size
        starts = [2 * layer * slot + group * size, (2 * layer + 1) * slot + group * size]
        return flat[:, starts[0] : starts[0] + size], flat[:, starts[1] : starts[1] + size]

    def _mlp(self, x: torch.Tensor, layer: str) -> torch.Tensor:
        both = x @ self.w[f"{layer}.dense_h_to_4h.weight"].T
        gate, up = both[:, : self.c["ffn_hidden_size"]], both[:, self.c["ffn_hidden_size"] :]
        return (gate / (1 + torch.exp(-gate)) * up) @ self.w[f"{layer}.dense_4h_to_h.weight"].T

    def hidden_states(self, ids: list[int]) -> list[torch.Tensor]:
        """[S,H] float64: the embedding, then every layer's output, the last after the final norm."""
        x = self.w["transformer.embedding.word_embeddings.weight"][ids]
        states = [x]
        for i in range(self.c["num_layers"]):
            layer = f"transformer.encoder.layers.{i}"
            x = x + self._attention(self._norm(x, f"{layer}.input_layernorm.weight"), f"{layer}.self_attention")
            x = x + self._mlp(self._norm(x, f"{layer}.post_attention_layernorm.weight"), f"{layer}.mlp")
            states.append(x)
        states[-1] = self._norm(x, "transformer.encoder.final_layernorm.weight")
        return states

    def logits(self, ids: list[int]) -> torch.Tensor:
        """[S,V], float64."""
        return self.hidden_states(ids)[-1] @ self.w["transformer.output_layer.weight"].T

    def loss(self, ids: list[int], labels: list[int]) -> float:
        """Mean nats of the supervised tokens."""
        logp = self.logits(ids).log_softmax(-1)
        told = [-float(logp[i, label]) for i, label in enumerate(labels[1:]) if label != -100]
        return sum(told) / len(told)

    def greedy(self, ids: list[int], steps: int) -> list[int]:
        """The answer alone."""
        answer: list[int] = []
        for _ in range(steps):
            answer.append(int(self.logits(ids + answer)[-1].argmax()))
        return answer
