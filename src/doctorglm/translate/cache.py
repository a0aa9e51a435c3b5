"""What a teacher has answered, by content, and what it has cost: one SQLite file that outlives a killed run.

An answer and the price of its request are written in one transaction, before anything else is asked. A request's worst
price is written before it is sent: of one that a killed run never read, it counts as spent.
Source: https://www.sqlite.org/wal.html
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from doctorglm.errors import DataError
from doctorglm.runs import to_json

_BUSY_S = 60.0
"""Seconds to wait for another process that writes."""
_AT_ONCE = 500
"""Keys in one query; SQLite allows 999 values in older versions."""
_TABLES = """
CREATE TABLE IF NOT EXISTS answers
    (key TEXT PRIMARY KEY, chinese TEXT, tries INTEGER NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aligned (key TEXT PRIMARY KEY, pairs TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests
    (id INTEGER PRIMARY KEY, account TEXT NOT NULL, usd REAL NOT NULL, open INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_account ON requests (account);
CREATE TABLE IF NOT EXISTS batches
    (id INTEGER PRIMARY KEY, account TEXT NOT NULL, address TEXT NOT NULL, mark TEXT NOT NULL, file TEXT NOT NULL,
     remote TEXT NOT NULL, open INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batched
    (request INTEGER PRIMARY KEY, batch INTEGER NOT NULL, asked TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_batch ON batched (batch);
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a text: its Chinese, or why the last of so many tries gave none."""

    chinese: str | None
    tries: int
    reason: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    """(English, Chinese) of each sentence, where each has its own."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What an account has cost: USD, requests, and those of them whose end is not known."""

    usd: float
    requests: int
    open: int


@dataclass(frozen=True, slots=True)
class Batched:
    """A batch that is not settled: where it is sent to, what is known of it there, and what each request asks."""

    id: int
    address: str
    """As `Address` has it: the base, `#`, the model."""
    mark: str
    """Told to the server with the batch, by which it is found again where its answer was lost."""
    file: str
    """The server's name of the input; "" before it is there."""
    remote: str
    """The server's name of the batch; "" while it is not known to be there."""
    asked: Mapping[int, str]
    """By a request's number, what it asks, as it was given."""


def key_of(model: str, version: str, rows: Sequence[tuple[str, Sequence[str]]], text: str) -> str:
    """The sha256 of what decides a translation: model, version of the prompt, matching rows of the glossary, text."""
    return hashlib.sha256(to_json([model, version, rows, text]).encode("utf-8", "backslashreplace")).hexdigest()


class Cache:
    """Answers and accounts in a file (0600), shared by threads and processes; raises DataError for another file.

    Without a path it is in memory.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o600)
        self._lock = threading.Lock()
        self._data = sqlite3.connect(path or ":memory:", _BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._data.execute("PRAGMA journal_mode=WAL")
            self._data.execute("PRAGMA synchronous=FULL")  # a request that is paid for must survive a power cut
            self._data.executescript(_TABLES)
            self._data.execute("SELECT key, chinese, tries, reason FROM answers LIMIT 1")
        except sqlite3.DatabaseError as error:
            self._data.close()
            raise DataError(
                en=f"{path}: not a cache of translations ({error}). Move the file away, or name another.",
                zh=f"{path}：不是翻译缓存（{error}）。请移走该文件，或换一个。",
            ) from None

    def __enter__(self) -> "Cache":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; done once."""
        with self._lock:
            self._data.close()

    def known(self, keys: Iterable[str]) -> dict[str, Known]:
        """What is known of these texts; nothing for a key that was never answered."""
        wanted = list(dict.fromkeys(keys))
        found = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = (
                "SELECT answers.key, chinese, tries, reason, pairs FROM answers LEFT JOIN aligned USING (key) "
                f"WHERE answers.key IN ({marks})"
            )
            with self._lock:
                found.update({key: _known(*rest) for key, *rest in self._data.execute(query, some)})
        return found

    def reserve(self, account: str, usd: float, budget_usd: float | None) -> int | None:
        """The number of a request that may cost so much; None where the account's budget has no room for it."""
        with self._writing() as data:
            spent = data.execute("SELECT total(usd) FROM requests WHERE account = ?", (account,)).fetchone()[0]
            if budget_usd is not None and spent + usd > budget_usd:
                return None
            made = data.execute("INSERT INTO requests (account, usd, open) VALUES (?, ?, 1)", (account, usd))
            return made.lastrowid

    def settle(self, request: int, usd: float | None, answers: Mapping[str, Known]) -> None:
        """Ends a request: its price, None where it stays at its worst, and what it said of which texts.

        An answer that is known already is not lost to one that failed.
        """
        with self._writing() as data:
            _settle(data, request, usd, answers)

    def keep(self, answers: Mapping[str, Known]) -> None:
        """What was said of which texts by somebody who is not paid."""
        with self._writing() as data:
            _insert(data, answers)

    def open_batch(
        self, account: str, address: str, mark: str, wanted: Sequence[tuple[float, str]], budget_usd: float | None
    ) -> Batched | None:
        """A batch of the first of the requests (USD at worst, what it asks) that the budget has room for, reserved.

        None where there is not even room for the first.
        """
        with self._writing() as data:
            spent = data.execute("SELECT total(usd) FROM requests WHERE account = ?", (account,)).fetchone()[0]
            asked = dict[int, str]()
            for usd, what in wanted:
                spent += usd
                if budget_usd is not None and spent > budget_usd:
                    break
                made = data.execute("INSERT INTO requests (account, usd, open) VALUES (?, ?, 1)", (account, usd))
                asked[made.lastrowid or 0] = what
            if not asked:
                return None
            values = (account, address, mark, "", "", 1)
            made = data.execute("INSERT INTO batches VALUES (NULL, ?, ?, ?, ?, ?, ?)", values)
            number = made.lastrowid or 0
            data.executemany("INSERT INTO batched VALUES (?, ?, ?)", [(r, number, a) for r, a in asked.items()])
        return Batched(number, address, mark, "", "", asked)

    def name_batch(self, batch: int, *, file: str, remote: str) -> None:
        """Keeps what the server calls a batch and its input."""
        with self._writing() as data:
            data.execute("UPDATE batches SET file = ?, remote = ? WHERE id = ?", (file, remote, batch))

    def batches(self, account: str) -> list[Batched]:
        """The account's batches that are not settled, in order."""
        query = "SELECT id, address, mark, file, remote FROM batches WHERE account = ? AND open ORDER BY id"
        with self._lock:
            rows = self._data.execute(query, (account,)).fetchall()
            of = "SELECT request, asked FROM batched WHERE batch = ? ORDER BY request"
            return [
                Batched(number, address, mark, file, remote, dict(self._data.execute(of, (number,)).fetchall()))
                for number, address, mark, file, remote in rows
            ]

    def settle_batch(self, batch: int, said: Mapping[int, tuple[float | None, Mapping[str, Known]]]) -> None:
        """Ends a batch and its requests, all together or not at all; what they asked is forgotten."""
        with self._writing() as data:
            for request, (usd, answers) in said.items():
                _settle(data, request, usd, answers)
            data.execute("UPDATE batches SET open = 0 WHERE id = ?", (batch,))
            data.execute("DELETE FROM batched WHERE batch = ?", (batch,))

    def spent(self, account: str) -> Spent:
        """What the account has cost so far, in this run and in earlier ones."""
        query = "SELECT total(usd), count(*), coalesce(sum(open), 0) FROM requests WHERE account = ?"
        with self._lock:
            return Spent(*self._data.execute(query, (account,)).fetchone())

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when the block has ended, undone where it raises."""
        with self._lock:
            self._data.execute("BEGIN IMMEDIATE")
            try:
                yield self._data
                self._data.execute("COMMIT")
            except BaseException:
                self._data.execute("ROLLBACK")
                raise


def _settle(data: sqlite3.Connection, request: int, usd: float | None, answers: Mapping[str, Known]) -> None:
    data.execute("UPDATE requests SET open = 0, usd = coalesce(?, usd) WHERE id = ?", (usd, request))
    _insert(data, answers)


def _insert(data: sqlite3.Connection, answers: Mapping[str, Known]) -> None:
    data.executemany(
        "INSERT INTO answers VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET chinese = excluded.chinese, "
        "tries = excluded.tries, reason = excluded.reason WHERE answers.chinese IS NULL",
        [(key, said.chinese, said.tries, said.reason) for key, said in answers.items()],
    )
    aligned = [(key, json.dumps(said.pairs)) for key, said in answers.items() if said.pairs]
    data.executemany("INSERT OR IGNORE INTO aligned VALUES (?, ?)", aligned)


def _known(chinese: str | None, tries: int, reason: str, pairs: str | None) -> Known:
    if chinese is None or pairs is None:
        return Known(chinese, tries, reason)
    found = tuple((english, said) for english, said in json.loads(pairs))
    return Known(chinese, tries, reason, found)
