"""Which addresses are read, and which of them are this machine."""

import pytest

from doctorglm.engine.address import Address, is_address
from doctorglm.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:8000/v1#qwen", Address("http://127.0.0.1:8000/v1", "127.0.0.1", "qwen")),
        (
            "https://api.example.com/v1/#org/model-7b",
            Address("https://api.example.com/v1", "api.example.com", "org/model-7b"),
        ),
        ("HTTP://LocalHost/api/v1#a b:7b", Address("HTTP://LocalHost/api/v1", "localhost", "a b:7b")),
        ("http://[::1]:8080/v1#m", Address("http://[::1]:8080/v1", "::1", "m")),
        ("http://vllm_1:8000/v1#m#2", Address("http://vllm_1:8000/v1", "vllm_1", "m#2")),
    ],
)
def test_an_address(text: str, expected: Address) -> None:
    assert Address.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/v1",
        "http://127.0.0.1:8000/v1#",
        "http://127.0.0.1:8000/v1# m",
        "http://127.0.0.1:8000#m",
        "http:///v1#m",
        "ftp://127.0.0.1/v1#m",
        "http://127.0.0.1/v1?key=1#m",
        "http://127.0.0.1\\@evil.com/v1#m",
        "http://evil.com\\@127.0.0.1/v1#m",
        "http://a b/v1#m",
        "http://127.0.0.1/v1\n#m",
        "http://本机/v1#m",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="Write http"):
        Address.parse(text)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="//…@host/v1#m: not the address") as caught:
        Address.parse("https://user:s3cret@host/v1#m")
    assert "s3cret" not in str(caught.value.text.en + caught.value.text.zh)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "[::1]", "[0:0:0:0:0:0:0:1]"])
def test_this_machine(host: str) -> None:
    assert Address.parse(f"http://{host}:1/v1#m").loopback


@pytest.mark.parametrize(
    "host",
    [
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "evil.com",
        "localhost.",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "128.0.0.1",
        "[::]",
        "[fe80::1]",
        "ip6-localhost",
    ],
)
def test_another_machine_or_one_that_only_resolves_to_this(host: str) -> None:
    assert not Address.parse(f"http://{host}:1/v1#m").loopback


def test_a_folder_is_no_address() -> None:
    assert not is_address("models/http")
    assert not is_address("embedded")
    assert is_address("HTTPS://host/v1#m")
