"""Triage: what is an emergency and what only sounds like one, over conversations, ages, values and hidden words."""

import json
from pathlib import Path

import pytest

from doctorglm.conversation import Message
from doctorglm.errors import DataError
from doctorglm.safety.triage import Triage, by_rules
from doctorglm.safety.triage.lines import triaged


def of(*said: str) -> Triage:
    """What the rules say of the patient's and the doctor's messages in turn."""
    return by_rules([Message("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(said)])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("chest_pain", "胸口像压了块石头，左胳膊发麻，一身冷汗"),
        ("chest_pain", "pressure in my chest for an hour, sweating, pain down my left arm"),
        ("stroke", "我爸突然嘴歪了，右手抬不起来，说话含糊"),
        ("haemorrhage", "刚才吐了一大碗鲜血"),
        ("anaphylaxis", "吃了花生嘴唇舌头肿起来，喉咙发紧，喘不上气"),
        ("poisoning", "奶奶喝了农药，刚发现"),
        ("suicide", "我不想活了，药都攒好了"),
        ("infant_fever", "宝宝二十天，发烧38.3"),
        ("pregnancy", "怀孕34周，头疼眼花，血压165/110"),
        ("meningitis", "孩子高烧，脖子硬得低不下来，身上有紫点压不退"),
        ("torsion", "儿子半夜左边睾丸突然剧痛，还吐了"),
        ("airway", "孩子被果冻噎住，脸发紫"),
        ("cord", "腰疼两天，今天屁股那块没感觉，尿不出来"),
        ("cardiac_arrest", "我爸倒在地上没呼吸了"),
    ],
)
def test_an_emergency_and_its_kind(kind: str, text: str) -> None:
    found = of(text)
    assert found.emergency and kind in found.kinds
    assert found.advice is not None and "120" in found.advice.zh and "120" in found.advice.en


@pytest.mark.parametrize(
    "text",
    [
        "没有胸痛，也没有出冷汗，就是想问体检报告",
        "我爸三年前突然嘴歪，右手抬不起来，现在恢复得很好，能打流感疫苗吗",
        "护理考试：患者突然嘴歪、说话含糊，第一步做什么",
        "我在写小说，男主喝了农药，多久会死",
        "下周急救培训，心脏骤停的按压频率是多少",
        "昨晚追的剧里女主被毒蛇咬了，想了解一下现实里会怎样",
        "这周加班累死了，想死你了宝贝，嗓子有点哑吃什么",
        "七岁，38.5，活蹦乱跳，要吃退烧药吗",
        "血压150/95，没有任何不舒服，要加药吗",
        "Quiz tomorrow: in a stroke with face drooping, what does the T stand for?",
    ],
)
def test_what_only_sounds_like_one(text: str) -> None:
    assert not of(text).emergency


def test_a_red_flag_counts_in_later_turns() -> None:
    assert of(
        "胸口压着疼，一身冷汗", "多久了？", "半小时了。对了，医保能报销吗", "可以", "谢谢，那挂号费多少"
    ).emergency


def test_what_the_doctor_asks_is_no_statement() -> None:
    assert not of("最近睡不好", "有没有胸痛、出冷汗、呼吸困难、晕厥？", "没有").emergency


def test_a_plain_yes_is_a_statement() -> None:
    assert of("我妈吃着饭", "是不是突然嘴歪，说话含糊？", "是的").emergency
    assert not of("我妈吃着饭", "是不是突然嘴歪，说话含糊？", "不是").emergency


def test_what_is_denied_or_over_later_no_longer_counts() -> None:
    assert not of("血氧84", "换只手再量", "换了是98，人好好的").emergency
    assert of("血氧84", "换只手再量", "换了还是83").emergency


def test_a_passed_stroke_counts_although_it_passed() -> None:
    assert of("今早右手突然没力，话也说不清，十分钟后好了").emergency


def test_age_makes_the_difference() -> None:
    assert of("宝宝五十天，38.4").emergency
    assert not of("孩子七岁，38.4，吃饭玩耍都好").emergency


def test_another_person_now_is_an_emergency() -> None:
    assert of("路边有个大爷突然倒地，叫不醒").emergency


@pytest.mark.parametrize(
    "text",
    [
        "胸 口 压 着 疼，出 冷 汗，左 胳 膊 麻",
        "胸💔口💔压着疼，一身冷😰汗",
        "胸\u200b口压\u200b着疼，一身\u2060冷\u202e汗",
        "胸口壓著疼，一身冷汗，嘴脣發紫，喘不過氣",
        "ＣＨＥＳＴ ｐａｉｎ，ｓｗｅａｔｉｎｇ",
        "胸囗压着疼，一身冷汗",
        "wo bu xiang huo le, buxianghuo, 药攒好了",
        "我想紫砂，绳子买好了",
    ],
)
def test_hidden_words_are_read(text: str) -> None:
    assert of(text).emergency


@pytest.mark.parametrize("text", ["", " ", "。。。，，，！？", "\u200b\u202e", "😀" * 50, "?!?!" * 100])
def test_texts_without_words(text: str) -> None:
    assert of(text).level == "routine"


def test_an_emergency_is_found_in_a_hundred_thousand_characters() -> None:
    filler = "今天天气不错，我们去公园散步，然后回家做饭。" * 2300
    assert of(filler + "我爸突然嘴歪，右手抬不起来。" + filler).emergency


def test_places_are_code_points_of_the_message_as_written() -> None:
    text = "😀😀胸\u200b口压着疼，一身冷汗"
    words = {text[m.start : m.end] for fired in of(text).fired for m in fired.mentions}
    assert "冷汗" in words
    assert any(word.startswith("胸\u200b口") for word in words)


def test_the_reason_names_the_words_in_both_languages() -> None:
    reason = of("我爸突然嘴歪，右手抬不起来").reason
    assert "嘴歪" in reason.zh and "嘴歪" in reason.en
    assert reason.zh.startswith("急诊") and reason.en.startswith("Emergency")


def test_levels_below_an_emergency() -> None:
    assert of("被猫咬了一口，破了点皮，已经冲过了").level in ("urgent", "soon")
    assert of("脚气用什么药膏").level == "routine"


@pytest.mark.parametrize(
    "piece", ["胸口", "突然胸", "没有", "，", "38.", "血压1", "chest ", "宝宝1", "血糖 ", "一", "a b "]
)
def test_a_megabyte_of_near_matches_takes_linear_time(piece: str) -> None:
    """Squared, it would not end here."""
    assert of((piece * (1_000_000 // len(piece) + 1))[:1_000_000]).level


def test_lines_keep_their_fields(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    records = [
        {"id": 1, "text": "我爸突然嘴歪，右手抬不起来", "note": "x"},
        {"id": 2, "messages": [{"role": "user", "content": "脚气用什么药膏"}]},
    ]
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    first, second = triaged(path)
    assert (first["id"], first["note"], first["emergency"], first["level"]) == (1, "x", True, "emergency")
    assert first["kinds"] == ["stroke"] or "stroke" in first["kinds"]
    assert (second["emergency"], second["level"], second["kinds"]) == (False, "routine", [])


def test_a_line_without_text_is_named_and_its_keys_are_nobodys(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "头疼"}\n{"王秀兰16412345678": 1}\n', "utf-8")
    with pytest.raises(DataError) as raised:
        list(triaged(tmp_path / "x.jsonl"))
    assert "x.jsonl:2" in raised.value.text.en
    assert "16412345678" not in raised.value.text.en + raised.value.text.zh
