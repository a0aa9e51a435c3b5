"""The tagger computes what torch trained, reads a text alike alone and among others, finds names by context."""

import hashlib
import importlib.util
import re
import sys
from importlib import resources
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from doctorglm.clinical.deid import TYPES, Span, find, find_in, tagged, typed
from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.likely import may_be
from doctorglm.clinical.deid.tagger import (
    BITS,
    DILATIONS,
    GAP,
    LABELS,
    MOST,
    PAIRS,
    PIECE,
    WEIGHTS,
    Dictionary,
    Tagger,
    hashes,
    points_of,
    shapes,
)

ROOT = Path(__file__).parents[3]
SETS = ROOT / "benchmarks/sets"


def _recipe(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"names_{name}", ROOT / f"recipes/names/{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _names(text: str) -> list[str]:
    return [text[s.start : s.end] for s in find(text) if s.type == "name"]


def _random_weights(width: int = 24) -> tuple[torch.nn.Module, Tagger]:
    """The same random network in torch and in numpy; its alphabet is the letters a to z and 一 to 十."""
    torch.manual_seed(3)
    alphabet = np.array(sorted(map(ord, "abcdefghijklmnopqrstuvwxyz一二三四五六七八九十王李")), dtype=np.uint16)
    network = _recipe("network").Tagger(len(alphabet) + 2, of_character=8, of_pair=4, width=width).half().float().eval()
    weights = {name: value.half().numpy() for name, value in network.state_dict().items()}
    draw = np.random.default_rng(4)
    bits = {
        name: np.packbits(draw.integers(0, 2, BITS, dtype=np.uint8)) for name in ("pairs", "often", "triples", "places")
    }
    plain = {"alias.of": np.array([ord("壹"), ord("①")]), "alias.is": np.array([ord("一"), ord("1")])}
    return network, Tagger(
        {"alphabet": alphabet, **plain, **weights, **{f"words.{name}": b for name, b in bits.items()}}
    )


def test_numpy_computes_what_torch_does() -> None:
    network, ours = _random_weights()
    text = "王李abc一二三xyz未见过的字" * 6
    points = np.concatenate([np.zeros(GAP, dtype=np.int64), points_of(text), np.zeros(GAP, dtype=np.int64)])
    characters, pairs, flags = ours.codes(points)
    with torch.no_grad():
        theirs = network(*(torch.from_numpy(array)[None] for array in (characters, pairs, flags)))[0].numpy()
    np.testing.assert_allclose(ours.scores(characters, pairs, flags), theirs, atol=2e-4, rtol=1e-4)
    stands = characters > 0
    assert np.ptp(theirs[stands], axis=0).min() > 0.01  # the random network does tell characters apart


def test_a_text_is_read_alike_alone_and_among_others() -> None:
    _, ours = _random_weights()
    texts = ["王一", "", "abc 李二三", "王李abc一二三xyz " * 400, "王李王李"]
    together = ours.read(texts)
    assert [len(scores) for scores in together] == [len(text) for text in texts]
    for text, scores in zip(texts, together, strict=True):
        np.testing.assert_allclose(scores, ours.read([text])[0], atol=1e-5)
        np.testing.assert_allclose(scores.sum(1), 1, atol=1e-5)


def test_a_long_text_is_read_in_pieces_as_if_at_once() -> None:
    _, ours = _random_weights()
    draw = np.random.default_rng(6)
    text = "".join(draw.choice(list("王李abc一二三xyz ，"), 3 * PIECE + 17))
    gap = np.zeros(GAP, dtype=np.int64)
    scores = ours.scores(*ours.codes(np.concatenate([gap, points_of(text), gap])))[GAP:-GAP]
    at_once = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(ours.read([text])[0], at_once, atol=1e-5)


def test_other_forms_of_a_character_are_read_alike() -> None:
    _, ours = _random_weights()
    for one, other in (("王壹李", "王一李"), ("a①b", "a1b")):
        np.testing.assert_array_equal(ours.read([one])[0], ours.read([other])[0])


def test_shapes_count_the_digits_of_a_number() -> None:
    text = "T12 34-5oo十个"
    kinds, strict, loose = np.split(shapes(points_of(text)), [5, 5 + MOST], axis=1)
    assert kinds.argmax(1)[kinds.any(1)].tolist() == [2, 0, 0, 4, 0, 0, 4, 0, 3, 3, 1]
    assert [int(row.argmax()) + 1 if row.any() else 0 for row in strict] == [0, 2, 2, 0, 2, 2, 0, 1, 0, 0, 1, 0]
    assert [int(row.argmax()) + 1 if row.any() else 0 for row in loose] == [0, *[6] * 10, 0]


def test_flags_mark_where_words_stand() -> None:
    text = "头痛发烧糖尿病"
    bits = np.zeros((4, BITS), dtype=np.int64)
    bits[0, hashes(points_of("发烧"), 2)] = 1
    bits[1, hashes(points_of("头痛"), 2)] = 1
    bits[2, hashes(points_of("糖尿病"), 3)] = 1
    flags = Dictionary(*bits).flags(points_of(text))
    expected = np.zeros((7, 12))
    expected[2, 1] = expected[3, 0] = 1  # 发烧 begins and ends
    expected[0, 3] = expected[1, 2] = 1  # 头痛, a frequent word
    expected[4, 6] = expected[5, 7] = expected[6, 8] = 1  # 糖尿病: begins, is amid, ends
    np.testing.assert_array_equal(flags, expected)
    assert max(DILATIONS) == GAP and PAIRS & (PAIRS - 1) == 0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("我妈温玉梅昨晚又发烧了，血压150/95", "温玉梅"),
        ("挂的是逄主任的号", "逄"),
        ("小葛护士让我再测一次体温", "小葛"),
        ("孩子叫苏念安，三岁，咳嗽五天", "苏念安"),
        ("姓名：尉迟思远  性别：男", "尉迟思远"),
        ("翻译是我侄女古丽扎提，她懂汉语", "古丽扎提"),
        ("我是患者的女儿，程晓曼，电话16400001234", "程晓曼"),
        ("Patient: Olivia Hartwell, 54, seen by Dr. Mensah", "Olivia Hartwell"),
        ("请联系 Zhou Minghao，他在ICU门口", "Zhou Minghao"),
        ("老佟说他的结节没变化", "老佟"),
    ],
)
def test_names_are_found_where_people_write_them(text: str, name: str) -> None:
    assert name in _names(text)


@pytest.mark.parametrize(
    "text",
    [
        "帕金森病、桥本甲状腺炎、克罗恩病和梅尼埃病都查过了",
        "黄芪15g 党参12g 白术10g 何首乌9g 徐长卿6g",
        "张仲景的伤寒论里有小柴胡汤，李时珍写了本草纲目",
        "谷丙转氨酶61，白细胞12.6，高烧39.8，黄疸退了",
        "常年便秘，温水送服，安静休息，马上复查",
        "阿莫西林0.5g tid，华法林2.5mg qn，王老吉少喝",
        "医生说我老公血压高，护士让我妈多休息",
        "Hashimoto's thyroiditis, Crohn's disease and Parkinson's were excluded; take Warfarin 3 mg",
        "周三上午门诊，周五复诊，国庆停诊",
    ],
)
def test_what_looks_like_a_name_stays(text: str) -> None:
    assert _names(text) == []


def test_a_name_told_once_counts_in_all_messages() -> None:
    texts = ["我叫白雪梅，头痛三天", "请问还有别的不舒服吗？", "白雪梅没有别的不舒服"]
    found = find_in(texts)
    assert [[t[s.start : s.end] for s in spans] for t, spans in zip(texts, found, strict=True)] == [
        ["白雪梅"],
        [],
        ["白雪梅"],
    ]


def test_rules_alone_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagged, "tagger", lambda: pytest.fail("the weights were read"))
    text = "王主任说"
    assert [text[s.start : s.end] for s in find(text, "rules")] == ["王"]


def _thought(text: str, *parts: tuple[str, str, float]) -> np.ndarray:
    """What a tagger could think of a text: each part of its type, so probable, everything else none."""
    probable = np.zeros((len(text), LABELS), dtype=np.float32)
    probable[:, 0] = 1
    for part, kind, share in parts:
        start, label = text.index(part), 1 + 2 * TYPES.index(kind)
        probable[start : start + len(part), 0] = 1 - share
        probable[start, label] = probable[start + 1 : start + len(part), label + 1] = share
    return probable


def test_spans_are_whole_latin_words_without_marks_at_their_ends() -> None:
    text = folded("x，Maria Gomez's son")
    probable = _thought(text, (",Maria Gom", "name", 0.95))
    assert [text[s.start : s.end] for s in tagged.found(text, probable)] == ["Maria Gomez"]


def test_who_is_famous_needs_certainty() -> None:
    text = "钟南山说"
    assert list(tagged.found(text, _thought(text, ("钟南山", "name", 0.9)))) == []
    assert len(list(tagged.found(text, _thought(text, ("钟南山", "name", 0.999))))) == 1


def test_less_is_asked_of_a_name_with_a_title_beside_another_identifier() -> None:
    for text, expected in (("问乜队长", ["乜"]), ("问乜说过", [])):
        thought = _thought(text, ("乜", "name", 0.2))
        assert [text[s.start : s.end] for s in tagged.found(text, thought, beside=True)] == expected
        assert list(tagged.found(text, thought)) == []


def test_neighbours_are_told_apart_and_numbers_are_not_cut() -> None:
    text = "骨科17床62001234567890123卡 20240301"
    thought = _thought(
        text,
        ("骨科17床", "hospital", 0.9),
        ("620012345678901", "bank_card", 0.9),  # the rest of the number belongs to it
        ("20240301", "date", 0.9),
    )
    assert [(text[s.start : s.end], s.type) for s, _ in typed.found(text, thought)] == [
        ("骨科17床", "hospital"),
        ("62001234567890123", "bank_card"),
        ("20240301", "date"),
    ]


def test_what_is_called_a_paper_is_one() -> None:
    for text, kind in (("军人证：P5509127", "id_card"), ("号码是 P5509127", "mrn")):
        thought = _thought(text, ("P5509127", "mrn", 0.9))
        assert [(text[s.start : s.end], s.type) for s, _ in typed.found(text, thought)] == [("P5509127", kind)]


def test_a_latin_name_is_masked_whole_where_the_tagger_is_sure_of_a_part() -> None:
    for name in ("Victor Hartley", "Victor Pemberton"):
        assert _names(f"The patient's name is {name}.") == [name]


@pytest.mark.parametrize(
    ("text", "part", "kind"),
    [
        ("今年89岁", "89岁", "age"),
        ("心率九十四", "九十四", "age"),
        ("床垫九十公分", "九十", "age"),
        ("三甲医院", "三甲医院", "hospital"),
        ("超过三天不退请去儿科", "儿科", "hospital"),
        ("挂消化内科门诊", "消化内科门诊", "hospital"),
        ("扣12", "12", "qq"),
        ("4床", "4床", "mrn"),
        ("快递420111200707180008", "420111200707180008", "id_card"),
        ("批号B2204771", "B2204771", "mrn"),
        ("电话8400091276", "8400091276", "landline"),
        ("换算下来94/64", "94/64", "date"),
        ("22号刀片", "22号", "date"),
        ("11-12点抽血", "11-12", "date"),
        ("miR-4746-5p在肝癌中", "miR-4746-5p", "mrn"),
        ("睡眠的前1/3时间", "1/3", "date"),
        ("config.yaml 发我", "config.yaml", "url"),
        ("扫描件 20240517001.pdf", "20240517001", "mrn"),
        ("Tobramycin Ophthalmic", "ycin Ophthalmic", "hospital"),
        ("Tobramycin Ophthalmic", "Tobramycin Op", "hospital"),
        ("Carvedilol, Losartan 50 mg", "lol, Losartan 50", "address"),
        ("take Metronidazole daily", "Metronidazole", "address"),
    ],
)
def test_what_can_be_no_identifier_is_none(text: str, part: str, kind: str) -> None:
    start = text.index(part)
    assert not may_be(text, Span(start, start + len(part), kind))


@pytest.mark.parametrize("text", [
    "Take Metformin, Insulin Aspart, Human (Novolog) and Doxazosin.",
    "He took Baclofen, Carbamazepine, Carvedilol, Losartan and Diazepam.",
    "Magnesium Sulfate, Betamethasone, Labetalol, Mannitol, Donepezil",
])  # fmt: skip
def test_lists_of_drugs_in_english_are_no_places(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(("text", "place"), [
    ("She lives at 14 Larkspur Lane, Ealing now.", "14 Larkspur Lane, Ealing"),
    ("Seen at Riverbend Heart Clinic in May.", "Riverbend Heart Clinic"),
])  # fmt: skip
def test_places_in_english_are_found(text: str, place: str) -> None:
    assert [text[span.start : span.end] for span in find(text)] == [place]


def test_nearly_all_that_was_labelled_may_be_what_it_is() -> None:
    text_of = re.compile(r"⟦(?!name)([a-z_]+):([^⟦⟧]+)⟧")
    allowed = []
    for path in [SETS / "deid/dev.txt", *sorted((SETS / "names").glob("w?.txt"))]:
        for line in path.read_text(encoding="utf-8").splitlines():
            for mark in text_of.finditer(line):
                before, after = (
                    re.sub(r"⟦[a-z_]+:|⟧", "", part) for part in (line[: mark.start()], line[mark.end() :])
                )
                plain = folded((before + mark[2] + after).replace("\\n", "\n"))
                start = len(before.replace("\\n", "\n"))
                allowed.append(may_be(plain, Span(start, start + len(mark[2].replace("\\n", "\n")), mark[1])))
    assert len(allowed) > 3000
    assert sum(allowed) > 0.995 * len(allowed)


def test_the_tagger_speaks_against_a_rule_only_where_it_is_sure() -> None:
    text = "这家医院 10024466，谢谢"
    number, place = Span(5, 13, "mrn"), Span(0, 4, "hospital")
    doubtful = _thought(text, ("10024466", "mrn", 0.1), ("这家医院", "hospital", 0.1))
    assert typed.united(text, [number, place], doubtful) == [number, place]
    assert typed.united(text, [number, place], _thought(text)) == []
    assert typed.united(text, [Span(5, 13, "qq")], _thought(text)) == [Span(5, 13, "qq")]
    other = _thought(text, ("10024466", "qq", 0.95))
    assert typed.united(text, [number], other) == [Span(5, 13, "qq")]


def test_a_rule_and_the_tagger_together_find_the_whole() -> None:
    text = "住柳沟镇下石河村三组，来过"
    thought = _thought(text, ("柳沟镇", "address", 0.1), ("下石河村三组", "address", 0.9))
    rule = Span(1, 8, "address")
    assert typed.united(text, [rule], thought)[0] == Span(1, text.index("，"), "address")


def test_the_card_names_the_weights_that_are_shipped() -> None:
    card = (ROOT / "docs/names.md").read_text(encoding="utf-8")
    data = resources.files("doctorglm.clinical.deid").joinpath(WEIGHTS).read_bytes()
    assert re.findall(r"[0-9a-f]{64}", card) == [hashlib.sha256(data).hexdigest()]
    assert len(data) < 6_000_000


def test_what_is_nothing_but_a_possessive_is_no_name() -> None:
    for text in ("it 's his", "her ’s and ''"):
        thought = _thought(text, (text[text.index(" ") + 1 : text.index(" ") + 3], "name", 0.99))
        assert list(tagged.found(text, thought)) == []
