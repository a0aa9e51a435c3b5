"""A teacher on loopback, and what asks it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from doctorglm.translate.cache import Cache
from doctorglm.translate.endpoint import Endpoint, EndpointSettings
from doctorglm.translate.entry import Entry
from doctorglm.translate.teacher import Teacher, TeacherSettings

from ..engine.conftest import serve  # noqa: F401 - a fixture
from ..engine.serving import Server

GLOSSARY = [Entry("angina", ("心绞痛",)), Entry("fever", ("发烧", "发热")), Entry("asthma", ("哮喘",))]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache(tmp_path / "cache.sqlite") as made:
        yield made


@pytest.fixture
def endpoint(cache: Cache) -> Iterator[Callable[..., Endpoint]]:
    """Opens endpoints on a server, with short pauses, closed after the test."""
    opened: list[Endpoint] = []

    def open_(server: Server | str, timeout_s: float = 10.0, retries: int = 1, **arguments: Any) -> Endpoint:
        address = server if isinstance(server, str) else server.address()
        settings = EndpointSettings(timeout_s=timeout_s, retries=retries, pause_s=0.01)
        made = Endpoint(address, arguments.pop("cache", cache), settings=settings, **arguments)
        opened.append(made)
        return made

    yield open_
    for made in opened:
        made.close()


@pytest.fixture
def teacher(endpoint: Callable[..., Endpoint]) -> Callable[..., Teacher]:
    """A teacher on a server; `settings` are TeacherSettings', the rest the endpoint's."""

    def open_(server: Server | str, settings: dict[str, Any] | None = None, **arguments: Any) -> Teacher:
        chosen = TeacherSettings(**{"concurrency": 1} | (settings or {}))
        return Teacher(endpoint(server, **arguments), GLOSSARY, chosen)

    return open_
