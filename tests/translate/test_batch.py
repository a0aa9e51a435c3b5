"""The teacher through a Batch API on loopback that loses, turns round, refuses, expires and never ends."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from doctorglm.errors import DataError, DoctorGLMError, ModelError
from doctorglm.translate.batch import BatchSettings
from doctorglm.translate.cache import Cache
from doctorglm.translate.cost import BudgetReachedError, Prices
from doctorglm.translate.endpoint import Endpoint
from doctorglm.translate.teacher import Outcome, Teacher, TeacherSettings

from .batching import BatchServer, Line, Spoil, kept, running, texts_of
from .conftest import GLOSSARY
from .teaching import chinese

TEXTS = [f"The patient number {n} has angina since {1900 + n}." for n in range(6)]
RIGHT = [Outcome(chinese(text), "teacher") for text in TEXTS]
PRICES = Prices(usd_in=1000.0, usd_out=2000.0)
ONE = (100 * 1000 + 40 * 2000) / 1e6 / 2
"""USD for one request, as the server counts its tokens, at half the price."""
BATCH_2 = {"together": 2}

Batched = Callable[..., BatchServer]
Open = Callable[..., Teacher]


@pytest.fixture
def batched() -> Iterator[Batched]:
    """Starts servers, stopped after the test."""
    with ExitStack() as stack:
        yield lambda spoil=kept, polls=1: stack.enter_context(running(BatchServer(spoil, polls)))


@pytest.fixture
def teacher(endpoint: Callable[..., Endpoint]) -> Open:
    """A teacher that asks in batches; its settings, TeacherSettings', and the endpoint's."""

    def open_(server: BatchServer, batch: dict[str, Any] | None = None, settings: dict[str, Any] | None = None,
              **arguments: Any) -> Teacher:  # fmt: skip
        chosen = BatchSettings(**{"batch": True, "batch_poll_s": 0.01} | (batch or {}))
        made = endpoint(server.address, prices=PRICES, **arguments)
        return Teacher(made, GLOSSARY, TeacherSettings(**BATCH_2 | (settings or {})), chosen)

    return open_


def _first(spoil: Spoil, times: int = 1) -> Spoil:
    """Spoils the first batches and no other."""
    left = [spoil] * times
    return lambda *given: (left.pop() if left else kept)(*given)


def test_one_batch_for_all_at_half_the_price(batched: Batched, teacher: Open, cache: Cache) -> None:
    server = batched(polls=3)
    assert teacher(server).translate(TEXTS) == RIGHT
    (lines,) = server.inputs
    assert [list(texts_of(line).values()) for line in lines] == [TEXTS[:2], TEXTS[2:4], TEXTS[4:]]
    assert len({line["custom_id"] for line in lines}) == 3
    assert {(line["method"], line["url"]) for line in lines} == {("POST", "/v1/chat/completions")}
    assert lines[0]["body"]["model"] == "tiny" and lines[0]["body"]["response_format"] == {"type": "json_object"}
    assert "POST /v1/chat/completions" not in server.asked
    assert [what for what in server.asked if what.startswith("POST")] == ["POST /v1/files", "POST /v1/batches"]
    spent = cache.spent("")
    assert (spent.requests, spent.open) == (3, 0) and spent.usd == pytest.approx(3 * ONE)
    assert cache.batches("") == []
    # what is known is not sent, by a batch or without one
    assert teacher(server).translate(TEXTS) == RIGHT and len(server.batches) == 1
    assert teacher(server, {"batch": False}).translate(TEXTS) == RIGHT and len(server.batches) == 1


def test_the_estimate_names_the_discount_and_bounds_what_is_reserved(batched: Batched, teacher: Open) -> None:
    server = batched()
    half = teacher(server).estimate(TEXTS)
    full = teacher(server, {"batch": False}).estimate(TEXTS)
    fifth = teacher(server, {"batch_discount": 0.8}).estimate(TEXTS)
    assert (half.price_share, full.price_share, fifth.price_share) == (0.5, 1.0, pytest.approx(0.2))
    assert half.usd_at_most == pytest.approx(full.usd_at_most / 2) and server.asked == []
    assert fifth.usd_expected == pytest.approx(full.usd_expected / 5)
    assert half.requests == full.requests == 3


def _lose(_server: BatchServer, _batch: dict[str, Any], lines: list[Line]) -> None:
    del lines[1]


def _in_error_file(response: Any, error: Any) -> Spoil:
    """The second request failed: its line stands in the other file."""

    def spoil(server: BatchServer, batch: dict[str, Any], lines: list[Line]) -> None:
        line = lines.pop(1) | {"response": response, "error": error}
        batch["error_file_id"] = server.file(json.dumps(line).encode() + b"\n")

    return spoil


def _twice(_server: BatchServer, _batch: dict[str, Any], lines: list[Line]) -> None:
    lines.append(lines[1])


def _renamed(_server: BatchServer, _batch: dict[str, Any], lines: list[Line]) -> None:
    lines[1]["custom_id"] = "somebody's"


def _no_json(server: BatchServer, batch: dict[str, Any], lines: list[Line]) -> None:
    said = [json.dumps(line) for line in lines]
    batch["output_file_id"] = server.file("\n".join([said[0], said[1][:40], "", "[]", said[2]]).encode())


def _emptied(_server: BatchServer, _batch: dict[str, Any], lines: list[Line]) -> None:
    lines[1]["response"]["body"] = {"choices": []}


LOST: dict[str, tuple[Spoil, bool, bool]] = {
    # what the server does; whether the lost request is paid for; whether its texts stay together
    "missing": (_lose, True, True),
    "expired": (_in_error_file(None, {"code": "batch_expired", "message": "This request could not be executed"}), False,
                True),
    "500": (_in_error_file({"status_code": 500, "body": {"error": {"message": "oh"}}}, None), True, True),
    "429": (_in_error_file({"status_code": 429, "body": {"error": {"message": "slow"}}}, None), False, True),
    "400": (_in_error_file({"status_code": 400, "body": {"error": {"message": "no"}}}, None), False, False),
    "twice": (_twice, True, False),
    "another id": (_renamed, True, True),
    "no JSON": (_no_json, True, True),
    "no answer in it": (_emptied, True, False),
}  # fmt: skip


@pytest.mark.parametrize("kind", LOST)
def test_exactly_what_is_lost_is_asked_again_in_a_next_batch(
    kind: str, batched: Batched, teacher: Open, cache: Cache
) -> None:
    spoil, is_paid, together = LOST[kind]
    server = batched(_first(spoil))
    asked = teacher(server)
    assert asked.translate(TEXTS) == RIGHT
    assert server.texts == [TEXTS, TEXTS[2:4]]
    again = server.inputs[1]
    assert len(again) == (1 if together else 2)
    worst = asked._batches._worst([a for text in TEXTS[2:4] for a, _ in asked._parts(text)])
    assert cache.spent("").usd == pytest.approx((2 + len(again)) * ONE + worst * is_paid)


def test_lines_in_another_order_are_no_fault(batched: Batched, teacher: Open) -> None:
    server = batched(lambda _server, _batch, lines: lines.reverse())
    assert teacher(server).translate(TEXTS) == RIGHT and len(server.batches) == 1


def test_a_wrong_text_in_a_batch_is_asked_again_alone(batched: Batched, teacher: Open) -> None:
    def spoil(_server: BatchServer, _batch: dict[str, Any], lines: list[Line]) -> None:
        message = lines[0]["response"]["body"]["choices"][0]["message"]
        message["content"] = message["content"].replace(chinese(TEXTS[0]), "抱歉，我无法翻译。")

    server = batched(_first(spoil))
    assert teacher(server).translate(TEXTS) == RIGHT
    assert server.texts == [TEXTS, TEXTS[:1]]
    assert "it was a refusal" in server.inputs[1][0]["body"]["messages"][0]["content"]


def _status(status: str, **more: Any) -> Spoil:
    """A batch that has ended so, with the answers before it kept in their file."""

    def spoil(_server: BatchServer, batch: dict[str, Any], lines: list[Line]) -> None:
        batch |= {"status": status} | more
        del lines[more.get("kept", 0) :]

    return spoil


@pytest.mark.parametrize("status", ["expired", "failed", "cancelled"])
def test_a_batch_that_has_brought_nothing_is_sent_again_once(status: str, batched: Batched, teacher: Open) -> None:
    server = batched(_first(_status(status)))
    assert teacher(server).translate(TEXTS) == RIGHT
    assert server.texts == [TEXTS, TEXTS] and [len(lines) for lines in server.inputs] == [3, 3]


def test_what_an_expired_batch_has_answered_is_kept(batched: Batched, teacher: Open) -> None:
    server = batched(_first(_status("expired", kept=2)))
    assert teacher(server).translate(TEXTS) == RIGHT
    assert server.texts == [TEXTS, TEXTS[4:]]


QUEUE = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}]}


def test_batches_that_bring_nothing_end_the_run_with_what_the_server_says(
    batched: Batched, teacher: Open, cache: Cache
) -> None:
    server = batched(_status("failed", errors=QUEUE))
    with pytest.raises(DataError) as error:
        teacher(server).translate(TEXTS)
    assert error.value.exit_code == 2 and len(server.batches) == 2
    assert "batch-2, is failed: Enqueued token limit reached" in error.value.text.en
    assert "连续 2 个批次没有任何回答" in error.value.text.zh
    assert cache.spent("").usd == 0 and cache.batches("") == []
    server.spoil = kept
    assert teacher(server).translate(TEXTS) == RIGHT


@pytest.mark.parametrize(
    "spoil",
    [
        _status("failed", errors={"data": [{"code": "model_not_found", "message": "no"}]}),
        lambda server, batch, lines: [
            line.update(response={"status_code": 404, "body": {"error": {"code": "model_not_found"}}}) for line in lines
        ],
    ],
)
def test_a_model_that_is_not_there_for_batches(spoil: Spoil, batched: Batched, teacher: Open, cache: Cache) -> None:
    server = batched(spoil)
    with pytest.raises(ModelError, match="no model tiny for batches") as error:
        teacher(server).translate(TEXTS)
    assert error.value.exit_code == 2 and "模型 tiny" in error.value.text.zh
    assert len(server.batches) == 1 and cache.spent("").usd == 0


def test_a_batch_that_never_ends_is_waited_for_until_the_timeout_and_by_the_next_start(
    batched: Batched, teacher: Open, cache: Cache
) -> None:
    server = batched(polls=10**6)
    with pytest.raises(DataError, match=r"batch-1: its 3 requests have not ended after 0\.2 s") as error:
        teacher(server, {"batch_timeout_s": 0.2}).translate(TEXTS)
    assert error.value.exit_code == 2 and "不会重复发送" in error.value.text.zh
    (open_,) = cache.batches("")
    assert open_.remote == "batch-1" and cache.spent("").open == 3
    server.polls = 1
    # also where the next start would not use batches, or asks for something else besides
    assert teacher(server, {"batch": False}).translate(TEXTS) == RIGHT
    assert len(server.batches) == 1 and cache.spent("").usd == pytest.approx(3 * ONE)
    assert cache.batches("") == []


def test_the_worst_is_reserved_before_a_batch_and_what_has_no_room_waits(
    batched: Batched, teacher: Open, cache: Cache
) -> None:
    server = batched()
    most = teacher(server).estimate(TEXTS).usd_at_most
    assert most / 3 > 5 * ONE  # what is settled costs far less than what is reserved
    reserved: list[float] = []
    server.before = lambda what, _: reserved.append(cache.spent("").usd) or False
    assert teacher(server, budget_usd=most * 0.7).translate(TEXTS) == RIGHT
    assert server.texts == [TEXTS[:4], TEXTS[4:]]  # the third had no room before the others were settled
    assert reserved[0] == pytest.approx(most * 2 / 3, rel=0.05) and max(reserved) <= most * 0.7


def test_a_budget_that_is_reached_stops_cleanly_and_goes_on_with_more(
    batched: Batched, teacher: Open, cache: Cache
) -> None:
    server = batched()
    most = teacher(server).estimate(TEXTS).usd_at_most
    budget = most / 3 + 1.5 * ONE
    with pytest.raises(BudgetReachedError) as error:
        teacher(server, budget_usd=budget).translate(TEXTS)
    assert error.value.exit_code == 2 and cache.spent("").open == 0 and cache.spent("").usd <= budget
    assert 0 < len(server.batches) < 3
    done = sum(map(len, server.texts))
    assert teacher(server, budget_usd=most).translate(TEXTS) == RIGHT
    assert sum(map(len, server.texts)) == 6 and server.texts[-1] == TEXTS[done:]


def test_more_requests_than_a_batch_may_have(batched: Batched, teacher: Open) -> None:
    server = batched()
    assert teacher(server, {"batch_requests": 2}).translate(TEXTS) == RIGHT
    assert [len(lines) for lines in server.inputs] == [2, 1]


def _answer(status: int, body: bytes = b'{"error": {"message": "no"}}') -> Callable[[Any], None]:
    def answer(handler: Any) -> None:
        handler.send(body, "application/json", status)

    return answer


@pytest.mark.parametrize("where", ["POST /v1/files", "GET /v1/batches/batch-1", "GET /v1/files/file-2/content"])
@pytest.mark.parametrize("status", [429, 503])
def test_what_passes_is_tried_again(where: str, status: int, batched: Batched, teacher: Open) -> None:
    server, left = batched(), [_answer(status)]
    server.before = lambda what, handler: what == where and bool(left) and (left.pop()(handler) or True)
    assert teacher(server).translate(TEXTS) == RIGHT and len(server.batches) == 1 and left == []


def test_a_batch_whose_making_was_not_heard_is_found_and_not_made_again(batched: Batched, teacher: Open) -> None:
    server, left = batched(), [_answer(502)]

    def made_but_not_told(what: str, handler: Any) -> bool:
        if what != "POST /v1/batches" or not left:
            return False
        (name,) = server.files
        mark = cache_mark(handler)
        server.make({"endpoint": "/v1/chat/completions", "completion_window": "24h", "input_file_id": name} | mark)
        left.pop()(handler)
        return True

    marks: list[dict[str, Any]] = []

    def cache_mark(_handler: Any) -> dict[str, Any]:
        (open_,) = asked._endpoint.cache.batches("")
        marks.append({"metadata": {"doctorglm": open_.mark}})
        return marks[0]

    asked = teacher(server)
    server.before = made_but_not_told
    assert asked.translate(TEXTS) == RIGHT
    assert len(server.batches) == 1 and "GET /v1/batches" in server.asked and len(marks) == 1


@pytest.mark.parametrize("where", ["POST /v1/files", "POST /v1/batches"])
@pytest.mark.parametrize(("status", "told"), [(401, "OPENAI_API_KEY"), (404, "no model tiny, or no such path")])
def test_a_server_that_takes_no_batches_costs_nothing(
    where: str, status: int, told: str, batched: Batched, teacher: Open, cache: Cache
) -> None:
    server = batched()
    server.before = lambda what, handler: what == where and (_answer(status)(handler) or True)
    with pytest.raises(ModelError, match=told):
        teacher(server).translate(TEXTS)
    assert cache.spent("").usd == 0 and cache.batches("") == [] and server.batches == {}


def test_no_server(batched: Batched, teacher: Open, cache: Cache) -> None:
    server = BatchServer()
    server.port = 1
    with pytest.raises(ModelError, match="no connection"):
        teacher(server).translate(TEXTS)
    assert cache.spent("").usd == 0 and cache.batches("") == []


def test_a_batch_that_the_server_forgot_is_not_paid_for_twice_unasked(
    batched: Batched, teacher: Open, cache: Cache
) -> None:
    server = batched()
    server.before = lambda what, handler: what.startswith("GET /v1/batches/") and (_answer(404)(handler) or True)
    with pytest.raises(ModelError, match=r"batch batch-1: .* does not know it") as error:
        teacher(server).translate(TEXTS)
    assert "密钥" in error.value.text.zh and len(cache.batches("")) == 1
    with pytest.raises(ModelError, match="does not know it"):
        teacher(server).translate(TEXTS)
    assert len(server.batches) == 1


@pytest.mark.parametrize("body", [b"{}", b'"yes"', b"[1]", b"{"])
def test_an_answer_that_is_no_batch(body: bytes, batched: Batched, teacher: Open, cache: Cache) -> None:
    server = batched()
    server.before = lambda what, handler: what == "POST /v1/files" and (_answer(200, body)(handler) or True)
    with pytest.raises(DoctorGLMError, match="cannot be used") as error:
        teacher(server).translate(TEXTS)
    assert error.value.exit_code == 2 and cache.spent("").usd == 0


def test_a_text_is_masked_before_it_is_in_the_file(batched: Batched, endpoint: Callable[..., Endpoint]) -> None:
    server = batched()
    made = endpoint(server.address)
    made.mask = lambda texts: [text.replace("Miller", "[name]") for text in texts]  # as for a server elsewhere
    Teacher(made, (), TeacherSettings(), BatchSettings(batch=True, batch_poll_s=0.01)).translate(
        ["Mr Miller has angina since Monday."]
    )
    (file,) = (data for data in server.files.values() if b"custom_id" in data and b"messages" in data)
    assert b"Miller" not in file and b"[name]" in file


def test_a_batch_elsewhere_is_told_and_not_waited_for(
    batched: Batched, teacher: Open, cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    server = batched(polls=10**6)
    with pytest.raises(DataError):
        teacher(server, {"batch_timeout_s": 0.05}).translate(TEXTS)
    other = batched()
    assert teacher(other).translate(TEXTS) == RIGHT
    assert "batch-1 at" in capsys.readouterr().err and len(cache.batches("")) == 1


def test_a_batch_of_talk_is_not_sent_again(batched: Batched, teacher: Open, cache: Cache) -> None:
    def talk(_server: BatchServer, _batch: dict[str, Any], lines: list[Line]) -> None:
        for line in lines:
            line["response"]["body"]["choices"][0]["message"]["content"] = "Let us talk."

    server = batched(talk)
    with pytest.raises(DataError, match=r"24 requests, and no answer that could be taken; .* not_json"):
        teacher(server, settings={"together": 1}).translate([f"Patient {n} slept well." for n in range(200, 230)])
    assert len(server.batches) == 1 and cache.batches("") == []


def test_one_answer_in_a_batch_is_hope(batched: Batched, teacher: Open) -> None:
    texts = [f"Patient {n} slept well." for n in range(200, 230)]

    def talk(_server: BatchServer, _batch: dict[str, Any], lines: list[Line]) -> None:
        for line in lines[:-1]:
            line["response"]["body"]["choices"][0]["message"]["content"] = "Let us talk."

    server = batched(_first(talk))
    found = teacher(server, settings={"together": 1}).translate(texts)
    assert [one.chinese for one in found] == [chinese(text) for text in texts] and len(server.batches) == 2
