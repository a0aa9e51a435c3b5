"""Two whole records with invented numbers that add up: a hospital with one table, and 27 files of twelve corpora."""

import hashlib
import math
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

CORPORA = {
    "cmd-internal-medicine": (220_606, "MIT"),
    "huatuo-26m-lite": (177_703, "Apache-2.0"),
    "HealthCareMagic-100k": (112_165, ""),
    "cMedQA2": (108_000, "CC BY-NC 4.0"),
    "CMtMedQA": (68_023, "MIT"),
    "meddialog-zh": (61_240, "research only"),
    "alpaca-zh": (51_461, "CC BY-NC-SA 4.0"),
    "丁香园问诊": (18_407, "Apache-2.0"),
    "chatdoctor-icliniq": (7_321, "Apache-2.0"),
    "genmedgpt-5k": (5_452, "Apache-2.0"),
    "MTS-Dialog": (1_201, "CC BY 4.0"),
    "med-chatglm-liver-cancer": (412, "Apache-2.0"),
}
REASONS = {
    "duplicate": 0.31,
    "near_duplicate": 0.22,
    "machine_spun": 0.17,
    "cut_off": 0.09,
    "short_answer": 0.06,
    "cure_claim": 0.045,
    "advertisement": 0.03,
    "language": 0.022,
    "no_answer": 0.018,
    "echo": 0.012,
    "contaminated": 0.009,
    "exchanged_roles": 0.005,
    "loop": 0.004,
    "mojibake": 0.002,
    "roles": 0.001,
    "secret": 0.0002,
    "too_long": 0.0001,
}
DEPARTMENTS = [
    "内科",
    "儿科",
    "妇产科",
    "外科",
    "皮肤科",
    "骨科",
    "神经内科",
    "消化内科",
    "心血管内科",
    "呼吸内科",
    "眼科",
    "耳鼻喉科",
    "口腔科",
    "泌尿外科",
    "肿瘤科",
    "精神心理科",
    "中医科",
    "内分泌科",
    "感染科",
    "康复科",
    "急诊科",
    "男科",
]
SPANS = {
    "name": 18_442,
    "hospital": 9_310,
    "date": 6_027,
    "mobile": 1_204,
    "wechat": 655,
    "address": 512,
    "qq": 288,
    "url": 141,
    "landline": 97,
    "mrn": 61,
    "age": 40,
    "email": 22,
    "id_card": 9,
    "plate": 3,
    "bank_card": 1,
}
EVIDENCE = {
    "advertisement": "……这种情况建议加我微信[wechat]，发检查单给我看，[name]主任在[hospital]出诊，电话[mobile]……",
    "cure_claim": "……服用祖传秘方三个疗程即可根治，无效退款，永不复发……",
    "machine_spun": "……病人应当接受救治，平常要多加注重饮食，假如病症加重要马上去病院诊疗……",
    "cut_off": "……根据您的描述，考虑是慢性浅表性胃炎，建议先做胃镜检查，同时注意饮食，避免辛辣刺激的食物，另外",
    "duplicate": "……建议多喝水，注意休息，清淡饮食……",
    "no_answer": "……孩子三岁，昨晚开始发烧，最高 38.6 ℃，需要去医院吗……",
    "language": "……Bonjour docteur, j'ai mal à la tête depuis deux jours…",
}


def log_edges() -> list[int]:
    """1 to 10,000 in steps of a fifth of a power of ten, without doubles."""
    return sorted({round(10 ** (i / 8)) for i in range(33)})


def spread(total: int, weights: list[float]) -> list[int]:
    """The total in whole parts as the weights are; the first takes the remainder."""
    parts = [int(total * weight / sum(weights)) for weight in weights]
    parts[0] += total - sum(parts)
    return parts


def bell(edges: list[int], total: int, middle: float, width: float) -> list[int]:
    """Counts of a log-normal distribution over the bins."""
    weights = [
        math.exp(-0.5 * ((math.log(max(a, 0.5)) / 2 + math.log(b) / 2 - math.log(middle)) / width) ** 2)
        for a, b in pairwise(edges)
    ]
    return spread(total, weights)


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def make_corpora_record() -> dict[str, Any]:
    """27 files of twelve corpora, two of them skipped and one damaged."""
    noise = random.Random(7)
    sources: dict[str, Any] = {}
    for name, (read, licence) in CORPORA.items():
        lost = round(read * noise.uniform(0.04, 0.5))
        rejected = dict(
            zip(REASONS, spread(lost, [w * noise.uniform(0.3, 1.7) for w in REASONS.values()]), strict=True)
        )
        sources[name] = {"read": read, "kept": read - lost, "licence": licence, "rejected": rejected}
    files = []
    for index, (name, source) in enumerate(sources.items()):
        halves = spread(source["read"], [3.0, 2.0])
        for half, records in enumerate(halves):
            files.append(
                {
                    "name": f"{name}/part-{half}.{'jsonl' if index % 2 else 'csv'}",
                    "encoding": "gb18030" if index % 3 == 0 else "utf-8",
                    "licence": source["licence"],
                    "skipped": "",
                    "form": "json lines" if index % 2 else "table",
                    "records": records,
                    "kept": spread(source["kept"], [3.0, 2.0])[half],
                    "damaged": {},
                    "sha256": digest(f"{name}{half}"),
                    "bytes": records * 611,
                }
            )
    empty = {"encoding": "utf-8", "licence": "", "form": "text", "records": 0, "kept": 0, "damaged": {}}
    files += [
        {**empty, "name": "THUOCL_medical.txt", "skipped": "no records", "sha256": digest("thuocl"), "bytes": 423_104},
        {**empty, "name": "cmd/LICENSE", "skipped": "no records", "sha256": digest("licence"), "bytes": 1_067},
        {
            **empty,
            "name": "huatuo-26m-lite/part-2.jsonl.gz",
            "skipped": "",
            "damaged": {
                "en": "huatuo-26m-lite/part-2.jsonl.gz: ends in the middle of the archive. Fetch it again.",
                "zh": "huatuo-26m-lite/part-2.jsonl.gz：压缩包不完整。请重新下载。",
            },
            "sha256": digest("broken"),
            "bytes": 33_554_432,
        },
    ]
    return make_record(sources, files, licence={"kept": "", "why": "HealthCareMagic-100k"}, leak=0.31)


def make_hospital_record() -> dict[str, Any]:
    """One table of a hospital, signed."""
    rejected = {"duplicate": 212, "no_answer": 97, "cut_off": 61, "short_answer": 44, "advertisement": 8}
    sources = {
        "2024门诊咨询": {
            "read": 12_408,
            "kept": 12_408 - sum(rejected.values()),
            "licence": "仅供研究",
            "rejected": rejected,
        }
    }
    file = {
        "name": "2024门诊咨询.csv",
        "encoding": "gb18030",
        "licence": "仅供研究",
        "skipped": "",
        "form": "table",
        "records": 12_408,
        "kept": sources["2024门诊咨询"]["kept"],
        "damaged": {},
        "sha256": digest("hospital"),
        "bytes": 9_731_022,
    }
    record = make_record(sources, [file], licence={"kept": "仅供研究", "why": "2024门诊咨询"}, leak=0.0)
    record["deid"] |= {
        "names": "tagger",
        "mode": "surrogates",
        "review": {
            "records": 300,
            "missed": 2,
            "rate": 0.0067,
            "high": 0.0239,
            "signed_by": "病案室",
            "date": "2026-11-20",
        },
    }
    record["decontamination"] = None
    return record


def make_record(
    sources: dict[str, Any], files: list[dict[str, Any]], *, licence: dict[str, str], leak: float
) -> dict[str, Any]:
    """A finished record whose counts add up."""
    rejected: Counter[str] = Counter()
    for source in sources.values():
        rejected.update(source["rejected"])
    read, kept = (sum(source[key] for source in sources.values()) for key in ("read", "kept"))
    splits = dict(zip(("train", "valid", "test"), spread(kept, [0.92, 0.05, 0.03]), strict=True))
    names, few = list(sources), len(sources)
    clusters = [[0] * few for _ in names]
    noise = random.Random(3)
    for i in range(few):
        for j in range(i):
            clusters[i][j] = clusters[j][i] = int(10 ** noise.uniform(0, 4.4)) if noise.random() < 0.45 else 0
    edges = log_edges()
    alone = round(kept * 0.93)
    return {
        "stage": "curate",
        "status": "finished",
        "counts": {
            "read": read,
            "kept": kept,
            "rejected": dict(rejected),
            "splits": splits,
            "clusters": alone + 3,
            "skipped": sum(bool(file["skipped"]) for file in files),
        },
        "changes": {
            "dropped_courtesies": kept // 3,
            "html": kept // 40,
            "widths": kept // 15,
            "merged_turns": 1_204,
            "mend": 17,
        },
        "deid": {
            "mode": "placeholders",
            "names": "rules",
            "conversations": kept // 22,
            "spans": {kind: max(n * kept // 500_000, 1) for kind, n in SPANS.items()},
            "review": None,
        },
        "files": files,
        "sources": sources,
        "licence": licence,
        "lengths": {
            "question": {"edges": edges, "counts": bell(edges, kept, 62, 0.9)},
            "answer": {"edges": edges, "counts": bell(edges, kept, 148, 0.8)},
            "turns": dict(
                zip(
                    ["1", "2", "3", "4", "5", "6", "7", "10+"],
                    spread(kept, [700, 120, 60, 30, 12, 6, 2, 1]),
                    strict=True,
                )
            ),
        },
        "departments": {"": kept // 5}
        | dict(
            zip(DEPARTMENTS, spread(kept - kept // 5, [1 / (i + 1.5) for i in range(len(DEPARTMENTS))]), strict=True)
        ),
        "quality": {
            "edges": [i / 20 for i in range(21)],
            "counts": spread(kept, [math.exp(-0.5 * ((i / 20 - 0.66) / 0.14) ** 2) for i in range(20)]),
            "parts": {"length": 0.58, "specificity": 0.47, "relevance": 0.81, "fluency": 0.93, "asks_back": 0.18},
            "asks_back": {"conversations": 0.184, "answers": 0.121},
        },
        "duplicates": {
            "exact": rejected["duplicate"],
            "near": rejected["near_duplicate"],
            "cluster_sizes": {"1": alone, "2": kept // 60, "3": kept // 200, "4": kept // 900, "10+": 3},
        },
        "overlaps": {"sources": names, "clusters": clusters},
        "decontamination": {
            "items": 4_425,
            "stock_questions_kept": 38,
            "files": {"cmb-exam.json": {"items": 3_425, "hit": 212}, "medqa-zh.jsonl": {"items": 1_000, "hit": 0}},
        },
        "leak": {"held_out": "test", "largest_similarity": leak, "threshold": 0.4, "rounds": 1},
    }


def make_samples(record: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Up to three masked samples for each reason."""
    return {
        reason: [
            {
                "id": f"row-{digest(reason + str(i))[:16]}",
                "source": "cmd/part-0.csv",
                "evidence": EVIDENCE.get(reason, "……"),
            }
            for i in range(min(n, 3))
        ]
        for reason, n in record["counts"]["rejected"].items()
        if reason in EVIDENCE
    }


@pytest.fixture(scope="session")
def corpora_record() -> dict[str, Any]:
    """27 files of twelve corpora."""
    return make_corpora_record()


@pytest.fixture(scope="session")
def hospital_record() -> dict[str, Any]:
    """One file of a hospital."""
    return make_hospital_record()
