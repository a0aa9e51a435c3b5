"""Where the command starts: the language is chosen first, because help texts are made when `cli` is imported."""

import codecs
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from doctorglm import language
from doctorglm.language import Language

_LANGUAGES: dict[str, Language] = {"zh": "zh", "en": "en"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code; without arguments, of this process."""
    if arguments is None:
        _use_utf8()
        arguments = sys.argv[1:]
    try:
        rest, refused = _choose_language(list(arguments))
        if refused is not None:
            print(f"error: --lang={refused}: zh or en / 错误：--lang 可选 zh 或 en", file=sys.stderr)  # noqa: T201
            return 2
        from doctorglm import cli  # after the choice of language

        return cli.main(rest)
    except KeyboardInterrupt:
        # before `cli` could answer for it
        return 130


def _choose_language(arguments: list[str]) -> tuple[list[str], str | None]:
    """The arguments without every `--lang`, and the value that is no language, if one is."""
    rest: list[str] = []
    while arguments:
        argument = arguments.pop(0)
        name, equals, value = argument.partition("=")
        if name == "--lang":
            value = value if equals else "".join(arguments[:1])
            del arguments[: 0 if equals else 1]
            if value not in _LANGUAGES:
                return rest, value
            language.choose(_LANGUAGES[value])
        elif argument == "--":
            return [*rest, argument, *arguments], None
        else:
            rest.append(argument)
    return rest, None


def _use_utf8() -> None:
    """Streams in UTF-8 unless a terminal is of another encoding; nothing that they cannot show stops the program."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            encoding = stream.encoding if stream.isatty() and not is_ascii else "utf-8"
            errors = stream.errors if stream is sys.stdin and not is_ascii else "backslashreplace"
            stream.reconfigure(encoding=encoding, errors=errors)


def _end(code: int) -> NoReturn:
    """Ends the process; one of several that torchrun started at once, as freeing what gloo holds can wait for ever."""
    if os.environ.get("WORLD_SIZE", "1").strip() not in ("", "1"):
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    _end(main())
