"""One engine of the speed part of `benchmarks/library.py`, in a process of its own: builds, or serves searches.

    python benchmarks/peers/library_engine.py ENGINE build CHUNKS FOLDER
    python benchmarks/peers/library_engine.py ENGINE serve FOLDER
    python benchmarks/peers/library_engine.py ours first FOLDER QUESTION

CHUNKS has one JSON object a line: id, title, heading, text. `build` prints its seconds and the index's bytes. `serve`
reads lines {"questions": [...]}, answers each with {"ms": [...], "found": n}, then, at the end of its input, with the
memory that it has had. `first` imports, opens, answers one question, and prints what each of these took.

All but the trigram index have the same words, those of the product (folded, cut by jieba, function words left out of
questions), and cutting them counts: what is compared is the whole way from a question's text to ten chunks' texts.
`ours` does more on that way: it recognises terms, denials and names, searches twice, and judges what it found.
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # the modules of the benchmark

COUNT = 10
STARTED = time.perf_counter()

Search = Callable[[str], list[str]]
"""A question -> the texts of the best chunks."""


def chunks(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def text_of(chunk: dict[str, Any]) -> str:
    return f"{chunk['title']}\n{chunk['heading']}\n{chunk['text']}"


def words(text: str) -> list[str]:
    """Of a text, all."""
    from doctorglm.library.analysis import runs_of, words_of

    return words_of(runs_of(text))


def asked(question: str) -> list[str]:
    """Of a question, those that ask for something, each once."""
    from doctorglm.library.analysis import content_of, words_of

    return list(dict.fromkeys(words_of(content_of(question))))


def build_ours(source: Path, folder: Path) -> None:
    """The product's index and files, from chunks that are already cut; `library build` is timed beside it."""
    from _library_written import write_library
    from doctorglm.library.document import Document, Section

    sections: dict[tuple[str, str], list[Section]] = {}
    for chunk in chunks(source):
        key = (chunk["id"].partition("#")[0], chunk["title"])
        sections.setdefault(key, []).append(Section(chunk["heading"], "other", chunk["text"]))
    write_library(folder, [Document(id=i, title=title, sections=tuple(of)) for (i, title), of in sections.items()])


def open_ours(folder: Path) -> Search:
    from doctorglm.library.search import Library

    library = Library(folder)
    return lambda question: [hit.text for hit in library.search(question, COUNT).hits]


def build_bm25s(source: Path, folder: Path) -> None:
    import bm25s

    held = list(map(text_of, chunks(source)))
    made = bm25s.BM25()
    made.index([words(text) for text in held], show_progress=False)
    made.save(str(folder / "bm25s"))
    (folder / "texts.json").write_text(json.dumps(held, ensure_ascii=False), encoding="utf-8")


def open_bm25s(folder: Path) -> Search:
    import bm25s

    made = bm25s.BM25.load(str(folder / "bm25s"), mmap=True)
    held = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    count = min(COUNT, len(held))

    def search(question: str) -> list[str]:
        known = [word for word in asked(question) if word in made.vocab_dict]
        if not known:
            return []
        numbers, _ = made.retrieve([known], k=count, show_progress=False)
        return [held[int(number)] for number in numbers[0]]

    return search


def build_fts5(source: Path, folder: Path, *, trigram: bool) -> None:
    database = sqlite3.connect(folder / "index.db")
    tokenizer = "trigram" if trigram else "unicode61"
    database.execute("CREATE TABLE held (id INTEGER PRIMARY KEY, text TEXT)")
    database.execute(f"CREATE VIRTUAL TABLE found USING fts5(text, content='', tokenize='{tokenizer}')")
    with database:
        for number, chunk in enumerate(chunks(source)):
            text = text_of(chunk)
            database.execute("INSERT INTO held VALUES (?, ?)", (number, text))
            indexed = text if trigram else " ".join(words(text))
            database.execute("INSERT INTO found (rowid, text) VALUES (?, ?)", (number, indexed))
    database.execute("INSERT INTO found (found) VALUES ('optimize')")
    database.commit()
    database.close()


def open_fts5(folder: Path, *, trigram: bool) -> Search:
    database = sqlite3.connect(f"file:{folder / 'index.db'}?mode=ro", uri=True)
    query = (
        "SELECT held.text FROM (SELECT rowid FROM found WHERE found MATCH ? ORDER BY rank LIMIT ?) AS best "
        "JOIN held ON held.id = best.rowid"
    )

    def search(question: str) -> list[str]:
        terms = trigrams(question) if trigram else asked(question)
        if not terms:
            return []
        return [text for (text,) in database.execute(query, (" OR ".join(f'"{term}"' for term in terms), COUNT))]

    return search


def trigrams(question: str) -> list[str]:
    """Those of the runs that ask for something; a run of two characters has none, which that index cannot find."""
    from doctorglm.library.analysis import content_of

    runs = content_of(question)
    return list(dict.fromkeys(run[i : i + 3] for run in runs for i in range(len(run) - 2)))


BUILD: dict[str, Callable[[Path, Path], None]] = {
    "ours": build_ours,
    "bm25s": build_bm25s,
    "fts5 words": lambda source, folder: build_fts5(source, folder, trigram=False),
    "fts5 trigram": lambda source, folder: build_fts5(source, folder, trigram=True),
}
OPEN: dict[str, Callable[[Path], Search]] = {
    "ours": open_ours,
    "ours with vectors": open_ours,
    "bm25s": open_bm25s,
    "fts5 words": lambda folder: open_fts5(folder, trigram=False),
    "fts5 trigram": lambda folder: open_fts5(folder, trigram=True),
}


def memory() -> dict[str, float]:
    """Of this process, in 10^6 bytes: the most that was resident, and what of it is its own and of files now."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    names = {"peak_mb": "VmHWM", "own_mb": "RssAnon", "files_mb": "RssFile"}
    return {name: round(int(fields[field].split()[0]) * 1024 / 1e6, 1) for name, field in names.items()}


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def build(engine: str, source: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    started, cpu = time.perf_counter(), time.process_time()
    BUILD[engine](source, folder)
    told = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
    print(json.dumps(told | memory() | {"bytes": size_of(folder)}))


def serve(engine: str, folder: Path) -> None:
    search = OPEN[engine](folder)
    for line in sys.stdin:
        spent, found = [], 0
        for question in json.loads(line)["questions"]:
            started = time.perf_counter()
            texts = search(question)
            spent.append(1000 * (time.perf_counter() - started))
            found += bool(texts)
        print(json.dumps({"ms": spent, "found": found}), flush=True)
    print(json.dumps(memory()), flush=True)


def first(folder: Path, question: str) -> None:
    from doctorglm.library.search import Library

    imported = time.perf_counter()
    library = Library(folder)
    opened = time.perf_counter()
    library.search(question, COUNT)
    ended = time.perf_counter()
    told = {"import_s": imported - STARTED, "open_s": opened - imported, "search_s": ended - opened}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    engine, what, *rest = sys.argv[1:]
    if what == "build":
        build(engine, Path(rest[0]), Path(rest[1]))
    elif what == "serve":
        serve(engine, Path(rest[0]))
    else:
        first(Path(rest[0]), rest[1])
