"""An answer under guard: pieces in, what may be shown out; the same text however it was cut.

A segment is shown when it is whole and every guard has read it. Guards look back, never ahead, so what is shown stays.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from doctorglm.language import Text
from doctorglm.safety.guards.finding import Action, Finding
from doctorglm.safety.guards.scene import Known, Scene
from doctorglm.safety.guards.segments import Segments

_CONTEXT = 40
"""Characters before a segment that guards may look back on: the drug that was named in the sentence before."""

NOTHING_LEFT = Text(
    en="No part of this answer could be shown. Please ask a doctor or a pharmacist.",
    zh="这个回答没有可以显示的内容。请咨询医生或药师。",
)
"""Follows the notes of an answer of which nothing else is left."""

_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Released:
    """Text that may be shown, and what was done to it."""

    text: str
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class _Cut:
    """`segment[start:end]` becomes `note`; for a note alone start equals end."""

    start: int
    end: int
    finding: Finding


class Guarded:
    """One answer; `add` pieces, then `end`."""

    def __init__(
        self,
        guards: Mapping[str, Callable[[Scene], Iterator[Finding]]],
        known: Known,
        second: Callable[[Scene, Sequence[tuple[int, int]]], Iterator[Finding]] | None = None,
    ) -> None:
        self._guards, self._known, self._second = guards, known, second
        self._segments = Segments()
        self._before = ""
        self._noted: set[tuple[str, str]] = set()
        self._last_note = ""
        self._said = False
        self._acted = False

    def add(self, piece: str) -> Released:
        """What may be shown by now."""
        return self._released(self._segments.add(piece))

    def end(self) -> Released:
        """The rest of the answer; where nothing but notes is left, a sentence that says whom to ask."""
        rest = self._released(self._segments.end())
        if self._said or not self._acted:
            return rest
        self._said = True
        return Released(rest.text + _in_language_of(self._before, NOTHING_LEFT), rest.actions)

    def whole(self, pieces: Iterable[str]) -> Released:
        """All pieces at once."""
        parts = [*map(self.add, pieces), self.end()]
        return Released("".join(p.text for p in parts), tuple(a for p in parts for a in p.actions))

    def _released(self, segments: list[str]) -> Released:
        texts: list[str] = []
        actions: list[Action] = []
        for segment in segments:
            text, done = self._checked(segment)
            texts.append(text)
            actions += done
            self._acted |= bool(done)
            self._before = (self._before + segment)[-_CONTEXT:]
        return Released("".join(texts), tuple(actions))

    def _checked(self, segment: str) -> tuple[str, list[Action]]:
        scene = Scene(self._before, segment, self._known)
        found = [finding for guard in self._guards.values() for finding in guard(scene)]
        if self._second:
            found += self._second(scene, [_extent(scene, f) for f in found if f.rule.effect != "note"])
        if not found:
            self._said |= any(c.isalnum() for c in segment)
            self._last_note = ""
            return segment, []
        cuts = [cut for finding in found if (cut := self._cut(scene, finding))]
        return self._without(segment, cuts)

    def _cut(self, scene: Scene, finding: Finding) -> _Cut | None:
        """Where the finding's effect stands in the segment."""
        effect, offset = finding.rule.effect, len(scene.before)
        start, end = scene.folded.span(*_extent(scene, finding))
        start, end = max(0, start - offset), min(len(scene.segment), end - offset)
        if effect != "note":
            return _Cut(start, end, finding)
        key = (finding.rule.guard, finding.rule.id)
        if key in self._noted:
            return None
        self._noted.add(key)
        return _Cut(end, end, finding)

    def _without(self, segment: str, cuts: list[_Cut]) -> tuple[str, list[Action]]:
        texts: list[str] = []
        actions: list[Action] = []
        personal = sorted((c for c in cuts if c.finding.rule.guard == "personal_data"), key=_start)
        at = 0
        for group in _grouped(cuts):
            start, end = group[0].start, max(cut.end for cut in group)
            struck = segment[start:end]
            self._take(texts, segment[at:start])
            rule = max(group, key=lambda cut: cut.end - cut.start).finding.rule
            texts.append(self._note(struck, _in_language_of(segment, rule.note)))
            actions += [_action(cut.finding, _masked(segment, cut, personal)) for cut in group]
            at = end
        self._take(texts, segment[at:])
        return "".join(texts), actions

    def _note(self, struck: str, note: str) -> str:
        """The note with the blanks that stood about what was struck; a note is not given twice in a row."""
        if note == self._last_note:
            return ""
        self._last_note = note
        bare = struck.strip()
        lead, trail = struck.partition(bare)[::2] if bare else ("", "")
        return f"{lead}{note}{trail}"

    def _take(self, texts: list[str], text: str) -> None:
        """Keeps what was not struck."""
        if text:
            texts.append(text)
        if any(c.isalnum() for c in text):
            self._said, self._last_note = True, ""


def _extent(scene: Scene, finding: Finding) -> tuple[int, int]:
    """Where the finding's effect stands in the scene's text."""
    if finding.rule.effect == "span":
        return finding.start, finding.end
    first, last = scene.sentence_of(finding.start)
    return max(first, scene.begin), max(last, finding.end)


def _grouped(cuts: list[_Cut]) -> list[list[_Cut]]:
    """The cuts that overlap, together and in order; a note within or right behind what is struck goes."""
    strikes = [cut for cut in cuts if cut.start < cut.end]
    notes = [cut for cut in cuts if cut.start == cut.end and not any(s.start < cut.start <= s.end for s in strikes)]
    groups: list[list[_Cut]] = []
    reach = -1
    for cut in sorted([*strikes, *notes], key=lambda c: (c.start, c.end)):
        if cut.start < reach:
            groups[-1].append(cut)
        else:
            groups.append([cut])
        reach = max(reach, cut.end)
    return groups


def _start(cut: _Cut) -> int:
    return cut.start


def _masked(segment: str, cut: _Cut, personal: list[_Cut]) -> str:
    """What was struck, with the type of what identifies somebody in the place of it."""
    texts, at = [], cut.start
    for other in islice(personal, bisect_left(personal, cut.start, key=_start), None):
        if other.start > cut.end:
            break
        if at <= other.start and other.end <= cut.end:
            texts += [segment[at : other.start], f"[{other.finding.detail}]"]
            at = other.end
    return "".join([*texts, segment[at : cut.end]])


def _action(finding: Finding, struck: str) -> Action:
    rule, detail = finding.rule, finding.detail
    why = Text(zh=f"{rule.why.zh}（{detail}）", en=f"{rule.why.en} ({detail})") if detail else rule.why
    return Action(guard=rule.guard, rule=rule.id, effect=rule.effect, struck=struck, why=why, source=rule.source)


def _in_language_of(text: str, note: Text) -> str:
    return note.zh if _HAN.search(text) else note.en
