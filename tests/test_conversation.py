"""Conversations on disk: what is written is read back, what is wrong is named with file and line."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctorglm import language
from doctorglm.conversation import ID_WORDS, Conversation, Message, read_conversations, write_conversations
from doctorglm.curate.readers import READERS
from doctorglm.errors import DataError

# every code point, half characters too, which json.loads makes out of \ud800; only two halves become one character
TEXT = st.text(st.characters(codec=None, categories=None), max_size=30).filter(
    lambda text: not re.search("[\ud800-\udbff][\udc00-\udfff]", text)
)
MESSAGES = st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT), min_size=1, max_size=6)
META = st.dictionaries(
    TEXT, st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=3), max_size=3
)
CONVERSATIONS = st.lists(
    st.builds(
        Conversation,
        id=st.from_regex(r"[a-z]{1,6}-[0-9]{1,5}|[a-z]{1,9}-[a-f][0-9a-f]{15}", fullmatch=True),
        messages=MESSAGES.map(tuple),
        source=TEXT,
        licence=TEXT,
        language=TEXT.filter(bool),
        department=TEXT,
        meta=META,
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONVERSATIONS)
def test_what_is_written_is_read_back(tmp_path: Path, conversations: list[Conversation]) -> None:
    path = tmp_path / "c.jsonl"
    assert write_conversations(path, conversations) == len(conversations)
    assert list(read_conversations(path)) == conversations
    data = path.read_bytes()
    data.decode("utf-8")
    assert data.count(b"\n") == len(conversations), "one line each, whatever is said"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_any_tool_reads_it(tmp_path: Path) -> None:
    said = (Message("system", "你是医生"), Message("user", "头痛"), Message("assistant", "多休息。"))
    write_conversations(tmp_path / "c.jsonl", [Conversation(id="a-1", messages=said, department="内科")])
    assert json.loads((tmp_path / "c.jsonl").read_text("utf-8")) == {
        "id": "a-1",
        "messages": [
            {"role": "system", "content": "你是医生"},
            {"role": "user", "content": "头痛"},
            {"role": "assistant", "content": "多休息。"},
        ],
        "source": "",
        "licence": "",
        "language": "zh",
        "department": "内科",
        "meta": {},
    }
    assert "头痛" in (tmp_path / "c.jsonl").read_text("utf-8"), "Chinese is written as Chinese"


def made(*roles: str) -> Conversation:
    # the roles are right in all callers
    return Conversation(id="x", messages=tuple(Message(r, f"{r}{i}") for i, r in enumerate(roles)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("roles", "turns"),
    [
        (("user", "assistant"), [("user0", "assistant1")]),
        (("system", "user", "assistant", "user"), [("user1", "assistant2")]),
        (("user", "system", "assistant"), [("user0", "assistant2")]),
        (("user", "user", "assistant", "assistant"), [("user1", "assistant2")]),
        (("assistant", "user"), []),
        ((), []),
    ],
)
def test_turns_are_answered_questions(roles: tuple[str, ...], turns: list[tuple[str, str]]) -> None:
    assert made(*roles).turns == turns


def test_questions_and_answers() -> None:
    conversation = made("system", "user", "assistant", "user", "assistant")
    assert conversation.questions == "user1\nuser3"
    assert conversation.answers == "assistant2\nassistant4"


def refused(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "c.jsonl"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        list(read_conversations(path))
    return str(caught.value)


GOOD = '{"messages": [{"role": "user", "content": "头痛"}]}\n'.encode()


@pytest.mark.parametrize(
    ("line", "en", "zh"),
    [
        (b"{", "c.jsonl:2: not JSON", "不是 JSON"),
        (b"[1]", "c.jsonl:2: a JSON object was expected, not list", "应为 JSON 对象"),
        (b'{"ask": "a"}', "c.jsonl:2: no `messages` list; the keys are ['ask']", "没有 `messages` 列表"),
        (b'{"messages": []}', "c.jsonl:2: no `messages` list", "没有 `messages` 列表"),
        (b'{"messages": ["a"]}', "c.jsonl:2: the `role` of a message is None", "`role` 是 None"),
        (b'{"messages": [{"role": "doctor", "content": "a"}]}', "`role` of a message is 'doctor'", "'doctor'"),
        (b'{"messages": [{"role": ["a"], "content": "a"}]}', "`role` of a message is \u2026;", "`role` 是 \u2026"),
        (b'{"messages": [{"role": "Sarah", "content": "a"}]}', "`role` of a message is \u2026;", "`role` 是 \u2026"),
        (b'{"Sarah Hale": "a", "x": 1}', "the keys are [2].", "现有键 [2]"),
        (b'{"messages": [{"role": "user", "content": null}]}', "`content` of a message must be text, not NoneType",
         "应为文字"),
        (b'{"messages": [{"role": "user", "content": "a"}], "meta": [1]}', "c.jsonl:2: `meta` must be a JSON object",
         "`meta` 应为"),
        ('{"messages": "患者"}'.encode("gbk"), "c.jsonl:2: not UTF-8 at byte 15 of the line", "第 15 字节不是 UTF-8"),
        (b'{"messages": ' + b"9" * 5000 + b"}", "c.jsonl:2: not JSON", "不是 JSON"),
        (b"[" * 200_000, "c.jsonl:2: not JSON", "不是 JSON"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named_in_both_languages(tmp_path: Path, line: bytes, en: str, zh: str) -> None:
    assert en in refused(tmp_path, GOOD + line + b"\n")
    language.choose("zh")
    assert zh in refused(tmp_path, GOOD + line + b"\n")


def test_a_wrong_byte_far_into_a_large_file_is_placed_by_its_line(tmp_path: Path) -> None:
    assert "c.jsonl:3001: not UTF-8" in refused(tmp_path, GOOD * 3000 + b'{"\xff": 1}\n')


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file.*doctorglm curate"):
        list(read_conversations(tmp_path / "none.jsonl"))
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="no such file"):
        list(read_conversations(tmp_path / "file" / "none.jsonl"))


def test_blank_lines_a_mark_and_windows_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\r\n  \n" + GOOD[:-1])
    found = list(read_conversations(path))
    assert [c.messages for c in found] == [(Message("user", "头痛"),)] * 2
    assert [c.id for c in found] == ["line-1", "line-4"], "without an id, the place is one"


@pytest.mark.parametrize(("given_id", "expected"), [(7, "7"), (0, "0"), ("a", "a")])
def test_ids_as_they_come(given_id: Any, expected: str) -> None:
    record = {"id": given_id, "messages": [{"role": "user", "content": ""}], "source": None, "licence": None}
    found = Conversation.from_dict(record, "here")
    assert (found.id, found.source, found.licence, found.language) == (expected, "", "", "zh")


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        ("alpaca-0123456789abcdef", True), ("cmd-6228480402564890", True), ("alpaca-0123456789abcdef/2", True),
        ("made-0-149", True), ("q12", True), ("card-6228480402564890", False), ("ZY20871234", False),
        ("164-1234-5678", False), ("王秀兰", False), ("wang_xiulan", False),
        (16412345678, False), ("汉宁市第三人民医院 17床", False),
    ],
)  # fmt: skip
def test_an_id_that_may_be_a_patients_is_a_hash_of_the_record(given_id: Any, kept: bool) -> None:
    record = {"id": given_id, "messages": [{"role": "user", "content": "头痛"}]}
    found = Conversation.from_dict(record, "here").id
    assert (found == given_id) is kept
    again = Conversation.from_dict({**record, "id": found}, "there")
    assert again.id == Conversation.from_dict(record, "there").id == found, "and stays what it is when it is written"
    other = Conversation.from_dict({**record, "messages": [{"role": "user", "content": "胃痛"}]}, "here")
    assert (other.id == found) is kept


def test_the_words_of_ids_are_those_of_the_readers() -> None:
    assert {reader.NAME for reader in READERS} | {"mapped", "raw", "row"} == ID_WORDS


def test_a_source_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    write_conversations(path, [made("user")])
    before = path.read_bytes()

    def broken() -> Any:
        yield made("user", "assistant")
        raise RuntimeError("reading failed")

    with pytest.raises(RuntimeError, match="reading failed"):
        write_conversations(path, broken())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.jsonl"]
