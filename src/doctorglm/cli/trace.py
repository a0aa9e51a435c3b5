"""A traceback without what an exception quotes: a value that could not be read may be a patient's name."""

import traceback
from collections.abc import Iterator

from doctorglm.errors import DoctorGLMError, without_values


def trace(error: BaseException) -> str:
    """Where the error was raised, and what it came from, as Python prints it; messages with … for values."""
    parts = [
        f"Traceback (most recent call last):\n{''.join(traceback.format_tb(one.__traceback__))}"
        f"{type(one).__name__}: {_said(one)}"
        for one in _chain(error)
    ]
    return "\n\nand then:\n\n".join(reversed(parts))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _said(error: BaseException) -> str:
    """Our own messages hold no values; any other is masked first as a text, where a name can be found."""
    if isinstance(error, DoctorGLMError):
        return str(error)
    from doctorglm.clinical.masking import masked_together

    (text,) = masked_together([str(error)])
    return without_values(text)
