"""The checks with the project's own glossary, made once."""

from collections.abc import Callable

import pytest

from doctorglm.translate.checks.check import Checks
from doctorglm.translate.glossary import own_glossary

Told = Callable[[str, str], set[tuple[str, str]]]


@pytest.fixture(scope="session")
def checks() -> Checks:
    return Checks(own_glossary())


@pytest.fixture(scope="session")
def told(checks: Checks) -> Told:
    """(kind, reason) of all that is found."""
    return lambda english, chinese: {(fault.kind, fault.reason) for fault in checks.faults(english, chinese)}
