"""The tagger as torch trains it: characters, hashed pairs and flags, then dilated convolutions added to their input.

What the package computes with numpy (`doctorglm.clinical.deid.tagger`) is the same network; a test compares the two.
"""

import torch
from torch import Tensor, nn

from doctorglm.clinical.deid.tagger import DILATIONS, FLAGS, LABELS, PAIRS


class Tagger(nn.Module):
    """Codes of characters and of pairs -> scores of none, and of the first and the further characters of each type."""

    def __init__(self, characters: int, *, of_character: int = 64, of_pair: int = 32, width: int = 128) -> None:
        super().__init__()
        self.characters = nn.Embedding(characters, of_character)
        self.pairs = nn.Embedding(PAIRS, of_pair)
        nn.init.normal_(self.characters.weight, std=0.5)
        nn.init.normal_(self.pairs.weight, std=0.3)
        self.enter = nn.Linear(of_character + of_pair + FLAGS, width)
        self.layers = nn.ModuleList(nn.Linear(3 * width, width) for _ in DILATIONS)
        self.leave = nn.Linear(width, LABELS)
        self.drop = nn.Dropout(0.1)

    def forward(self, characters_BL: Tensor, pairs_BL: Tensor, flags_BLF: Tensor) -> Tensor:
        """(B, L) codes, 0 where nothing stands -> (B, L, labels)."""
        stands_BL1 = (characters_BL > 0).unsqueeze(-1).to(self.enter.weight.dtype)
        entered = torch.cat([self.characters(characters_BL), self.pairs(pairs_BL)], -1)
        entered = torch.cat([self.drop(entered), flags_BLF], -1)
        hidden_BLD = torch.relu(self.enter(entered)) * stands_BL1
        for dilation, layer in zip(DILATIONS, self.layers, strict=True):
            beside = nn.functional.pad(hidden_BLD, (0, 0, dilation, dilation))
            length = hidden_BLD.shape[1]
            seen = torch.cat([beside[:, i * dilation : i * dilation + length] for i in range(3)], -1)
            hidden_BLD = (hidden_BLD + torch.relu(layer(seen))) * stands_BL1
        scores: Tensor = self.leave(self.drop(hidden_BLD))
        return scores
