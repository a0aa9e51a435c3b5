"""The command line: runs a verb and turns what goes wrong into a message and an exit code.

Exit codes: 0 done; 1 a fault of ours; 2 the input or the settings are wrong; 3 the gate failed; 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import typer

from doctorglm.cli.output import print_json, tell
from doctorglm.cli.trace import trace
from doctorglm.cli.usage import explained, page
from doctorglm.cli.verbs import app
from doctorglm.errors import DoctorGLMError, from_system
from doctorglm.language import readable, say

__all__ = ["main"]

INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Runs a verb; returns its exit code."""
    debug = "--debug" in arguments
    rest = [a for a in arguments if a != "--debug"]
    as_json = "--json" in rest
    try:
        code = _run(_repeated("--suite", _repeated("--decontaminate", rest)))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _interrupted(as_json, debug)
    except BrokenPipeError:
        # nobody reads any more (`| head`)
        _give_stdout_up()
        return INTERRUPTED
    except Exception as error:
        known = _known(error)
        if known is None:
            return _interrupted(as_json, debug) if _hides_an_interruption(error) else _fault(error, as_json)
        return _failed(str(known), known.exit_code, as_json, debug)


def _repeated(flag: str, arguments: Sequence[str]) -> list[str]:
    """`--flag a b` as `--flag a --flag b`: several values up to the next flag or setting, which typer has not."""
    given: list[str] = []
    within = 0
    for argument in arguments:
        within = 1 if argument == flag else within + 1 if within and not argument.startswith("-") else 0
        is_setting = "=" in argument and "/" not in argument
        given += [flag, argument] if within > 2 and not is_setting else [argument]
    return given


def _run(arguments: Sequence[str]) -> int:
    """The verb's exit code; typer's own `main` is passed by, because it answers in English alone."""
    command = typer.main.get_command(app)
    if arguments and arguments[0] != "tune" and "WORLD_SIZE" in os.environ:
        from doctorglm.tune.parallel import refuse_several  # with torch, which `--help` does not wait for

        refuse_several(arguments[0])
    try:
        with command.make_context("doctorglm", list(arguments)) as context:
            if not arguments:
                tell(page(command, context), silent=False)
                return DoctorGLMError.exit_code
            result = command.invoke(context)
    except typer.Exit as leaving:
        return leaving.exit_code
    return result if isinstance(result, int) else 0


def _known(error: Exception) -> DoctorGLMError | None:
    """What the person can mend; None for a fault of ours."""
    if isinstance(error, DoctorGLMError):
        return error
    if hasattr(error, "format_message"):
        return explained(error)
    return from_system(error)


def _hides_an_interruption(error: BaseException | None) -> bool:
    """Whether Ctrl-C came first: `torch.save` interrupted while it writes raises RuntimeError as it closes its file."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _interrupted(as_json: bool, debug: bool) -> int:
    said = say(en="interrupted; start it again to go on", zh="已中断；再次运行即可继续")
    return _failed(said, INTERRUPTED, as_json, debug)


def _failed(message: str, code: int, as_json: bool, debug: bool) -> int:
    if debug and (error := sys.exception()):
        tell(trace(error), silent=False)
    try:
        print_json({"error": readable(message), "exit_code": code}, as_json)
        sys.stdout.flush()
    except OSError:
        # perhaps the very thing that failed
        _give_stdout_up()
    tell(message if code == INTERRUPTED else say(en=f"error: {message}", zh=f"错误：{message}"), silent=False)
    return code


def _fault(error: Exception, as_json: bool) -> int:
    tell(trace(error), silent=False)
    said = say(en="This is a fault of DoctorGLM. Please report it.", zh="这是 DoctorGLM 的缺陷，请报告。")
    return _failed(said, 1, as_json, debug=False)


def _give_stdout_up() -> None:
    """Writes nothing more to stdout, not even what the interpreter would at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
