"""Where the command starts: the language is chosen first, because help texts are made when `cli` is imported."""

import sys
from collections.abc import Sequence

from doctorglm import language
from doctorglm.language import Language

_LANGUAGES: dict[str, Language] = {"zh": "zh", "en": "en"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    rest = list(sys.argv[1:] if arguments is None else arguments)
    for place, argument in enumerate(rest):
        name, equals, value = argument.partition("=")
        if name == "--":
            break
        if name == "--lang":
            words = 1 if equals else 2
            value = value if equals else "".join(rest[place + 1 : place + 2])
            if value not in _LANGUAGES:
                print(f"--lang={value}: zh or en / --lang 可选 zh 或 en", file=sys.stderr)  # noqa: T201
                return 2
            language.choose(_LANGUAGES[value])
            del rest[place : place + words]
            break
    from doctorglm import cli  # after the choice of language

    return cli.main(rest)


if __name__ == "__main__":
    sys.exit(main())
