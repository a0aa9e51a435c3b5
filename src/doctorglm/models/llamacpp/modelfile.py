"""Ollama's Modelfile: the training template in Go's language, a stop for every end token, and what the model is not.

No system message is set: one that training did not have would change every answer. What must be known of the model
stands in LICENSE, which `ollama show` prints.
Source: https://github.com/ollama/ollama/blob/main/docs/modelfile.md, https://pkg.go.dev/text/template.
"""

from collections.abc import Sequence

from doctorglm.errors import ModelError
from doctorglm.models.llamacpp.turns import Turns

NOTE = (
    "This model informs. It never diagnoses or prescribes, it is no medical device, and it has not been reviewed by a "
    "clinician. In an emergency call your local emergency number.\n"
    "本模型只提供信息，不诊断、不开处方，不是医疗器械，也未经临床医生审核。紧急情况请拨打当地急救电话。"
)
UNGATED = (
    "NOT GATED: this tuned model was not shown to be better and no less safe than its base.\n"
    "未经门槛：没有证明该模型优于其基座且不更危险。"
)
_QUOTES = '"""'


def modelfile(turns: Turns, stops: Sequence[str], *, ungated: bool = False, licences: str = "") -> str:
    """The text of a Modelfile beside `model.gguf`; raises ModelError for a template that it cannot quote."""
    template = go_template(turns)
    if _QUOTES in template or template.startswith('"') or template.endswith('"'):
        raise ModelError(
            en="the chat template has quotation marks where a Modelfile cannot quote them. Use a template without.",
            zh="对话模板中的引号无法写入 Modelfile。请换用不含它们的模板。",
        )
    told = [NOTE, *([UNGATED] if ungated else []), *([licences.replace(_QUOTES, "'''")] if licences else [])]
    lines = [
        "FROM ./model.gguf",
        f"TEMPLATE {_QUOTES}{template}{_QUOTES}",
        *(f"PARAMETER stop {_quoted(stop)}" for stop in dict.fromkeys(stops)),
        f"LICENSE {_QUOTES}{chr(10).join(told)}{_QUOTES}",
    ]
    return "\n".join(lines) + "\n"


def go_template(turns: Turns) -> str:
    """The format as a template of Go: over `.Messages`, each with `.Role` and `.Content`."""
    before, after = map(_literal, turns.user)
    if turns.numbered:
        # the language cannot add: a text that grows by a letter counts rounds
        before = '{{ $n = printf "%s." $n }}' + before.replace("{}", "{{ len $n }}")
    user = f"{before}{{{{ $m.Content }}}}{after}"
    assistant = f"{_literal(turns.assistant[0])}{{{{ $m.Content }}}}{_literal(turns.assistant[1])}"
    begun = _literal(turns.start)
    if turns.system:
        system = f"{_literal(turns.system[0])}{{{{ $m.Content }}}}{_literal(turns.system[1])}"
        begun = f'{{{{ if eq $m.Role "system" }}}}{system}{{{{ else }}}}{begun}{{{{ end }}}}'
    return (
        ('{{ $n := "" }}' if turns.numbered else "")
        + f"{{{{ range $i, $m := .Messages }}}}{{{{ if eq $i 0 }}}}{begun}{{{{ end }}}}"
        + f'{{{{ if eq $m.Role "user" }}}}{user}{{{{ else if eq $m.Role "assistant" }}}}{assistant}{{{{ end }}}}'
        + f"{{{{ end }}}}{_literal(turns.answer)}"
    )


def _literal(text: str) -> str:
    return text.replace("{{", '{{ "{{" }}')


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
