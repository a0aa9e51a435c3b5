"""What of an evaluation is finished, by content: a killed run goes on, and nothing is computed twice.

One JSON line per item: the hash of everything that decides it, and the item, whose texts are masked. In the folder of
`--cache` it outlives its run, so that another suite or a longer one takes over what is known.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from doctorglm.runs import to_json

T = TypeVar("T")

Batch: TypeAlias = Sequence[tuple[int, Any]]
"""Items with the place, among what was asked for, of what each is of."""


class Journal:
    """Finished items of one model in one file, which is private (0600)."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self._path, self._identity = path, identity
        self._known = dict(_read(path))

    def key(self, content: Any) -> str:
        """The sha256 of what decides an item: the model and `content`."""
        return hashlib.sha256(to_json([self._identity, content]).encode("utf-8", "backslashreplace")).hexdigest()

    def completed(
        self,
        waiting: Sequence[tuple[str, T]],
        compute: Callable[[Sequence[T]], Iterable[Batch]],
        read: Callable[[Mapping[str, Any]], Any],
        told: Callable[[float], None],
    ) -> list[Any]:
        """The items of `waiting` (key, what), in order: known ones as they were, the others computed and kept.

        `read` makes an item of a JSON object. An item that failed or says nothing is not kept: it is tried again.
        """
        missing = [(key, what) for key, what in waiting if key not in self._known]
        found: dict[str, Any] = {}
        with self._path.open("a", encoding="utf-8") as out:
            for batch in compute([what for _, what in missing]) if missing else ():
                for place, item in batch:
                    found[missing[place][0]] = item
                    if not _failed(item):
                        line = {"key": missing[place][0], "item": asdict(item)}
                        out.write(json.dumps(line, ensure_ascii=True) + "\n")
                out.flush()
                told((len(waiting) - len(missing) + len(found)) / len(waiting))
        return [found[key] if key in found else read(self._known[key]) for key, _ in waiting]

    def remove(self) -> None:
        """Removes the file; what it held stands in `items.jsonl` by then."""
        self._path.unlink(missing_ok=True)


def _failed(item: Any) -> bool:
    said = getattr(item, "answer", "x") if item.kind != "choice" else item.text
    return bool(getattr(item, "error", "")) or said == ""


def _read(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """Key and item of each whole line; one that was being written when the run was killed is cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(0o600)
        return
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("r+b") as out:
            out.truncate(len(whole))
    for line in whole.splitlines():
        record = json.loads(line)
        yield record["key"], record["item"]
