"""A hospital's first evening, by the commands that its page prints, on a tiny folder in the published layout."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fnmatch import fnmatch
from pathlib import Path

import pytest

from doctorglm import language, models
from doctorglm.__main__ import main
from doctorglm.cli.planning import plan_settings
from doctorglm.conversation import read_conversations
from doctorglm.curate import curate
from doctorglm.evaluate import GateSettings
from doctorglm.evaluate.release import require_gate
from doctorglm.plan import PlanSettings, plan
from doctorglm.recipe import load_recipe
from doctorglm.runs import read_json, sha256_file, sha256_tree
from doctorglm.settings import parse_overrides, plain

from ..official import write_official
from .ward import rows, vocabulary, write_csv

ROOT = Path(__file__).parents[2]
PAGES = {"en": ROOT / "docs/hospital.md", "zh": ROOT / "docs/hospital.zh-CN.md"}
RUN = Path("runs/hospital-6b")
SMALL = [
    "tune.max_length=256",
    "tune.batch_tokens=1024",
    "tune.accumulation=1",
    "tune.learning_rate=0.02",
    "tune.epochs=3",
    "tune.lora_rank=16",
    "tune.replay=0.3",
    "evaluate.max_length=320",
    "evaluate.dialogues=0",
    "evaluate.max_new_tokens=16",
    "evaluate.batch_size=128",
    "compare.resamples=1000",
]
"""What a model of two layers needs instead of the recipe's numbers; everything else is the recipe's own."""


def block(lang: str, name: str) -> list[str]:
    """The lines of the code block that follows the page's comment `<!-- NAME -->`."""
    found = re.search(rf"<!-- {name} -->\n```bash\n(.*?)```", PAGES[lang].read_text("utf-8"), re.DOTALL)
    assert found, f"{PAGES[lang].name} has no block {name}"
    return found[1].splitlines()


@dataclass
class Evening:
    """Where it happened, and what each command returned and printed."""

    place: Path
    codes: list[int]
    said: list[str]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    place = tmp_path_factory.mktemp("evening")
    write_official(place / "models/chatglm-6b", vocabulary())
    write_csv(place / "data/consultations.csv", 800)
    (place / "recipes").symlink_to(ROOT / "recipes")
    language.choose("en")
    done = Evening(place, [], [])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr("os.cpu_count", lambda: 1)
        for line in block("en", "four commands"):
            words = shlex.split(line, comments=True)
            assert words[0] == "doctorglm"
            more = SMALL if words[1] == "run" else ["--ask", "胃痛反酸嗳气怎么办？", "max_new_tokens=20", "--json"]
            heard = _Heard()
            patch.setattr(sys, "stdout", heard)
            patch.setattr(sys, "stderr", heard)
            done.codes.append(main([*words[1:], *(more if words[1] in ("run", "chat") else [])]))
            done.said.append(heard.text)
        patch.undo()
        patch.chdir(place)
        yield done
    language.choose(None)


class _Heard:
    """A stream that keeps what is written; no terminal."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing."""

    def isatty(self) -> bool:
        return False


def test_four_commands_lead_to_a_gated_adapter_and_an_answer(evening: Evening) -> None:
    assert evening.codes == [0, 0, 0, 0], evening.said[-2:]
    assert len(evening.codes) == len(block("zh", "four commands")) == 4
    read, planned, ran, talked = evening.said
    assert "encodings: gb18030: consultations.csv" in read and "RTX-4090-24G" in planned
    assert "✓ passed" in ran and "The tuned model passes the gate: on 80 held-out items" in ran
    note, answer = talked.strip().splitlines()
    assert note.startswith("The tuned model passes the gate")
    assert json.loads(answer)["finish"] in ("stop", "length") and json.loads(answer)["answer"]


def test_what_the_first_command_left_is_not_made_again(evening: Evening) -> None:
    curated = read_json(RUN / "curate/run.json")
    assert curated["status"] == "finished" and curated["counts"]["read"] == curated["counts"]["kept"] == 800
    assert curated["deid"]["review"]["file"] == "review.xlsx", "which the third command does not ask for"


def test_placebo_and_all_criteria_are_behind_it(evening: Evening) -> None:
    gate = read_json(RUN / "tune/gate.json")
    assert gate == read_json(RUN / "compare/gate.json") and gate["passed"]
    assert len(gate["criteria"]) == 8 and all(criterion["passed"] for criterion in gate["criteria"])
    assert gate["sha256"]["placebo"] and gate["metrics"]["nll_per_token"]["high_placebo"] < 0
    assert gate["thresholds"] == plain(GateSettings(resamples=1000)), "nothing else was asked for less"


def test_no_code_of_the_folder_was_run_and_its_files_are_as_they_were(evening: Evening) -> None:
    folder = Path("models/chatglm-6b")
    assert len(list(folder.glob("pytorch_model-0000?-of-00008.bin"))) == 8
    assert not list(folder.rglob("__pycache__")) and not (folder / "model.safetensors").exists()


def test_the_settings_that_are_planned_are_the_recipes() -> None:
    recipe = plain(load_recipe(ROOT / "recipes/hospital-6b.yaml", {}).tune)
    for lang in PAGES:
        (line,) = [line for line in block(lang, "four commands") if line.startswith("doctorglm plan")]
        given = parse_overrides([word for word in shlex.split(line) if "=" in word])
        planned = plain(plan_settings(given))
        assert {name: recipe[name] for name in planned if name in recipe} == {
            name: value for name, value in planned.items() if name in recipe
        }


@pytest.mark.parametrize("card", ["RTX-4090-24G", "RTX-3090-24G", "A100-80G"])
def test_the_recipe_fits_the_cards_that_its_page_names(evening: Evening, card: str) -> None:
    recipe = plain(load_recipe(ROOT / "recipes/hospital-6b.yaml", {}).tune)
    names = {field.name for field in fields(PlanSettings)}
    settings = PlanSettings(**{name: value for name, value in recipe.items() if name in names})
    assert plan("chatglm-6b", RUN / "curate", card, settings).chosen.fits


def test_both_pages_have_the_same_commands_and_the_same_files() -> None:
    for name in ("four commands", "backup", "erase", "anew"):
        assert block("en", name) == block("zh", name)
    assert stored("en") == stored("zh")


def stored(lang: str) -> list[str]:
    """The names of the page's table of files, with their wildcards."""
    text = PAGES[lang].read_text("utf-8").partition("<!-- stored -->\n")[2].partition("\n\n")[0]
    return [name for row in text.splitlines()[2:] for name in re.findall("`([^`]+)`", row.split("|")[1])]


def test_every_file_stands_in_the_table_and_is_its_owners_alone(evening: Evening) -> None:
    left = {file.relative_to(RUN).as_posix(): file for file in RUN.rglob("*") if file.is_file()}
    names = stored("en")
    assert [name for name in left if not any(fnmatch(name, pattern) for pattern in names)] == []
    # the test's run mixes in real text, so that the base answered nothing
    unused = {pattern for pattern in names if not any(fnmatch(name, pattern) for name in left)}
    assert unused == {"tune/replay.jsonl", "placebo/replay.jsonl"}
    assert {name for name, file in left.items() if stat.S_IMODE(file.stat().st_mode) != 0o600} == set()


def test_nothing_of_a_patient_is_where_the_table_says_none(evening: Evening) -> None:
    """Of the rows, six characters in a row; ids by their form."""
    text = PAGES["en"].read_text("utf-8").partition("<!-- stored -->\n")[2].partition("\n\n")[0]
    none = [n for row in text.splitlines()[2:] if row.split("|")[3].strip() == "none"
            for n in re.findall("`([^`]+)`", row.split("|")[1])]  # fmt: skip
    said = {part[i : i + 6] for row in rows(800) for part in row[1:] for i in range(len(part) - 5)}
    ids = {c.id for part in ("train", "valid", "test") for c in read_conversations(RUN / f"curate/{part}.jsonl")}
    assert len(none) > 10 and len(said) > 1000 and len(ids) == 800
    for file in RUN.rglob("*"):
        if file.is_file() and any(fnmatch(file.relative_to(RUN).as_posix(), pattern) for pattern in none):
            text = file.read_text("utf-8")
            assert not [one for one in ids if one in text], file
            assert not [piece for piece in said if piece in text], file


def shell(lines: list[str]) -> subprocess.CompletedProcess[str]:
    """What the lines print when they are typed."""
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", "\n".join(lines)], capture_output=True, text=True, env=os.environ | {"PATH": paths}, timeout=120
    )


def test_a_backup_is_unpacked_and_its_adapter_is_used_with_its_gate(evening: Evening, tmp_path: Path) -> None:
    done = shell(block("en", "backup"))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(Path("hospital-6b.tgz").stat().st_mode) == 0o600
    assert shell([f"tar -xzf hospital-6b.tgz -C {tmp_path}"]).returncode == 0
    adapter = tmp_path / "tune/adapter"
    assert require_gate(adapter, None, allow_ungated=False)["passed"]
    models.load(Path("models/chatglm-6b"), adapter)
    assert load_recipe(tmp_path / "recipe.yaml", {}) == load_recipe(RUN / "recipe.yaml", {})


def test_a_patient_is_found_in_every_file_and_adapter(evening: Evening) -> None:
    trained = list(read_conversations(RUN / "curate/train.jsonl"))
    chosen = [row for row in rows(800) if row[1] in {c.questions for c in trained}][:2]
    head = Path("data/consultations.csv").read_bytes().decode("gb18030").splitlines()[0]
    lines = "".join(f"{line}\r\n" for line in [head, *(",".join(row) for row in chosen)])
    Path("data/erase.csv").write_bytes(lines.encode("gb18030"))
    exported = ["convert", str(RUN / "tune/adapter"), "exported", "--to", "merged", "--base", "models/chatglm-6b"]
    assert main(exported) == 0, "the gate that was passed is what convert asks for"
    done = shell(block("en", "erase"))
    assert done.returncode == 0, done.stderr
    found = "".join(file.read_text("utf-8") for file in Path("runs/erase").glob("*.jsonl")).splitlines()
    asked = [json.loads(line)["id"] for line in found]
    assert len(asked) == 2
    # the placebo learned their answers under other ids, which is why a run's folder goes whole
    placebo = {c.answers: c.id for c in read_conversations(RUN / "placebo-data/train.jsonl")}
    assert all(placebo[row[2]] not in asked for row in chosen)
    expected = {str(file) for file in RUN.rglob("*.jsonl") if any(one in file.read_text("utf-8") for one in asked)}
    files = {line for line in done.stdout.splitlines() if line.endswith(".jsonl")}
    assert files == expected >= {str(RUN / part / "train.jsonl") for part in ("curate", "placebo-data")}
    made_of = {line.removeprefix("./") for line in done.stdout.splitlines() if line.endswith("run.json")}
    assert {str(RUN / "tune/run.json"), str(RUN / "evaluate/tuned/run.json"), "exported/run.json"} <= made_of
    digests = (sha256_file(RUN / "curate/train.jsonl"), sha256_tree(RUN / "tune/adapter"))
    records = {str(file): file.read_text("utf-8") for file in Path().rglob("run.json")}
    assert made_of == {file for file, text in records.items() if any(digest in text for digest in digests)}


def test_a_run_made_anew_knows_nothing_of_the_patient(evening: Evening, tmp_path: Path) -> None:
    """Its part at least, which is all that the others begin with; the rest keep the part that they had."""
    left_out = rows(800)[5]
    kept = [row for row in rows(800) if row != left_out]
    lines = "".join(f"{line}\r\n" for line in ["科室,患者提问,医生回答", *(",".join(row) for row in kept)])
    (tmp_path / "consultations.csv").write_bytes(lines.encode("gb18030"))
    recipe = load_recipe(ROOT / "recipes/hospital-6b.yaml", {})
    curate([tmp_path / "consultations.csv"], tmp_path / "curate", recipe.curate)
    parts = {}
    for place in (RUN / "curate", tmp_path / "curate"):
        for part in ("train", "valid", "test"):
            parts[place, part] = {c.id: c.questions for c in read_conversations(place / f"{part}.jsonl")}
    before = {one: part for (place, part), of in parts.items() if place != tmp_path / "curate" for one in of}
    after = {one: part for (place, part), of in parts.items() if place == tmp_path / "curate" for one in of}
    gone = before.keys() - after.keys()
    assert len(gone) == 1 and len(after) == 799
    moved = [one for one in after if after[one] != before[one]]
    assert len(moved) <= 8, "others keep the part that they had, but for the few that keep its size"
