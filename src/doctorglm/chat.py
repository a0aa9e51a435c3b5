"""The conversation in a terminal: answers on stdout, prompts and notes on stderr, nothing on disk.

Ctrl-C stops the answer that is being written; at the prompt it takes two to leave.
"""

import contextlib
import json
import locale
import os
import re
import sys
from contextlib import closing
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType

from doctorglm.consult import LABEL, Consultation, Reply
from doctorglm.conversation import Message
from doctorglm.engine import Generation
from doctorglm.errors import DataError
from doctorglm.language import Text, say
from doctorglm.report.wording import clean

_OPENING = Text(
    en="This is an AI, not a doctor: it cannot diagnose or prescribe. In an emergency call 120 now.",
    zh="我是 AI，不是医生：不能诊断，也不能开处方。情况紧急请立即拨打 120。",
)
_HELP = Text(
    en="/clear  forget this conversation\n/help   show this list\n/exit   leave (or Ctrl-D)\n"
    "Ctrl-C  stop an answer; twice at the prompt: leave",
    zh="/clear  忘掉这段对话\n/help   显示本列表\n/exit   离开（或 Ctrl-D）\nCtrl-C  停止回答；在提示符处按两次：离开",
)
_STOPPED = Text(en=" [stopped]", zh="（已停止）")
"""Follows an answer that Ctrl-C ended, on the screen and in the history."""
_COMMAND = re.compile(r"[/／]([a-zA-Z]+)")


def chat(consultation: Consultation, *, ask: str | None, as_json: bool) -> int:
    """Talks until the person leaves, or answers `ask` once; returns the exit code, 0.

    `as_json` goes with `ask`: one object `label, answer, actions, finish, tokens, seconds, dropped_turns`, from a
    library `evidence, sources, notes, supported` too, no more.
    Raises DataError for a question that is empty, not UTF-8 or too long; a conversation tells it and goes on.
    """
    if ask is None:
        _Talk(consultation).converse()
    elif as_json:
        *_, reply = consultation.stream([Message("user", _readable(ask))])
        assert isinstance(reply, Reply)
        sys.stdout.write(json.dumps(_record(reply), ensure_ascii=False) + "\n")
    elif not _Talk(consultation).answer(_readable(ask)):
        raise KeyboardInterrupt
    return 0


def _record(reply: Reply) -> dict[str, Any]:
    generation = reply.generation
    return {
        "label": str(reply.label),
        "answer": reply.text,
        "actions": [
            {
                "guard": a.guard,
                "rule": a.rule,
                "effect": a.effect,
                "where": a.where,
                "struck": a.struck,
                "why": str(a.why),
            }
            for a in reply.actions
        ],
        **_cited(reply),
        "finish": generation.finish,
        "tokens": generation.tokens,
        "seconds": generation.seconds,
        "dropped_turns": generation.dropped_turns,
    }


def _cited(reply: Reply) -> dict[str, Any]:
    """What an answer from a library has besides; nothing where none was asked."""
    if reply.sources is None:
        return {}
    notes = [{"kind": one.kind, "sentence": one.sentence, "why": str(one.why)} for one in reply.notes]
    evidence = [asdict(one) for one in reply.evidence]
    return {"evidence": evidence, "sources": reply.sources, "notes": notes, "supported": reply.supported}


class _Talk:
    """What was said so far, and the two streams on which it is shown."""

    def __init__(self, consultation: Consultation) -> None:
        self._consultation = consultation
        self._history: list[Message] = []
        self._dropped = 0
        self._answers, self._notes = _console(stderr=False), _console(stderr=True)

    def converse(self) -> None:
        """Reads and answers until /exit, the end of the input, or Ctrl-C twice at the prompt."""
        self._notes.print(f"DoctorGLM · {self._consultation.engine.name}\n{_OPENING}", style="bold")
        self._note(en="/help lists the commands; Ctrl-C stops an answer.", zh="/help 列出命令；Ctrl-C 停止回答。")
        if sys.stdin.isatty():
            _edit_lines()
        interrupted = False
        while True:
            try:
                if interrupted:
                    self._note(
                        en="\nCtrl-C once more, or /exit, to leave.", zh="\n再按一次 Ctrl-C，或输入 /exit，即可离开。"
                    )
                line = _read(say(en="You: ", zh="您："))
                interrupted = False
                if not self._take(line.strip()):
                    return
            except EOFError:
                break
            except KeyboardInterrupt:
                # nothing else here: the second Ctrl-C may follow at once
                if interrupted:
                    break
                interrupted = True
        self._notes.print()

    def _take(self, line: str) -> bool:
        """Answers a question, or does what a command says; False when that is to leave."""
        command = _COMMAND.fullmatch(line)
        match command[1].lower() if command else "":
            case "":
                self._answer_or_tell(line)
            case "exit" | "quit":
                return False
            case "clear":
                self._clear()
            case "help":
                self._notes.print(str(_HELP))
            case unknown:
                self._note(en=f"no command /{unknown}; /help lists them.", zh=f"没有命令 /{unknown}；/help 列出命令。")
        return True

    def _answer_or_tell(self, question: str) -> None:
        if not question:
            return
        try:
            self.answer(_readable(question))
        except DataError as error:
            # the next question may be a shorter one
            self._notes.print(f"{say(en='error', zh='错误')}: {error}")
        self._notes.print()

    def _clear(self) -> None:
        self._history.clear()
        self._dropped = 0
        with contextlib.suppress(ImportError, AttributeError):
            # the arrow keys must not bring back what another patient typed
            import readline

            readline.clear_history()
        self._note(en="Forgotten. A new conversation begins.", zh="已清空，开始新的对话。")

    def answer(self, question: str) -> bool:
        """Shows an answer as it comes and keeps what was said; False when Ctrl-C ended it."""
        asked = Message("user", question)
        shown = _Shown(self._answers, self._notes)
        reply: Reply | None = None
        try:
            with closing(self._consultation.stream([*self._history, asked])) as pieces:
                for piece in pieces:
                    if isinstance(piece, Reply):
                        reply = piece
                    else:
                        shown.add(piece)
        except KeyboardInterrupt:
            shown.stop()
        finally:
            shown.end()
        if reply and reply.sources:
            self._answers.print(f"\n{clean(reply.sources)}", style="dim")
        if shown.text:
            self._history += [asked, Message("assistant", shown.text)]
        self._remark(reply.generation if reply else None, kept=bool(shown.text))
        for why in dict.fromkeys(action.why for action in reply.actions) if reply else ():
            self._note(en=f"Guard: {why.en}", zh=f"防护：{why.zh}")
        for why in dict.fromkeys(one.why for one in reply.notes) if reply else ():
            self._note(en=f"Sources: {why.en}", zh=f"出处：{why.zh}")
        return reply is not None

    def _remark(self, generation: Generation | None, *, kept: bool) -> None:
        """Tells what the answer itself does not show."""
        if not kept:
            self._note(
                en="No answer was given; the question is not kept. Ask in other words.",
                zh="没有给出回答，这个问题不会保留。请换一种问法。",
            )
        if generation is None:
            return
        if generation.finish == "loop":
            self._note(en="Cut: the answer only repeated itself.", zh="回答开始重复，已截断。")
        if generation.finish == "length":
            self._note(
                en=f"Cut after {generation.tokens} tokens (max_new_tokens). Ask it to go on.",
                zh=f"已达 {generation.tokens} 个 token 的上限（max_new_tokens），回答未完。可以请它继续。",
            )
        if generation.dropped_turns > self._dropped:
            self._dropped = generation.dropped_turns
            self._note(
                en=f"The conversation is longer than the model can read; oldest turns left out: {self._dropped}.",
                zh=f"对话超出模型可读的长度：最早的 {self._dropped} 轮未被读入。",
            )

    def _note(self, *, en: str, zh: str) -> None:
        self._notes.print(say(en=en, zh=zh), style="dim")


class _Shown:
    """One answer on the screen: a sign that it is awaited, its label, its text."""

    def __init__(self, answers: Console, notes: Console) -> None:
        self.text = ""
        self._answers, self._notes = answers, notes
        self._waiting = notes.is_terminal and not notes.is_dumb_terminal
        if self._waiting:
            notes.print(say(en="answering …", zh="正在回答……"), style="dim", end="")

    def add(self, piece: str) -> None:
        """Shows the next piece, without characters that could steer the terminal."""
        piece = clean(piece).replace("\ufffd", "")
        if piece and not self.text:
            self._stop_waiting()
            self._answers.print(f"[{LABEL}]", style="dim")
        self.text += piece
        self._answers.file.write(piece)
        self._answers.file.flush()

    def stop(self) -> None:
        """Marks what was said as cut short by the person."""
        if self.text:
            self.add(str(_STOPPED))

    def end(self) -> None:
        """Leaves the screen ready for the next line."""
        self._stop_waiting()
        if self.text:
            self._answers.file.write("\n")
            self._answers.file.flush()

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting = False
            self._notes.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))


def _console(*, stderr: bool) -> Console:
    """Colour where there is a terminal; text as it is, not wrapped nor searched for markup."""
    return Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False, markup=False)


def _edit_lines() -> None:
    """Lets `input` edit lines and bring old ones back, where there is readline.

    A locale that is named but not installed, as in many containers, would make its keys out of Chinese bytes.
    """
    named = os.environ.get("LC_ALL")
    try:
        if locale.setlocale(locale.LC_CTYPE) == "C":
            os.environ["LC_ALL"] = locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
        import readline  # noqa: F401
    except (ImportError, locale.Error):
        return
    finally:
        os.environ.pop("LC_ALL", None)
        os.environ |= {"LC_ALL": named} if named is not None else {}


def _read(prompt: str) -> str:
    """A line from the person, with line editing in a terminal; raises EOFError at the end, DataError if not UTF-8."""
    try:
        if sys.stdin.isatty() and sys.stdout.isatty():
            return input(prompt)
        if sys.stdin.isatty():
            sys.stderr.write(prompt)
            sys.stderr.flush()
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        raise _not_utf8() from None
    if not line:
        raise EOFError
    return line


def _readable(question: str) -> str:
    """The question; raises DataError when there is none, or when it holds bytes that are no text."""
    if not question.strip():
        raise DataError(en='the question is empty. Write --ask "TEXT".', zh="问题是空的。请写 --ask “文字”。")
    try:
        question.encode()
    except UnicodeEncodeError:
        raise _not_utf8() from None
    return question


def _not_utf8() -> DataError:
    return DataError(
        en="the question holds bytes that are not UTF-8. Set the terminal, or convert the file, to UTF-8.",
        zh="问题中含有不是 UTF-8 的字节。请把终端或文件改为 UTF-8 编码。",
    )
