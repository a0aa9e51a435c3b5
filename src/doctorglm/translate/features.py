"""What the choice of a sample knows of a source, read once: a few hundred bytes for each conversation, not its text.

A conversation's cost is what `cost.estimate` expects of it in requests of its own, so that a sample, whose
conversations share requests, costs less rather than more.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from doctorglm.conversation import Conversation
from doctorglm.translate import prompt
from doctorglm.translate.answers import has_words, is_chinese
from doctorglm.translate.copies import Signatures
from doctorglm.translate.cost import Prices, estimate, most_tokens
from doctorglm.translate.entry import Entry
from doctorglm.translate.sample import Source
from doctorglm.translate.teacher import TeacherSettings
from doctorglm.translate.terms import Term, Terms

_ID_CHARS = 8
_WORD = re.compile(r"[a-z]{4,}")


def read_source(
    conversations: Iterable[Conversation], glossary: Sequence[Entry], settings: TeacherSettings, prices: Prices
) -> Source:
    """The features of each conversation, in order; costs in USD."""
    known = Terms(glossary)
    numbers = {term.english: n for n, term in enumerate(known.terms)}
    terms, chars = list[tuple[int, ...]](), list[int]()
    words, said = list[tuple[int, ...]](), dict[str, int]()
    departments, costs, signatures = list[str](), list[float](), Signatures()
    names = dict[str, str]()  # one string for each department, however many records repeat it
    for one in conversations:
        sent = [m.content for m in one.messages if not is_chinese(m.content) and has_words(m.content)]
        found = [list(dict.fromkeys(mention.term for mention in known.find(text))) for text in sent]
        terms.append(tuple(sorted({numbers[term.english] for of_one in found for term in of_one})))
        words.append(tuple({said.setdefault(word, len(said)) for text in sent for word in _WORD.findall(text.lower())}))
        chars.append(sum(len(m.content) for m in one.messages if m.role != "system"))
        departments.append(names.setdefault(one.department, one.department))
        costs.append(_usd(sent, found, settings, prices))
        signatures.add(one)
    return Source(
        terms=terms,
        words=_repeated(words),
        chars=chars,
        departments=departments,
        costs=costs,
        originals=signatures.originals(),
    )


def _repeated(words: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The words without those of one conversation alone: names, and what is written wrong."""
    often = Counter(word for some in words for word in some)
    return [tuple(sorted(word for word in some if often[word] > 1)) for some in words]


def worst_request_usd(settings: TeacherSettings, prices: Prices) -> float:
    """What a full request of English may cost at most, about; so much is reserved before each."""
    texts = prompt.Asked("0" * _ID_CHARS, "x" * (settings.part_chars // settings.together))
    answered = prompt.answer_tokens([texts] * settings.together)
    return prices.usd(_ORDER + 2 * settings.part_chars + settings.together * _entry_tokens(""), answered)


def _usd(sent: Sequence[str], found: Sequence[Sequence[Term]], settings: TeacherSettings, prices: Prices) -> float:
    """What `cost.estimate` expects, of requests that no other conversation shares."""
    if not sent:
        return 0.0
    requests = sum(1 for _ in _requests([len(text) for text in sent], settings))
    rows = {term.english: "|".join(term.chinese) for of_one in found for term in of_one}
    tokens = requests * _ORDER + most_tokens([json.dumps(rows, ensure_ascii=False)]) + sum(map(_entry_tokens, sent))
    answered = prompt.answer_tokens([prompt.Asked("", text) for text in sent]) + (requests - 1) * _ANSWER
    return estimate([(len(sent), tokens, answered)], prices).usd_expected


def _requests(lengths: Sequence[int], settings: TeacherSettings) -> Iterator[int]:
    """The characters of each request: texts in order, as many as go together; of a long one each part alone."""
    texts = chars = 0
    for length in lengths:
        if texts and (texts == settings.together or chars + length > settings.part_chars):
            yield chars
            texts = chars = 0
        yield from [settings.part_chars] * (math.ceil(length / settings.part_chars) - 1)
        texts, chars = texts + 1, chars + length % settings.part_chars
    yield chars


def _entry_tokens(text: str) -> int:
    entry = json.dumps({"id": "0" * _ID_CHARS, "text": text}, ensure_ascii=False)
    return len(entry.encode("utf-8", "replace")) + 2


_ORDER = most_tokens(message.content for message in prompt.messages([]))
_ANSWER = prompt.answer_tokens([])
"""Tokens of a request without texts, sent and answered."""
