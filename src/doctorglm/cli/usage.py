"""Help and complaints of the command line in both languages; typer's own are English and change with its version."""

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from typer.core import TyperCommand, TyperGroup

from doctorglm.errors import ConfigError
from doctorglm.language import Text, say

_BEHIND = {"library": "curate", "translate": "library", "distill": "translate"}
_EVERYWHERE = (
    ("--lang zh|en", Text(en="The language; else the locale decides.", zh="语言；默认随系统区域设置。")),
    ("--debug", Text(en="Show a traceback with an error.", zh="出错时显示调用栈。")),
    ("--help", Text(en="Show this page.", zh="显示本页。")),
)


class Verb(TyperCommand):
    """A verb whose help is `page`."""

    def get_help(self, ctx: Any) -> str:
        """The page, as `--help` prints it."""
        return page(self, ctx)


class Verbs(TyperGroup):
    """All verbs; some stand behind the verb that their work follows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [name for name in self.commands if name not in _BEHIND]
        for name, before in _BEHIND.items():
            if name in self.commands and before in names:
                names.insert(names.index(before) + 1, name)
        self.commands = {name: self.commands[name] for name in [*names, *(self.commands.keys() - set(names))]}

    def get_help(self, ctx: Any) -> str:
        """The page, as `--help` prints it."""
        return page(self, ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb; raises ConfigError with the nearest one for a word that is none."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            near = _near(args[0], self.commands)
            verbs = ", ".join(self.commands)
            raise ConfigError(
                en=f"unknown verb `{args[0]}`{near.en} The verbs are {verbs}.",
                zh=f"没有命令 `{args[0]}`{near.zh}可用的命令：{verbs}。",
            )
        return super().resolve_command(ctx, args)


def page(command: Any, context: Any) -> str:
    """The help of a verb, or of all: usage, what it does, arguments, options, an example."""
    verbs = getattr(command, "commands", {})
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    words = [_option(p) if p.required else f"[{_option(p)}]" for p in options] + [p.metavar for p in arguments]
    if verbs:
        words = [say(en="VERB ...", zh="命令 ...")]
    rows = [
        (say(en="Verbs", zh="命令"), [(name, verb.help) for name, verb in verbs.items()]),
        (say(en="Arguments", zh="参数"), [(p.metavar, p.help or "") for p in arguments]),
        (say(en="Options", zh="选项"), [*((_option(p), p.help) for p in options), *_everywhere()]),
    ]
    lines = [f"{say(en='Usage: ', zh='用法：')}{' '.join([context.command_path, *words])}", ""]
    lines += [f"  {line}" for line in str(command.help).splitlines()]
    for title, entries in rows:
        lines += _section(title, entries)
    if command.epilog:
        lines += ["", say(en="Example:", zh="示例："), f"  {command.epilog}"]
    return "\n".join(lines)


def _everywhere() -> Iterator[tuple[str, str]]:
    return ((name, str(text)) for name, text in _EVERYWHERE)


def _option(option: Any) -> str:
    name = str(max(option.opts, key=len))
    return name if option.is_flag else f"{name} {option.metavar}"


def _section(title: str, entries: list[tuple[str, str]]) -> Iterator[str]:
    if entries:
        width = max(len(name) for name, _ in entries)
        yield from ("", say(en=f"{title}:", zh=f"{title}："))
        yield from (f"  {name:{width}}  {text}".rstrip() for name, text in entries)


def explained(error: Any) -> ConfigError:
    """A complaint of typer's parser in both languages, and where an example is."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "doctorglm"
    what = _complaint(error, context)
    return ConfigError(
        en=f"{what.en} `{path} --help` shows an example.",
        zh=f"{what.zh}示例见 `{path} --help`。",
    )


def _complaint(error: Any, context: Any) -> Text:
    name, said = getattr(error, "option_name", ""), str(error.format_message()).rstrip(".")
    parameter = getattr(error, "param", None)
    match type(error).__name__:
        case "NoSuchOption":
            near = _near(name, [o for p in context.command.params for o in p.opts] if context else [])
            return Text(en=f"unknown option `{name}`{near.en}", zh=f"没有选项 `{name}`{near.zh}")
        case "MissingParameter" if parameter is not None:
            missing = _option(parameter) if parameter.param_type_name == "option" else parameter.metavar
            return Text(en=f"`{missing}` is missing.", zh=f"缺少 `{missing}`。")
        case "BadOptionUsage" if "requires" in said:
            return Text(en=f"`{name}` needs a value.", zh=f"`{name}` 需要一个值。")
        case "BadOptionUsage":
            return Text(en=f"`{name}` takes no value.", zh=f"`{name}` 不需要值。")
    extra = re.search(r"unexpected extra arguments?(?:\(s\))? \((.*)\)", said)
    if extra:
        return Text(en=f"one argument too many: {extra[1]}.", zh=f"多余的参数：{extra[1]}。")
    return Text(en=f"{said}.", zh=f"{said}。")


def _near(word: str, known: Iterable[str]) -> Text:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    if not found:
        return Text(en=".", zh="。")
    return Text(en=f"; did you mean `{found[0]}`?", zh=f"；是否要写 `{found[0]}`？")
