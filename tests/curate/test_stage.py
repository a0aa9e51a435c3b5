"""Curation from end to end: counts that add up, splits that do not leak, nothing written when the input is wrong."""

import csv
import io
import json
import os
import random
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate import chunks, near, parts, stage
from doctorglm.curate.settings import CurateSettings
from doctorglm.curate.stage import curate
from doctorglm.errors import ConfigError, DataError
from doctorglm.runs import read_json
from doctorglm.settings import build

SECRET = "患者王小明电话13800138000"
WORDS = "头痛发热咳嗽血压血糖胃炎肝炎建议检查休息饮食清淡药物医生复诊注意避免症状治疗定期"


def sentence(rng: random.Random) -> str:
    return "".join(WORDS[2 * rng.randrange(len(WORDS) // 2) :][:2] for _ in range(16)) + "。"


def table(count: int, seed: int = 0, extra: list[list[str]] | None = None) -> bytes:
    rng = random.Random(seed)
    rows = [[rng.choice(["内科", "外科"]), "问", sentence(rng), sentence(rng)] for _ in range(count)]
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["department", "title", "ask", "answer"], *rows, *(extra or [])])
    return out.getvalue().encode("gb18030")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "样例.csv"
    path.write_bytes(table(60))
    return path


def splits(out: Path, names: tuple[str, ...] = ("train", "valid", "test")) -> dict[str, list[Conversation]]:
    return {name: list(read_conversations(out / f"{name}.jsonl")) for name in names}


def files(out: Path) -> dict[str, bytes]:
    """What the folder holds but the times and the names of the files: `run.json`, and the page that shows it."""
    return {p.name: p.read_bytes() for p in out.iterdir() if p.name not in ("run.json", "report.html")}


def test_planted_faults_are_rejected_by_reason_and_the_counts_add_up(tmp_path: Path) -> None:
    rng = random.Random(9)
    copied = ["内科", "问", sentence(rng), sentence(rng)]
    planted = [
        copied,
        [copied[0], "问？", copied[2], " " + copied[3]],
        ["内科", "问", SECRET, ""],
        ["内科", "", " ", sentence(rng)],
        ["内科", "问", SECRET, sentence(rng)[:-1]],
        ["内科", "问", SECRET, "锟斤拷"],
        ["内科", "问", SECRET, "坏\ufffd字。"],
        ["内科", "问", SECRET, "好"],
        ["内科", "问", SECRET],
    ]
    (tmp_path / "x.csv").write_bytes(table(40, extra=planted))
    run = curate([tmp_path / "x.csv"], tmp_path / "out", CurateSettings())
    counts = run.record["counts"]
    assert counts["rejected"] == {
        "cut_off": 1,
        "duplicate": 1,
        "mojibake": 1,
        "no_answer": 1,
        "no_question": 1,
        "ragged_row": 1,
        "replacement_character": 1,
        "short_answer": 1,
    }
    assert counts["read"] == 49 == counts["kept"] + sum(counts["rejected"].values())
    assert counts["splits"] == {name: len(found) for name, found in splits(tmp_path / "out").items()}
    assert counts["kept"] == sum(counts["splits"].values())
    rejected = [json.loads(line) for line in (tmp_path / "out/rejected.jsonl").read_text("utf-8").splitlines()]
    assert [(r["source"], r["row"], r["reason"]) for r in rejected[1:3]] == [
        ("x.csv", 44, "no_answer"),
        ("x.csv", 45, "no_question"),
    ]
    assert all(
        set(r) == {"id", "source", "row", "reason"} | ({"evidence", "of", "similarity"} & set(r)) for r in rejected
    )


def test_nothing_of_a_rejected_text_is_written(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(table(20, extra=[["内科", "问", SECRET, ""], ["内科", SECRET, SECRET]]))
    curate([tmp_path / "x.csv"], tmp_path / "out", CurateSettings())
    for name, data in files(tmp_path / "out").items() | {("run.json", (tmp_path / "out/run.json").read_bytes())}:
        assert "王小明" not in data.decode() and "13800138000" not in data.decode(), name


def test_near_duplicates_stay_in_one_split_and_the_check_says_so(tmp_path: Path) -> None:
    rng = random.Random(5)
    planted = []
    for _ in range(40):
        answer = sentence(rng)
        planted += [["内科", "问", sentence(rng), answer[:k] + "另" + answer[k + 1 :]] for k in (5, 15, 25)]
    (tmp_path / "x.csv").write_bytes(table(60, extra=planted))
    run = curate([tmp_path / "x.csv"], tmp_path / "out", CurateSettings())
    homes: dict[str, set[str]] = {}
    for name, found in splits(tmp_path / "out").items():
        for conversation in found:
            homes.setdefault(conversation.meta["cluster"], set()).add(name)
    assert all(len(home) == 1 for home in homes.values())
    assert run.record["counts"]["clusters"] == len(homes) == 100
    leak = run.record["leak"]
    assert leak["held_out"] == "test"
    assert leak["largest_similarity"] < leak["threshold"] == 0.4


def test_what_clustering_misses_the_check_finds_and_more_rounds_join(tmp_path: Path, monkeypatch: Any) -> None:
    rng = random.Random(7)
    planted = []
    for _ in range(30):
        answer = sentence(rng)
        planted += [["内科", "问", sentence(rng), answer[:k] + "另外" + answer[k:]] for k in (4, 12, 20, 28)]
    (tmp_path / "x.csv").write_bytes(table(0, extra=planted))
    # one band of four rows proposes few of the pairs
    monkeypatch.setattr(near, "_BANDS", 1)
    monkeypatch.setattr(near, "_ROWS", 4)
    leaks, clusters = [], []
    for most in (1, 5):
        monkeypatch.setattr(parts, "_MAX_ROUNDS", most)
        record = curate([tmp_path / "x.csv"], tmp_path / str(most), CurateSettings()).record
        leaks.append(record["leak"])
        clusters.append(record["counts"]["clusters"])
    assert leaks[0]["largest_similarity"] >= 0.4
    assert leaks[1]["rounds"] > 1
    assert clusters[1] < clusters[0]


def test_a_copy_in_two_corpora_does_not_leak(tmp_path: Path) -> None:
    rng = random.Random(6)
    pairs = [(sentence(rng), sentence(rng)) for _ in range(60)]
    (tmp_path / "a.csv").write_bytes(table(0, extra=[["内科", "问", q, a] for q, a in pairs]))
    other = [{"instruct": q + "谢谢", "output": a} for q, a in pairs]
    (tmp_path / "b.json").write_text(json.dumps(other), "utf-8")
    both = [tmp_path / "a.csv", tmp_path / "b.json"]
    once = curate(both, tmp_path / "once", CurateSettings())
    assert (once.record["counts"]["kept"], once.record["counts"]["rejected"]) == (60, {"near_duplicate": 60})
    run = curate(both, tmp_path / "out", CurateSettings(repeats_threshold=0))
    assert run.record["counts"]["kept"] == 120
    assert run.record["counts"]["clusters"] == 60
    assert run.record["leak"]["largest_similarity"] < 0.4


def test_the_same_input_gives_the_same_bytes_whatever_its_names_and_order(tmp_path: Path) -> None:
    for place, names in (("one", "ab"), ("two", "ba")):
        (tmp_path / place).mkdir()
        for name, seed in zip(names, (1, 2), strict=True):
            (tmp_path / place / f"{name}.csv").write_bytes(table(30, seed))
    outs = [tmp_path / name for name in ("x", "y")]
    runs = [curate([tmp_path / p], out, CurateSettings()) for p, out in zip(("one", "two"), outs, strict=True)]
    first, second = ({k: v for k, v in files(out).items() if k != "rejected.jsonl"} for out in outs)
    assert first == second
    assert runs[0].record["splits_sha256"] == runs[1].record["splits_sha256"]


def test_what_was_curated_is_curated_to_itself(source: Path, tmp_path: Path) -> None:
    curate([source], tmp_path / "one", CurateSettings())
    names = ("train", "valid", "test")
    again = curate([tmp_path / f"one/{name}.jsonl" for name in names], tmp_path / "two", CurateSettings())
    assert again.record["counts"]["rejected"] == {}
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_finished_run_is_skipped_and_another_refused(source: Path, tmp_path: Path, monkeypatch: Any) -> None:
    out = tmp_path / "out"
    first = curate([source], out, CurateSettings()).record
    monkeypatch.setattr(chunks, "read", lambda *_: pytest.fail("read again"))
    assert curate([source], out, CurateSettings()).record == first
    with pytest.raises(ConfigError, match=r"seed: 0 -> 1"):
        curate([source], out, CurateSettings(seed=1))
    source.write_bytes(table(61))
    with pytest.raises(ConfigError, match=r"inputs\."):
        curate([source], out, CurateSettings())


def test_a_run_that_was_killed_is_completed(source: Path, tmp_path: Path, monkeypatch: Any) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    curate([source], whole, CurateSettings())
    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_rejected", lambda path, rejected: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            curate([source], out, CurateSettings())
    assert read_json(out / "run.json")["status"] == "running"
    assert curate([source], out, CurateSettings()).finished
    assert files(out) == files(whole)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"department,title,ask,answer\n", "no conversations found|No conversation"),
        ("department,title,ask,answer\n内科,问,问,\n".encode(), "no_answer: 1"),
        (table(5) + "内科,您好您好您好,您好,您好。\n".encode(), "two encodings"),
        (b'[{"instruction": "a", "output": "b"},]', "Remove that comma"),
        (b"\xff\xfe\x00", "UTF-16"),
        (b"", "no conversations found"),
    ],
)
def test_wrong_input_is_an_error_and_leaves_nothing(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DataError, match=what):
        curate([tmp_path / "x"], tmp_path / "out", CurateSettings())
    assert not (tmp_path / "out").exists()


def test_a_damaged_file_among_good_ones_is_named_and_the_rest_goes_on(source: Path, tmp_path: Path) -> None:
    alone = curate([source], tmp_path / "alone", CurateSettings())
    folder = tmp_path / "folder"
    folder.mkdir()
    source = source.rename(folder / source.name)
    (folder / "b.json").write_text(f'[{{"instruction": "{SECRET}", "output": "好。"}}, {{"instruction": "a"', "utf-8")
    out = tmp_path / "out"
    for _ in range(2):  # also of a run that is finished
        with pytest.raises(DataError, match=r"b\.json:1:\d+: not JSON.*cut off(.|\n)*--skip-bad"):
            curate([source.parent], out, CurateSettings())
    run = curate([source.parent], out, CurateSettings(), skip_bad=True)
    assert files(out) == files(tmp_path / "alone")
    assert run.record["counts"] == alone.record["counts"]
    assert [bool(f["damaged"]) for f in run.record["files"]] == [True, False]
    assert SECRET not in (out / "run.json").read_text("utf-8")


def test_the_output_may_lie_inside_of_the_source(source: Path, tmp_path: Path) -> None:
    first = curate([source.parent], tmp_path / "out", CurateSettings()).record
    assert curate([source.parent], tmp_path / "out", CurateSettings()).record == first
    assert list(first["inputs"]) == [f"{tmp_path.name}/样例.csv"]


def test_nothing_is_written_when_all_files_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text('[{"instruction": "a"', "utf-8")
    with pytest.raises(DataError, match=r"^.*b\.json:1:\d+: not JSON.*cut off"):
        curate([tmp_path / "b.json"], tmp_path / "out", CurateSettings(), skip_bad=True)
    assert not (tmp_path / "out").exists()


def test_numbers_that_stand_for_text_are_counted(tmp_path: Path) -> None:
    records = [{"instruction": "怎么办", "output": "多休息。", "history": [["空腹血糖多少？", 7.8]]}]
    (tmp_path / "x.json").write_text(json.dumps(records), "utf-8")
    run = curate([tmp_path / "x.json"], tmp_path / "out", CurateSettings(min_answer_chars=1))
    assert run.record["changes"] == {"number_as_text": 1}


def test_a_mapping_names_the_columns(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("question: 主诉\nanswer: 医嘱\n", "utf-8")
    (tmp_path / "x.csv").write_text("主诉,医嘱\n咳嗽三天,多喝水。\n", "utf-8")
    with pytest.raises(DataError, match="mapping=FILE"):
        curate([tmp_path / "x.csv"], tmp_path / "out", CurateSettings())
    run = curate([tmp_path / "x.csv"], tmp_path / "out", CurateSettings(mapping=str(tmp_path / "m.yaml")))
    assert run.record["counts"]["kept"] == 1
    assert "mapping" in run.record["inputs"]


def test_a_folder_with_a_licence_and_a_read_me(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "x.csv").write_bytes(table(20))
    (folder / "LICENSE").write_text("MIT License\n\nCopyright", "utf-8")
    (folder / "README.md").write_text("# A corpus, of dialogues\n", "utf-8")
    run = curate([folder], tmp_path / "out", CurateSettings())
    assert run.record["counts"]["read"] == 20
    assert [(f["name"], f["encoding"], bool(f["skipped"])) for f in run.record["files"]] == [
        ("corpus/LICENSE", "utf-8", True),
        ("corpus/README.md", "utf-8", True),
        ("corpus/x.csv", "gb18030", False),
    ]
    assert all(c.licence == "MIT" for c in splits(tmp_path / "out")["train"])


def test_files_are_readable_by_their_owner_only(source: Path, tmp_path: Path) -> None:
    curate([source], tmp_path / "out", CurateSettings())
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "out").iterdir()}
    assert set(modes) == {"train.jsonl", "valid.jsonl", "test.jsonl", "rejected.jsonl", "run.json", "report.html"}
    assert set(modes.values()) == {0o600}


def test_named_splits(source: Path, tmp_path: Path) -> None:
    settings = build(CurateSettings, {"splits": "pretrain=0.4,train=0.4,test=0.2"}, "curate")
    run = curate([source], tmp_path / "out", settings)
    assert run.record["counts"]["splits"] == {"pretrain": 24, "train": 24, "test": 12}
    found = splits(tmp_path / "out", ("pretrain", "train", "test"))
    assert {name: len(c) for name, c in found.items()} == run.record["counts"]["splits"]


def test_progress_names_every_file(source: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(table(5, 3))
    told: list[tuple[str, float]] = []
    curate([source, tmp_path / "b.csv"], tmp_path / "out", CurateSettings(), lambda *a: told.append(a))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1
    assert [name.split()[0] for name, _ in told[:2]] == ["样例.csv", "b.csv"]


def test_a_limit_samples_and_accounts_for_the_rest(source: Path, tmp_path: Path) -> None:
    runs = [
        curate([source], tmp_path / f"{s}{n}", CurateSettings(seed=s, limit=n, limit_by="random"))
        for s, n in ((0, 20), (1, 20), (0, 99))
    ]
    assert [run.record["counts"]["kept"] for run in runs] == [20, 20, 60]
    assert runs[0].record["counts"]["rejected"] == {"over_limit": 40}
    kept = [{c.id for found in splits(tmp_path / n).values() for c in found} for n in ("020", "120")]
    assert kept[0] != kept[1]


@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ({"seed": 5}, "splits_sha256"),
        ({"splits": "train=0.5,test=0.5"}, "splits_sha256"),
        ({"near_duplicate_threshold": 0.05}, "counts"),
        ({"min_compared_chars": 1}, "counts"),
        ({"min_answer_chars": 3}, "counts"),
        ({"max_chars": 60}, "counts"),
        ({"cut_off_chars": 2}, "counts"),
        ({"drop_courtesies": False}, "changes"),
        ({"limit": 10}, "counts"),
    ],
)
def test_every_setting_changes_something(tmp_path: Path, setting: dict[str, Any], changed: str) -> None:
    rng = random.Random(8)
    extra = [["内科", "问", sentence(rng), text] for text in ("可以", "可以", "不能吃", sentence(rng) + "祝您健康。")]
    (tmp_path / "x.csv").write_bytes(table(30, extra=extra))
    runs = [
        curate([tmp_path / "x.csv"], tmp_path / str(i), build(CurateSettings, s, ""))
        for i, s in enumerate(({}, setting))
    ]
    assert runs[0].record[changed] != runs[1].record[changed]


@pytest.mark.parametrize("locale", ["C", "zh_CN.GBK", "C.UTF-8"])
def test_the_locale_does_not_count(source: Path, tmp_path: Path, locale: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    curate([source], here, CurateSettings())
    program = (
        "import sys; from pathlib import Path; from doctorglm.curate import CurateSettings, curate; "
        "curate([Path(sys.argv[1])], Path(sys.argv[2]), CurateSettings())"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program, str(source), str(there)],
        env={**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    assert files(here) == files(there)
    assert read_json(here / "run.json")["inputs"] == read_json(there / "run.json")["inputs"]


def two_sources(folder: Path) -> list[Path]:
    """Sixty records of one corpus, ten of another; of these one is a copy of one of the first, one has a word more."""
    rng = random.Random(4)
    rows = [(sentence(rng), sentence(rng)) for _ in range(70)]
    rows[68], rows[69] = rows[7], (rows[5][0], "建议" + rows[5][1])
    paths = [folder / "ours.jsonl", folder / "theirs.jsonl"]
    for path, chosen in zip(paths, (rows[:60], rows[60:]), strict=True):
        lines = [{"source": path.stem, "messages": messages(*row)} for row in chosen]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return paths


def test_a_near_copy_in_what_is_only_compared_takes_nothing_from_what_is_written(tmp_path: Path) -> None:
    run = curate(two_sources(tmp_path), tmp_path / "out", build(CurateSettings, {"only": ["ours"]}, "curate"))
    assert run.record["counts"]["kept"] == 60
    assert "near_duplicate" not in run.record["counts"]["rejected"]


def messages(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@pytest.mark.parametrize("name", ["theirs", "theirs.jsonl"])
@pytest.mark.parametrize("others", [{}, {"only": "ours"}, {"limit": 59}])
def test_a_held_out_source_is_the_test_part_and_nothing_near_to_it_is_trained_on(
    tmp_path: Path, name: str, others: dict[str, Any]
) -> None:
    run = curate(two_sources(tmp_path), tmp_path / "out", build(CurateSettings, {"held_out": name, **others}, "curate"))
    found = splits(tmp_path / "out")
    assert [c.source for c in found["test"]] == ["theirs"] * 10
    assert {c.source for part in ("train", "valid") for c in found[part]} == {"ours"}
    lines = (tmp_path / "out/rejected.jsonl").read_text("utf-8").splitlines()
    rejected = [(r["source"], r["row"], r["reason"]) for r in map(json.loads, lines)]
    assert rejected == [("ours.jsonl", 6, "near_held_out"), ("ours.jsonl", 8, "duplicate")]
    assert (len(found["train"]), len(found["valid"])) == (52, 6), "58 records, at 0.8 and 0.1"
    assert run.record["leak"]["held_out"] == "test"


def test_a_limit_is_for_what_is_not_held_out(tmp_path: Path) -> None:
    curate(two_sources(tmp_path), tmp_path / "out", CurateSettings(held_out=["theirs"], limit=20))
    found = splits(tmp_path / "out")
    assert len(found["test"]) == 10
    assert 19 <= len(found["train"]) + len(found["valid"]) <= 20, "a chosen one may be near to a held-out one"


def test_with_only_one_source_written_the_others_still_decide_the_splits(tmp_path: Path) -> None:
    settings = {"only": ["ours"], "splits": {"train": 0.5, "test": 0.5}, "repeats_threshold": 0}
    run = curate(two_sources(tmp_path), tmp_path / "out", build(CurateSettings, settings, "curate"))
    found = splits(tmp_path / "out", ("train", "test"))
    assert {c.source for part in found.values() for c in part} == {"ours"}
    assert sorted(run.record["counts"]["rejected"]) == ["compared_only", "duplicate"]
    assert sum(map(len, found.values())) + sum(run.record["counts"]["rejected"].values()) == 70


@pytest.mark.parametrize("setting", ["only", "held_out"])
def test_a_source_that_no_record_has_is_named_before_anything_is_written(setting: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{setting}=cmd.*ours, ours.jsonl, theirs"):
        curate(two_sources(tmp_path), tmp_path / "out", build(CurateSettings, {setting: ["cmd"]}, "curate"))
    assert not (tmp_path / "out").exists()


def test_held_out_needs_another_part(tmp_path: Path) -> None:
    settings = build(CurateSettings, {"held_out": ["theirs"], "splits": {"test": 1}}, "curate")
    with pytest.raises(ConfigError, match="no part but `test`"):
        curate(two_sources(tmp_path), tmp_path / "out", settings)


def test_what_two_sources_share_is_counted_with_the_copies_that_went_and_no_copy_is_left(tmp_path: Path) -> None:
    rng = random.Random(21)
    texts = [(sentence(rng), sentence(rng) + sentence(rng)) for _ in range(12)]
    ours, theirs = texts[:8], [*texts[:3], (texts[3][0], "另" + texts[3][1]), *texts[8:]]
    for name, pairs in (("ours", ours), ("theirs", theirs)):
        lines = [{"question": q, "answer": a, "source": name} for q, a in pairs]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    run = curate([tmp_path / "ours.jsonl", tmp_path / "theirs.jsonl"], tmp_path / "out", CurateSettings())
    assert run.record["overlaps"] == {"sources": ["ours", "theirs"], "clusters": [[0, 4], [4, 0]]}
    assert run.record["counts"]["rejected"] == {"duplicate": 3, "near_duplicate": 1}
    kept = [c.messages[0].content for found in splits(tmp_path / "out").values() for c in found]
    assert sorted(kept) == sorted(q for q, _ in texts)
