"""A teacher's requests through its Batch API: in one file, at a lower price, answered within a day.

Before a batch is sent, its requests' worst prices are reserved and a mark is kept; what the server calls it is kept as
soon as it is known. A run that was killed finds its batch by name or mark, waits for it, and sends no second one.
Source: https://platform.openai.com/docs/api-reference/batch
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any, Final, TypeVar

import httpx2
import openai
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.engine.failures import failure
from doctorglm.engine.http import AGAIN
from doctorglm.engine.reading import garbage
from doctorglm.errors import DataError, DoctorGLMError, ModelError
from doctorglm.runs import note
from doctorglm.settings import STRICT
from doctorglm.translate import prompt
from doctorglm.translate.answers import judged
from doctorglm.translate.batch_lines import Line, is_answered, lines_of, reason_of, reply_of
from doctorglm.translate.cache import Batched, Known
from doctorglm.translate.cost import BudgetReachedError, most_tokens
from doctorglm.translate.endpoint import NOT_JSON, Endpoint
from doctorglm.translate.prompt import Asked
from doctorglm.translate.terms import Term

T = TypeVar("T")
_PATH: Final = "/v1/chat/completions"
_MARK = "doctorglm"
"""The key of a batch's metadata that holds its mark."""
_MOST_BYTES = 190_000_000
"""Of a file; OpenAI takes 200 MB."""
_MOST_LISTED = 2_000
"""Batches that are looked through for a mark, the newest first."""
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_BARREN = 2
"""So many batches in a row without one answer: it is not the texts."""


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class BatchSettings:
    """Whether and how requests go through the server's Batch API."""

    batch: bool = False
    """Sends the requests as batches, which are cheaper and may take a day, to a server that has files and batches."""
    batch_discount: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """What a batch is cheaper by; OpenAI's costs half. 0 where the server gives none."""
    batch_requests: Annotated[int, Field(gt=0, le=50_000)] = 50_000
    """Requests in a batch, at most; the default is OpenAI's limit. Lower it where the queue of an account is short."""
    batch_poll_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds between two questions whether it has ended."""
    batch_timeout_s: Annotated[float, Field(gt=0)] = 26 * 3600.0
    """Seconds to wait for a batch, by default the day that it may take and some more; another start waits on."""

    @property
    def price_share(self) -> float:
        """What is paid of the full prices."""
        return 1 - self.batch_discount if self.batch else 1.0


class Batches:
    """Sends groups of texts as batches and settles what they bring."""

    def __init__(self, endpoint: Endpoint, settings: BatchSettings) -> None:
        self._endpoint, self._settings = endpoint, settings
        self._address = f"{endpoint.address.base}#{endpoint.address.name}"
        self._share = 1 - settings.batch_discount
        self._barren = 0

    def resumed(self) -> dict[str, Known]:
        """Waits for what an earlier start has sent to this model; returns what the cache does not keep."""
        passing = dict[str, Known]()
        for batch in self._endpoint.cache.batches(self._endpoint.account):
            if batch.address == self._address:
                passing |= self._finished(batch, is_new=False)
            elif batch.remote:
                note(
                    en=f"batch {batch.remote} at {batch.address} is not waited for; its price stays reserved.",
                    zh=f"不等待 {batch.address} 上的批次 {batch.remote}；其费用仍保持预留。",
                )
        return passing

    def ask(self, groups: Sequence[Sequence[Asked]]) -> dict[str, Known]:
        """Asks each group once, in as many batches as the limits need; returns what the cache does not keep.

        Raises BudgetReachedError once there is no room for the next, ModelError or DataError where the server cannot
        be used or is not done in time. What was answered is settled.
        """
        passing, waiting = dict[str, Known](), list(groups)
        while waiting:
            batch = self._opened(waiting)
            waiting = waiting[len(batch.asked) :]
            passing |= self._finished(batch, is_new=True)
        return passing

    def _opened(self, groups: Sequence[Sequence[Asked]]) -> Batched:
        """A batch of the first groups, as many as the limits and the budget have room for."""
        endpoint, wanted, size = self._endpoint, list[tuple[float, str]](), 0
        for group in groups[: self._settings.batch_requests]:
            size += len(self._line(0, group))
            if wanted and size > _MOST_BYTES:
                break
            wanted.append((self._worst(group), _kept(group)))
        mark = secrets.token_hex(16)
        made = endpoint.cache.open_batch(endpoint.account, self._address, mark, wanted, endpoint.budget_usd)
        if made is None:
            assert endpoint.budget_usd is not None
            raise BudgetReachedError(endpoint.budget_usd, endpoint.cache.spent(endpoint.account).usd, wanted[0][0])
        return made

    def _worst(self, group: Sequence[Asked]) -> float:
        sent = most_tokens(m.content for m in prompt.messages(group))
        return self._endpoint.prices.usd(sent, prompt.answer_tokens(group)) * self._share

    def _line(self, request: int, group: Sequence[Asked]) -> bytes:
        body = self._endpoint.body(prompt.messages(group), prompt.answer_tokens(group), prompt.temperature(group))
        line = {"custom_id": f"r{request}", "method": "POST", "url": _PATH, "body": body}
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"

    def _finished(self, batch: Batched, *, is_new: bool) -> dict[str, Known]:
        """Sends the batch where it is not sent yet, waits for its end, and settles it."""
        groups = {request: _group(kept) for request, kept in batch.asked.items()}
        texts = [one.text for group in groups.values() for one in group]
        said = self._ended(batch.remote or self._sent(batch, groups, texts, is_new), len(groups))
        lines = self._lines(said, {f"r{request}": request for request in groups})
        has_run = said.status != "failed"  # refused before anything ran
        replies = {
            request: reply_of(request, lines.get(request, []), has_run, self._endpoint.read, self._share)
            for request in groups
        }
        results = {request: judged(reply, groups[request]) for request, reply in replies.items()}
        settled = {request: (replies[request].usd, kept) for request, (kept, _) in results.items()}
        self._endpoint.cache.settle_batch(batch.id, settled)
        self._barren = 0 if any(map(is_answered, replies.values())) else self._barren + 1
        if self._barren:
            self._require_hope(said, lines, texts)
        return {key: one for _, passing in results.values() for key, one in passing.items()}

    def _sent(
        self, batch: Batched, groups: Mapping[int, Sequence[Asked]], texts: Sequence[str], is_new: bool
    ) -> str:  # fmt: skip
        """What the server calls the batch, once it is found there or sent; one that is refused costs nothing."""
        client, cache = self._endpoint.client, self._endpoint.cache
        refused = {request: (0.0, dict[str, Known]()) for request in groups}
        file = batch.file
        if not file:
            lines = b"".join(self._line(request, group) for request, group in groups.items())
            try:
                file = _name(self._again(lambda: client.files.create(file=("b.jsonl", lines), purpose="batch"), texts))
            except DoctorGLMError:
                cache.settle_batch(batch.id, refused)
                raise
            cache.name_batch(batch.id, file=file, remote="")
        is_first = is_new

        def found_or_made() -> str:
            nonlocal is_first  # else an answer may have been lost
            known, is_first = "" if is_first else self._found(batch.mark), False
            if known:
                return known
            try:
                made = client.batches.create(
                    completion_window="24h", endpoint=_PATH, input_file_id=file, metadata={_MARK: batch.mark}
                )
            except openai.APIStatusError as error:
                if not isinstance(error, AGAIN):
                    cache.settle_batch(batch.id, refused)
                raise
            return _name(made)

        remote = self._again(found_or_made, texts)
        cache.name_batch(batch.id, file=file, remote=remote)
        note(
            en=f"batch {remote}: {len(groups)} requests are sent and may take a day. The command may be stopped: "
            "started again, it waits for the same batch.",
            zh=f"批次 {remote}：已发送 {len(groups)} 个请求，最长可能需要一天。可以中途停止："
            "再次运行会继续等待同一批次。",
        )
        return remote

    def _found(self, mark: str) -> str:
        """The batch with this mark; "" where the server has none."""
        for one in islice(self._endpoint.client.batches.list(limit=100), _MOST_LISTED):
            told = getattr(one, "metadata", None)
            if isinstance(told, Mapping) and told.get(_MARK) == mark:
                return _name(one)
        return ""

    def _ended(self, remote: str, number: int) -> Any:
        """The batch once it has ended; raises DataError where that is not in time."""
        deadline = time.monotonic() + self._settings.batch_timeout_s
        while True:
            try:
                said = self._again(lambda: self._endpoint.client.batches.retrieve(remote))
            except DoctorGLMError as error:
                raise self._gone(remote) if isinstance(error.__cause__, openai.NotFoundError) else error from None
            if getattr(said, "status", None) in _ENDED:
                return said
            if time.monotonic() >= deadline:
                raise DataError(
                    en=f"batch {remote}: its {number} requests have not ended after "
                    f"{self._settings.batch_timeout_s:g} s. Start again to wait on; nothing is sent twice.",
                    zh=f"批次 {remote}：{number} 个请求在 {self._settings.batch_timeout_s:g} 秒后仍未完成。"
                    "请重新运行以继续等待；不会重复发送。",
                )
            time.sleep(min(self._settings.batch_poll_s, max(0.0, deadline - time.monotonic())))

    def _gone(self, remote: str) -> ModelError:
        base = self._endpoint.address.base
        return ModelError(
            en=f"batch {remote}: {base} does not know it (404). Use the key of the account that sent it; or, to pay "
            "for its texts again, another --out and --cache.",
            zh=f"批次 {remote}：{base} 上没有它（404）。请使用当初发送它的账户的密钥；若愿意重新付费翻译，"
            "请换一个 --out 和 --cache。",
        )

    def _lines(self, said: Any, requests: Mapping[str, int]) -> dict[int, list[Line]]:
        """By request, its lines in both files; one with an id that nobody asked for is told."""
        client, found, unknown = self._endpoint.client, dict[int, list[Line]](), 0
        for file in (getattr(said, "output_file_id", None), getattr(said, "error_file_id", None)):
            if not isinstance(file, str) or not file:
                continue
            for line in lines_of(self._again(lambda file=file: client.files.content(file).read())):  # type: ignore[misc]
                if line["custom_id"] in requests:
                    found.setdefault(requests[line["custom_id"]], []).append(line)
                else:
                    unknown += 1
        if unknown:
            note(
                en=f"batch {said.id}: {unknown} lines have ids that nobody asked for; they are not taken.",
                zh=f"批次 {said.id}：有 {unknown} 行的编号不是所请求的，未采用。",
            )
        return found

    def _require_hope(self, said: Any, lines: Mapping[int, Sequence[Line]], texts: Sequence[str]) -> None:
        """Raises where a batch without any answer shows that another would fare no better."""
        is_model, why = reason_of(said, [line for some in lines.values() for line in some], texts)
        name, base = self._endpoint.address.name, self._endpoint.address.base
        if is_model:
            raise ModelError(
                en=f"batch {said.id}: {base} has no model {name} for batches{why}. {base}/models lists the names.",
                zh=f"批次 {said.id}：{base} 没有可用于批处理的模型 {name}{why}。{base}/models 会列出模型名。",
            )
        if self._barren >= _BARREN:
            raise DataError(
                en=f"{self._barren} batches in a row brought no answer; the last, {said.id}, is {said.status}{why}. "
                "Look at it in the provider's console, mend what it says, and start again.",
                zh=f"连续 {self._barren} 个批次没有任何回答；最后一个 {said.id} 的状态为 {said.status}{why}。"
                "请在服务商控制台查看原因并处理，然后重新运行。",
            )

    def _again(self, call: Callable[[], T], texts: Sequence[str] = ()) -> T:
        """The result of a call that may fail for a while; raises its failure in words."""
        endpoint = self._endpoint
        for attempt in range(endpoint.settings.retries + 1):
            try:
                return call()
            except (openai.APIError, httpx2.TransportError, *NOT_JSON) as error:
                if not isinstance(error, AGAIN) or attempt == endpoint.settings.retries:
                    timeout_s = endpoint.settings.timeout_s
                    raise failure(error, endpoint.address, attempt + 1, timeout_s, texts) from error
                time.sleep(endpoint.pause_s(error, attempt))
        raise AssertionError("the last attempt returns or raises")


def _name(said: object) -> str:
    """What the server calls a file or a batch; raises DataError for what has no name."""
    name = getattr(said, "id", None)
    if not isinstance(name, str) or not name:
        raise garbage(en="no id of a file or a batch", zh="没有文件或批次的编号")
    return name


def _kept(group: Sequence[Asked]) -> str:
    """A group as the cache keeps it, in ASCII."""
    return json.dumps([asdict(one) for one in group])


def _group(kept: str) -> list[Asked]:
    """The group that `_kept` has written."""
    return [_asked(one) for one in json.loads(kept)]


def _asked(one: dict[str, Any]) -> Asked:
    terms = tuple(Term(t["english"], tuple(t["chinese"]), tuple(t["sources"])) for t in one["terms"])
    return Asked(**one | {"terms": terms, "sentences": tuple(map(_asked, one["sentences"]))})
