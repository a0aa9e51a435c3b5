"""The reader as torch trains it: characters and hashed pairs, convolutions, and what the whole text says.

What the package computes with numpy (`doctorglm.safety.reader`) is the same network; a test compares the two.
"""

import torch
from torch import Tensor, nn

from doctorglm.safety.reader import COARSE, FINE, PAIRS, STRIDE


class Trunk(nn.Module):
    """Codes of characters and pairs -> hidden values of characters, and of stretches of STRIDE characters."""

    def __init__(self, characters: int, *, of_character: int = 48, of_pair: int = 32, fine: int = 48, coarse: int = 64):
        super().__init__()
        self.characters = nn.Embedding(characters, of_character)
        self.pairs = nn.Embedding(PAIRS, of_pair)
        nn.init.normal_(self.characters.weight, std=0.3)
        nn.init.normal_(self.pairs.weight, std=0.2)
        self.enter = nn.Linear(of_character + of_pair, fine)
        self.fine = nn.ModuleList(nn.Linear(3 * fine, fine) for _ in FINE)
        self.join = nn.Linear(STRIDE * fine, coarse)
        self.coarse = nn.ModuleList(nn.Linear(3 * coarse, coarse) for _ in COARSE)
        self.whole = nn.Linear(2 * coarse, coarse)
        self.drop = nn.Dropout(0.15)

    def forward(self, characters_BL: Tensor, pairs_BL: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, L) codes, 0 where nothing stands, L a multiple of STRIDE -> (B, L, fine), (B, L/STRIDE, coarse), mask."""
        stands_BL1 = (characters_BL > 0).unsqueeze(-1).to(self.enter.weight.dtype)
        entered = torch.cat([self.characters(characters_BL), self.pairs(pairs_BL)], -1)
        fine_BLD = torch.relu(self.enter(self.drop(entered))) * stands_BL1
        fine_BLD = convolved(fine_BLD, self.fine, FINE, stands_BL1)
        size, length, width = fine_BLD.shape
        joined = self.drop(fine_BLD).reshape(size, length // STRIDE, STRIDE * width)
        stands_BM1 = stands_BL1.reshape(size, length // STRIDE, STRIDE).amax(-1, keepdim=True)
        coarse_BMD = torch.relu(self.join(joined)) * stands_BM1
        half = len(COARSE) // 2
        coarse_BMD = convolved(coarse_BMD, self.coarse[:half], COARSE[:half], stands_BM1)
        whole_BD = torch.relu(self.whole(self.drop(pooled(coarse_BMD, stands_BM1))))
        coarse_BMD = (coarse_BMD + whole_BD.unsqueeze(1)) * stands_BM1
        coarse_BMD = convolved(coarse_BMD, self.coarse[half:], COARSE[half:], stands_BM1)
        return fine_BLD, coarse_BMD, stands_BM1


class Reader(nn.Module):
    """A trunk and, of each text, one logit for each label."""

    def __init__(self, trunk: Trunk, labels: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.leave = nn.Linear(2 * trunk.join.out_features, labels)
        self.drop = nn.Dropout(0.3)

    def forward(self, characters_BL: Tensor, pairs_BL: Tensor) -> Tensor:
        """(B, L) codes -> (B, labels) logits."""
        _, coarse_BMD, stands_BM1 = self.trunk(characters_BL, pairs_BL)
        logits: Tensor = self.leave(self.drop(pooled(coarse_BMD, stands_BM1)))
        return logits


class Guesser(nn.Module):
    """A trunk that guesses characters which were hidden from it, from both of its halves."""

    def __init__(self, trunk: Trunk, characters: int) -> None:
        super().__init__()
        self.trunk = trunk
        fine, coarse = trunk.enter.out_features, trunk.join.out_features
        self.mix = nn.Linear(fine + coarse, 64)
        self.leave = nn.Linear(64, characters)

    def forward(self, characters_BL: Tensor, pairs_BL: Tensor, hidden_BL: Tensor) -> Tensor:
        """-> (hidden characters, characters) logits."""
        fine_BLD, coarse_BMD, _ = self.trunk(characters_BL, pairs_BL)
        spread = coarse_BMD.repeat_interleave(STRIDE, 1)
        both = torch.cat([fine_BLD, spread], -1)[hidden_BL]
        logits: Tensor = self.leave(torch.relu(self.mix(both)))
        return logits


def convolved(hidden_BLD: Tensor, layers: nn.ModuleList, dilations: tuple[int, ...], stands_BL1: Tensor) -> Tensor:
    """Each layer sees a place and those `dilation` before and after it, and is added to it."""
    for dilation, layer in zip(dilations, layers, strict=True):
        beside = nn.functional.pad(hidden_BLD, (0, 0, dilation, dilation))
        length = hidden_BLD.shape[1]
        seen = torch.cat([beside[:, i * dilation : i * dilation + length] for i in range(3)], -1)
        hidden_BLD = (hidden_BLD + torch.relu(layer(seen))) * stands_BL1
    return hidden_BLD


def pooled(hidden_BMD: Tensor, stands_BM1: Tensor) -> Tensor:
    """(B, 2 D): the largest and the mean of each value; values are never negative."""
    mean = hidden_BMD.sum(1) / stands_BM1.sum(1).clamp(min=1)
    return torch.cat([hidden_BMD.amax(1), mean], -1)
