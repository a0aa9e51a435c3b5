"""How `benchmarks/terms.py` scores, by hand."""

import terms
from terms import f1, gold, half_of, score, without_status


def test_score_by_hand() -> None:
    wanted = {("发烧", "present"), ("咳嗽", "denied"), ("皮疹", "present")}
    found = [
        ("高烧", "发烧", "present"),  # right by its norm
        ("咳嗽", "干咳", "denied"),  # right by its text
        ("咳嗽", "干咳", "past"),  # does not count
        ("疹子", "皮疹", "denied"),  # the wrong status: one missed, one wrong
        ("头痛", "头痛", "present"),
        ("头疼", "头痛", "present"),  # one (norm, status), one wrong
    ]
    one = score(found, wanted)
    assert (one.right, one.missed) == (2, (("皮疹", "present"),))
    assert one.wrong == (("头痛", "present"), ("皮疹", "denied"))
    both = f1([one, one])
    assert both["value"] == 2 * 4 / (2 * 4 + 4 + 2) and both["n"] == 2
    assert (both["precision"], both["recall"]) == (4 / 8, 4 / 6)
    assert without_status(found, wanted).missed == ()


def test_halves_are_fixed_and_gold_is_the_union() -> None:
    assert [half_of(name) for name in ("a", "b", "c")] == ["test", "test", "tune"]
    slots = {"explicit_inform_slots": {"发烧": True}, "implicit_inform_slots": {"咳嗽": False}}
    assert gold({"goal": slots}) == {("发烧", "present"), ("咳嗽", "denied")}


def test_the_baseline_denies_by_what_stands_before() -> None:
    found = list(terms.baseline(["发烧", "咳嗽"])({"dialog": ["没有发烧", "他一直在剧烈咳嗽"]}))
    assert found == [("发烧", "发烧", "denied"), ("咳嗽", "咳嗽", "present")]
