"""A message beside its Chinese, with terms, accepted renderings, and what stands in their place marked."""

from collections.abc import Mapping, Sequence

from doctorglm.clinical.masking import masked_together
from doctorglm.language import Text
from doctorglm.report.blocks import Mark, SideBySide
from doctorglm.report.wording import Wording
from doctorglm.translate.pairs import Pair
from doctorglm.translate.renderings import held, plain
from doctorglm.translate.terms import Terms
from doctorglm.translate.told import Rejected
from doctorglm.translate.wording import called


def not_taken(reason: str, one: Rejected, terms: Terms) -> SideBySide:
    """A message that was not taken, with the reason first."""
    pair = side_by_side(Pair(one.english, one.chinese, one.id), terms, {})
    name = called(reason)
    about = "".join(f" · {one.why[key]}" for key in ("english", "chinese") if one.why.get(key))
    text = (name, name) if isinstance(name, str) else (name.en, name.zh)
    note = Text(en=text[0] + about, zh=text[1] + about)
    told = [told for told in pair.notes if one.chinese]
    return SideBySide(original=pair.original, translation=pair.translation, place=one.id,
                      notes=[("wrong", note), *told])  # fmt: skip


def side_by_side(pair: Pair, terms: Terms, instead: Mapping[str, str]) -> SideBySide:
    """Terms marked in the English, their renderings in the Chinese, and one line for each term."""
    english, chinese = masked_together([pair.english, pair.chinese])
    folded, mentions = plain(chinese), terms.find(english)
    spans, notes = list[tuple[int, int, Mark]](), list[tuple[Mark, Wording]]()
    for term in dict.fromkeys(mention.term for mention in mentions):
        rendering = held(term.chinese, folded)
        if rendering:
            spans += _places(chinese, rendering, "right")
            notes.append(("right", f"{term.english} → {rendering}"))
            continue
        wave = instead.get(term.english, "")
        spans += _places(chinese, wave, "wrong") if wave else []
        accepted = "、".join(term.chinese)
        stands_en = f"; perhaps in its place: {wave}" if wave and wave in chinese else ""
        stands_zh = f"；可能写成了“{wave}”" if wave and wave in chinese else ""
        notes.append(
            ("wrong", Text(en=f"{term.english}: none of {accepted}{stands_en}",
                           zh=f"{term.english}：没有“{accepted}”{stands_zh}"))
        )  # fmt: skip
    return SideBySide(
        original=_cut(english, [(m.start, m.end, "term") for m in mentions]),
        translation=_cut(chinese, spans),
        place=pair.where,
        notes=sorted(notes, key=lambda note: note[0] != "wrong"),
    )


def _places(text: str, word: str, mark: Mark) -> list[tuple[int, int, Mark]]:
    found, at = list[tuple[int, int, Mark]](), text.lower().find(word.lower())
    while at >= 0:
        found.append((at, at + len(word), mark))
        at = text.lower().find(word.lower(), at + len(word))
    return found


def _cut(text: str, spans: Sequence[tuple[int, int, Mark]]) -> list[tuple[str, Mark]]:
    """The text in pieces; of spans that overlap the first and longest counts."""
    pieces, at = list[tuple[str, Mark]](), 0
    for start, end, mark in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start < at:
            continue
        pieces += [(text[at:start], ""), (text[start:end], mark)]
        at = end
    return [piece for piece in [*pieces, (text[at:], "")] if piece[0]]
