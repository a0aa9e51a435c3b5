"""`doctorglm convert --to gguf` on a real model: ids, probabilities and greedy answers of llama.cpp and transformers.

    python benchmarks/gguf_export.py --model models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf --folder DIR > RESULT.json

The model is unpacked from its own GGUF to 32 bits and saved as transformers saves it: those weights are what everything
is compared with. They are exported as f32, f16 and Q8_0; llama.cpp answers QUESTIONS greedily from each and from the
GGUF that was given (Q4_K_M, beside them as a peer), and transformers from the folder. Needs xllamacpp.
"""

import argparse
import json
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import xllamacpp

from _record import circumstances
from doctorglm import models
from doctorglm.conversation import Message
from doctorglm.models.llamacpp.export import to_gguf
from doctorglm.models.saving import save_model
from doctorglm.render import renderer_for
from doctorglm.runs import _versions

QUESTIONS = (
    "感冒发烧怎么办？",
    "高血压患者平时可以喝咖啡吗？",
    "What can I do about a sore throat?",
    "孩子咳嗽三天，体温 38.5 度，需要去医院吗？",
)
TOKENS = 32
TYPES = ("f32", "f16", "q8_0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a .gguf file that transformers can unpack")
    parser.add_argument("--folder", type=Path, required=True, help="for 2.5 times the model in 32 bits")
    asked = parser.parse_args()
    base = asked.folder / "unpacked"
    if not base.is_dir():
        save_model(*models.load(asked.model, dtype=torch.float32), base)
    model, tokenizer = models.load(base, dtype=torch.float32)
    renderer = renderer_for(tokenizer)
    prompts = [renderer.prompt([Message("user", question)], 512).input_ids for question in QUESTIONS]
    expected = [in_transformers(model, prompt, renderer.end_token_ids) for prompt in prompts]
    ends = list(renderer.end_token_ids)
    del model
    result = circumstances(
        f"python benchmarks/gguf_export.py --model {asked.model.name} --folder DIR",
        {**_versions(), "xllamacpp": xllamacpp.__version__},
    )
    result |= {"model": asked.model.name, "questions": len(QUESTIONS), "tokens": TOKENS, "files": {}}
    for kind in TYPES:
        out = asked.folder / kind
        began = time.monotonic()
        done = to_gguf(base, out, kind) if not out.is_dir() else json.loads((out / "run.json").read_text("utf-8"))
        told = {key: done[key] for key in ("bytes", "tensors", "exact", "error")}
        told["seconds"] = round(time.monotonic() - began, 1)
        result["files"][kind] = told | compared(out / "model.gguf", prompts, expected, ends)
        (out / "model.gguf").unlink()
        (out / "Modelfile").unlink()
        (out / "run.json").unlink()
        out.rmdir()
    result["files"]["as given"] = compared(asked.model, prompts, expected, ends)
    print(json.dumps(result, ensure_ascii=False, indent=1))


Answer = tuple[torch.Tensor, list[int]]
"""The log probabilities of the first token, and the greedy answer."""


def in_transformers(model: Any, prompt: list[int], ends: Sequence[int]) -> Answer:
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        first = torch.log_softmax(model(ids).logits[0, -1], -1)
        made = model.generate(ids, max_new_tokens=TOKENS, do_sample=False, eos_token_id=list(ends),
                              repetition_penalty=1.0)  # fmt: skip
    return first, [int(i) for i in made[0, len(prompt) :] if int(i) not in ends]


def compared(file: Path, prompts: list[list[int]], expected: list[Answer], ends: list[int]) -> dict[str, Any]:
    """What llama.cpp makes of the file, beside transformers."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx, parameters.n_parallel, parameters.port, parameters.warmup = 1024, 1, 0, False
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = torch.get_num_threads()
    server = xllamacpp.Server(parameters)

    def post(path: str, **body: Any) -> Any:
        request = urllib.request.Request(
            server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    same_ids, apart, agree, equal = 0, [], [], 0
    for question, prompt, (first, answer) in zip(QUESTIONS, prompts, expected, strict=True):
        text = post("/apply-template", messages=[{"role": "user", "content": question}])["prompt"]
        same_ids += post("/tokenize", content=text, add_special=True, parse_special=True)["tokens"] == prompt
        said = post("/completion", prompt=prompt, n_predict=TOKENS, n_probs=100, temperature=-1, cache_prompt=False,
                    return_tokens=True, repeat_penalty=1.0)  # fmt: skip
        top = said["completion_probabilities"][0]["top_logprobs"]
        apart.append(max(abs(float(first[one["id"]]) - one["logprob"]) for one in top))
        theirs = [i for i in said["tokens"] if i not in ends]
        agree.append(next((n for n, (a, b) in enumerate(zip(answer, theirs, strict=False)) if a != b), len(answer)))
        equal += theirs == answer
    server = None
    return {
        "prompts_with_the_same_ids": same_ids,
        "greedy_answers_equal": equal,
        "tokens_until_they_part": agree,
        "largest_difference_of_top_100_logprobs": max(apart),
    }


if __name__ == "__main__":
    main()
