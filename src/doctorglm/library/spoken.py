"""What patients say and entries write otherwise: `spoken.txt`. A question is searched for in both."""

from functools import cache
from importlib import resources

from ahocorasick_rs import AhoCorasick, MatchKind

from doctorglm.clinical.folding import folded


def written(text: str) -> list[str]:
    """What entries write for the words of a text, each once."""
    search, words, of = _words()
    found = search.find_matches_as_indexes(folded(text))
    return list(dict.fromkeys(one for index, _, _ in found for one in of[words[index]]))


@cache
def _words() -> tuple[AhoCorasick, list[str], dict[str, list[str]]]:
    text = resources.files(__package__).joinpath("spoken.txt").read_text(encoding="utf-8")
    of: dict[str, list[str]] = {}
    for line in text.splitlines():
        said, colon, meant = line.partition(":")
        if colon and not line.startswith("#"):
            for word in said.split():
                of.setdefault(word, []).extend(one for one in meant.split() if one != word)
    words = list(of)
    return AhoCorasick(words, matchkind=MatchKind.LeftmostLongest), words, of
