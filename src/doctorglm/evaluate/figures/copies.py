"""What an answer gives back word for word: the question, or a reference that it should not know.

Texts are compared as `overlap.tokens`: Chinese characters, words of Latin letters and numbers, without marks and
spaces; widths, case and Traditional characters are folded.
"""

from collections.abc import Sequence

from doctorglm.evaluate.figures.overlap import tokens

RUN = 8
"""Tokens in a row that are given back rather than used again: 4.7 % of CMD's answers hold such a run of it."""

ECHO = 0.5
"""The share of an answer from which it is an echo: one doctor's answer in a thousand of CMD's is."""


def echo(question: str, answer: str) -> float:
    """The share of the answer that is the question given back, 0 to 1: 1.0 for a copy.

    Counted are the answer's tokens in runs of RUN and more that stand in the question, or in copies of a shorter one.
    """
    asked, said = tokens(question), tokens(answer)
    return sum(_shared(said, asked, min(RUN, len(asked)))) / len(said) if said else 0.0


def echoes(question: str, answer: str) -> bool:
    """True when ECHO of the answer or more is the question."""
    return echo(question, answer) >= ECHO


def verbatim(answer: str, reference: str, question: str) -> int:
    """Characters of the longest run that the answer shares with the reference and not with the question.

    Runs of RUN tokens and more that stand in the question are cut out: what both took from there proves no leak.
    """
    said = tokens(answer)
    is_asked = _shared(said, tokens(question), RUN)
    # no reference has a token "", so no run goes over a cut
    return longest_run(["" if cut else token for token, cut in zip(said, is_asked, strict=True)], tokens(reference))


def longest_run(first: Sequence[str], second: Sequence[str]) -> int:
    """Characters of the longest run of tokens that stands in both, in linear time.

    `second` becomes a suffix automaton, through which `first` is read. Source: Blumer et al. 1985,
    doi 10.1016/0304-3975(85)90157-4.
    """
    reach, back, ways = _automaton(second)
    state = run = longest = 0
    ends = [0]
    for token in first:
        ends.append(ends[-1] + len(token))
        while state and token not in ways[state]:
            state = back[state]
            run = reach[state]
        if token in ways[state]:
            state = ways[state][token]
            run += 1
        else:
            run = 0
        longest = max(longest, ends[-1] - ends[-1 - run])
    return longest


def _automaton(tokens: Sequence[str]) -> tuple[list[int], list[int], list[dict[str, int]]]:
    """The suffix automaton: by state the length of its longest run, its suffix link, and its transitions."""
    reach, back, ways = [0], [-1], [dict[str, int]()]
    last = 0
    for token in tokens:
        new, at = len(reach), last
        reach.append(reach[last] + 1)
        back.append(0)
        ways.append({})
        while at >= 0 and token not in ways[at]:
            ways[at][token] = new
            at = back[at]
        if at >= 0:
            target = ways[at][token]
            if reach[target] == reach[at] + 1:
                back[new] = target
            else:
                back[new] = _split(at, token, target, reach, back, ways)
        last = new
    return reach, back, ways


def _split(at: int, token: str, target: int, reach: list[int], back: list[int], ways: list[dict[str, int]]) -> int:
    """A copy of the state `target` for the runs that end no later than `at`'s and `token`."""
    copy = len(reach)
    reach.append(reach[at] + 1)
    back.append(back[target])
    ways.append(dict(ways[target]))
    while at >= 0 and ways[at].get(token) == target:
        ways[at][token] = copy
        at = back[at]
    back[target] = copy
    return copy


def _shared(said: Sequence[str], asked: Sequence[str], n: int) -> list[bool]:
    """Which tokens of `said` lie in a run of n tokens that stands in `asked`."""
    found = [False] * len(said)
    if not n:
        return found
    runs = {tuple(asked[start : start + n]) for start in range(len(asked) - n + 1)}
    marked = 0
    for start in range(len(said) - n + 1):
        if tuple(said[start : start + n]) in runs:
            first, marked = max(start, marked), start + n
            found[first:marked] = [True] * (marked - first)
    return found
