"""Plant mechanical errors into pairs.jsonl and, where those run out, into TICO-19, under a fixed seed.

    python plant.py OUT [--tico medical_tico19.jsonl.gz] [--each 220] [--seed 19]

OUT/planted.jsonl gets {"id","pair","kind","en","good","zh","note","half"}. TICO-19's text (CC0) goes only there,
never into this set. A pair of ours keeps the half it has in errors.jsonl; a TICO-19 document lies in one half.
"""

import argparse
import gzip
import hashlib
import json
import random
import re
from pathlib import Path

HERE = Path(__file__).parent
TICO = HERE.parents[2].parent / "shared" / "data" / "translation" / "medical_tico19.jsonl.gz"
NUMBER = re.compile(r"(?<![A-Za-z0-9.,\-])\d[\d,]*(?:\.\d+)?(?![A-Za-z0-9])")
UNIT = re.compile(r"[^。？！；\n]+[。？！；\n]*")
CLAUSE = re.compile(r"[^。？！；，、：\n]+[。？！；，、：\n]?")


def wrong_number(text, en, rng):
    """One number of the Chinese that the English has too, misread as models do, or None."""
    shared = [found for found in NUMBER.finditer(text) if found[0].replace(",", "") in en.replace(",", "")]
    if not shared:
        return None
    found = rng.choice(shared)
    old = found[0]
    follows = text[found.end() :].lstrip()[:1]
    if follows == "年" and len(old) == 4:
        new = old[:3] + rng.choice([digit for digit in "0123456789" if digit != old[3]])
        return text[: found.start()] + new + text[found.end() :], f"another year: {old} -> {new}"
    if follows in ("月", "日", "号"):
        new = str(rng.choice([day for day in range(1, 13) if day != int(old)]))
        return text[: found.start()] + new + text[found.end() :], f"another date: {old} -> {new}"
    ways = {"a zero more": old + "0" if "." not in old else old.replace(".", "")}
    digits = [i for i, letter in enumerate(old) if letter.isdigit()]
    if len(digits) > 1:
        ways["a digit lost"] = old[: digits[-1]].rstrip(".,")
        at = rng.randrange(len(digits) - 1)
        i, j = digits[at], digits[at + 1]
        if old[i] != old[j] and not (at == 0 and old[j] == "0"):
            ways["two digits exchanged"] = old[:i] + old[j] + old[i + 1 : j] + old[i] + old[j + 1 :]
    at = rng.choice(digits)
    ways["one digit changed"] = (
        old[:at] + rng.choice([digit for digit in "123456789" if digit != old[at]]) + old[at + 1 :]
    )
    way = rng.choice(
        sorted(way for way, new in ways.items() if float(new.replace(",", "")) != float(old.replace(",", "")))
    )
    return text[: found.start()] + ways[way] + text[found.end() :], f"{way}: {old} -> {ways[way]}"


def slid(text, en, rng):
    """Two neighbouring sentences or lines exchanged, or None where there is only one."""
    parts = [part for part in UNIT.findall(text) if part.strip()]
    places = [
        i
        for i in range(len(parts) - 1)
        if min(len(parts[i]), len(parts[i + 1])) >= 4 and parts[i].strip() != parts[i + 1].strip()
    ]
    if not places:
        return None
    at = rng.choice(places)
    first, second = (re.fullmatch(r"(.*?)([。？！；\n]*)", part, re.S).groups() for part in parts[at : at + 2])
    if {first[1], second[1]} <= set("。？！"):
        first, second = (first[0] + first[1], ""), (second[0] + second[1], "")
    exchanged = second[0] + first[1] + first[0] + second[1]
    return "".join([*parts[:at], exchanged, *parts[at + 2 :]]), f"sentences {at + 1} and {at + 2} exchanged"


def cut(text, en, rng):
    """The first 35 to 75 of a hundred characters, or None where that is too short to be read."""
    length = round(len(text) * rng.uniform(0.35, 0.75))
    kept = text[:length].rstrip()
    if len(kept) < 6 or len(text) - len(kept) < 5 or text[len(kept)] in "。？！；，、：\n":
        return None
    return kept, f"cut after {len(kept)} of {len(text)} characters"


def looped(text, en, rng):
    """A clause of the text, or its last sentence, said 4 to 20 times over."""
    parts = [part for part in CLAUSE.findall(text) if len(part.strip()) >= 3]
    if not parts:
        return None
    again, times = rng.choice(parts), rng.randint(3, 20)
    at = text.index(again) + len(again)
    tail = "" if rng.random() < 0.5 else text[at:]
    return text[:at] + again * (times - 1) + tail, f"{again.strip()} {times} times" + (
        "" if tail else ", nothing after it"
    )


WAYS = {"number": wrong_number, "order": slid, "truncation": cut, "loop": looped}


def rows(path):
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def sources(tico):
    """(pair id, half, English, Chinese): ours first, then TICO-19 by document."""
    for row in rows(HERE / "pairs.jsonl"):
        yield row["id"], "dev" if int(row["id"][1:]) % 2 else "test", row["en"], row["zh"]
    for number, row in enumerate(rows(tico), 1):
        document = row["source"].rpartition(":")[0]
        yield f"t{number:04d}", ("dev", "test")[hashlib.sha256(document.encode()).digest()[0] % 2], row["en"], row["zh"]


def plant(tico, each, seed):
    taken = {(row["pair"], row["zh"]) for row in rows(HERE / "errors.jsonl")}
    planted = []
    for kind, way in WAYS.items():
        rng = random.Random(f"{seed} {kind}")
        ours, theirs = [], []
        for pair, half, en, zh in sources(tico):
            spoiled = way(zh, en, rng)
            if spoiled and spoiled[0] != zh and (pair, spoiled[0]) not in taken:
                row = {
                    "pair": pair,
                    "kind": kind,
                    "en": en,
                    "good": zh,
                    "zh": spoiled[0],
                    "note": spoiled[1],
                    "half": half,
                }
                (ours if pair[0] == "p" else theirs).append(row)
        found = []
        for half in ("dev", "test"):
            mine = [row for row in ours if row["half"] == half][: each // 2]
            others = [row for row in theirs if row["half"] == half]
            found += mine + rng.sample(others, min(len(others), each // 2 - len(mine)))
        planted += [{"id": f"m_{kind}_{number:04d}", **row} for number, row in enumerate(found, 1)]
    return planted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tico", type=Path, default=TICO)
    parser.add_argument("--each", type=int, default=220)
    parser.add_argument("--seed", type=int, default=19)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = plant(options.tico, options.each, options.seed)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
    (options.out / "planted.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
