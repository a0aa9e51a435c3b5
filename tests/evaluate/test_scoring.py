"""Scores against a plain oracle: one request at a time, the whole sequence, all logits, softmax in 64 bits."""

import copy
import functools
import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GlmConfig,
    GlmForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from doctorglm.errors import DataError, ModelError
from doctorglm.evaluate import scoring, trees
from doctorglm.evaluate.scoring import Request, is_causal, score
from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration
from doctorglm.models.half import keep_half
from doctorglm.models.prefix.attention import attach, shape_of
from doctorglm.models.prefix.encoder import PrefixEncoder

VOCABULARY = 60
SOP, EOP, MASK, GMASK, PAD = 50, 51, 52, 53, 3
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.3,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": PAD,
}
_CHATGLM = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_layers": 2,
    "num_attention_heads": 2,
    "initializer_range": 0.2,
    "bos_token_id": SOP,
    "eos_token_id": EOP,
    "mask_token_id": MASK,
    "gmask_token_id": GMASK,
    "pad_token_id": PAD,
}
MAKERS: dict[str, Callable[[], Any]] = {
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**_SIZES)),
    "qwen2 eager": lambda: Qwen2ForCausalLM._from_config(Qwen2Config(**_SIZES), attn_implementation="eager"),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**_SIZES)),
    "glm": lambda: GlmForCausalLM(GlmConfig(**_SIZES)),
    "chatglm": lambda: ChatGLMForConditionalGeneration(ChatGLMConfig(**_CHATGLM)),
    "chatglm 1d": lambda: ChatGLMForConditionalGeneration(ChatGLMConfig(**_CHATGLM, position_encoding_2d=False)),
    # windows of four tokens: these share nothing
    "mistral": lambda: MistralForCausalLM(MistralConfig(**_SIZES, sliding_window=4)),
    "gemma2": lambda: Gemma2ForCausalLM(Gemma2Config(**_SIZES, sliding_window=4, final_logit_softcapping=3.0)),
}
SHARING = ("qwen2", "qwen2 eager", "llama", "glm", "chatglm", "chatglm 1d")

often = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@functools.cache
def made(name: str) -> Any:
    torch.manual_seed(4)
    model = MAKERS[name]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape) * 0.1)
    return model


@pytest.fixture(params=MAKERS)
def model(request: pytest.FixtureRequest) -> Any:
    return made(request.param)


@pytest.fixture(autouse=True)
def every_prefix_pays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tiny sequences here share little; another call of the model shall cost as little."""
    monkeypatch.setattr(scoring, "_FORWARD_TOKENS", {"cpu": 2})
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def by_itself(model: Any, request: Request) -> tuple[float, bool]:
    ids = torch.tensor([request.context + request.continuation])
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0].double()
    foreseen = logits.log_softmax(-1)
    places = range(len(request.context) - 1, len(request.context) + len(request.continuation) - 1)
    pairs = list(zip(places, request.continuation, strict=True))
    return -sum(float(foreseen[i, t]) for i, t in pairs), all(int(logits[i].argmax()) == t for i, t in pairs)


def agrees(model: Any, requests: list[Request], **changes: Any) -> None:
    found = score(model, requests, **{"batch_tokens": 64, "padding_id": PAD} | changes)
    for one, request in zip(found, requests, strict=True):
        nats, greedy = by_itself(model, request)
        assert one.nats == pytest.approx(nats, abs=1e-5)
        assert one.greedy is greedy


def prompt(model: Any, text: tuple[int, ...]) -> tuple[int, ...]:
    """A context as the model takes it."""
    return text if is_causal(model) else (*text, GMASK, SOP)


def exam(model: Any, questions: int = 8, seed: int = 0, shots: int = 12, options: int = 4) -> list[Request]:
    """Questions of two subjects, each after the subject's examples; options of one to four tokens."""
    draw = random.Random(seed)

    def text(least: int, most: int) -> tuple[int, ...]:
        return tuple(draw.randint(5, 45) for _ in range(draw.randint(least, most)))

    subjects = [text(shots, shots) for _ in range(2)]
    asked = []
    for number in range(questions):
        context = prompt(model, subjects[number % 2] + text(1, 9))
        asked += [Request(context, text(1, 1 if number % 3 else 4)) for _ in range(options)]
    draw.shuffle(asked)
    return asked


@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_scores_are_those_of_each_request_alone(model: Any, batch_tokens: int) -> None:
    agrees(model, exam(model), batch_tokens=batch_tokens)


ids = st.lists(st.sampled_from([5, 6, 7]), max_size=7).map(tuple)


@pytest.mark.parametrize("name", SHARING)
@pytest.mark.parametrize("forward_tokens", [0, 1000])
@given(
    prefixes=st.lists(ids, min_size=1, max_size=3), parts=st.lists(st.tuples(st.integers(0, 2), ids, ids), max_size=9)
)
@often
def test_whatever_they_share(name: str, forward_tokens: int, prefixes: Any, parts: Any) -> None:
    """Three tokens only: contexts are equal, begin alike and continue one another in every way."""
    model = made(name)
    scoring._FORWARD_TOKENS["cpu"] = forward_tokens
    requests = [
        Request(prompt(model, prefixes[i % len(prefixes)] + middle + (8,)), (9, *end)) for i, middle, end in parts
    ]
    agrees(model, requests, batch_tokens=30)


def test_accuracy_does_not_move_with_the_batch(model: Any) -> None:
    """C093 and C094: 100 items in batches of one and of many; the same choices item by item, in float32."""
    requests = exam(model, questions=100, seed=5)
    requests.sort(key=lambda r: r.context)
    runs = [score(model, requests, batch_tokens=size, padding_id=PAD) for size in (1, 4 * 30, 18 * 30)]
    for one, *others in zip(*runs, strict=True):
        assert all(other.nats == pytest.approx(one.nats, abs=1e-5) for other in others)
    choices = [
        [min(range(4), key=lambda k: run[start + k].nats) for start in range(0, len(requests), 4)] for run in runs
    ]
    assert choices[0] == choices[1] == choices[2]


def test_what_stands_in_the_padding_does_not_matter(model: Any) -> None:
    requests = exam(model)
    runs = [score(model, requests, batch_tokens=500, padding_id=padding) for padding in (PAD, 7)]
    assert [s.nats for s in runs[0]] == pytest.approx([s.nats for s in runs[1]], abs=1e-6)


@pytest.mark.parametrize("name", SHARING)
def test_nothing_is_computed_twice(name: str) -> None:
    """Tokens that enter the model and columns that enter its head, counted where they do."""
    model = made(name)
    texts = [(*range(5, 35), 36 + q, 4) for q in range(6)]
    requests = [Request(prompt(model, text), (option,)) for text in texts for option in (6, 7, 8, 9)]
    tokens, columns = [], []
    handles = [
        model.get_input_embeddings().register_forward_hook(lambda _m, args, _out: tokens.append(args[0].numel())),
        model.get_output_embeddings().register_forward_hook(lambda _m, args, _out: columns.append(len(args[0]))),
    ]
    agrees_before_counting = score(model, requests, batch_tokens=64, padding_id=PAD)
    for handle in handles:
        handle.remove()
    assert len(agrees_before_counting) == len(requests)
    if is_causal(model):
        assert (sum(tokens), sum(columns)) == (30 + 6 * 2, 1 + 6), "the prefix, and what each question adds"
    else:
        assert (sum(tokens), sum(columns)) == (6 * 34, 6), "each context once, its four options read off one column"


def test_branches_are_computed_beside_one_another() -> None:
    model = made("qwen2")
    requests = [Request((5, 6, 7, 8, 9, 10), (option, 20, 21)) for option in (11, 12, 13)]
    tokens: list[int] = []
    handle = model.get_input_embeddings().register_forward_hook(lambda _m, args, _out: tokens.append(args[0].numel()))
    score(model, requests, batch_tokens=64, padding_id=PAD)
    handle.remove()
    assert tokens == [6 + 3 * 2], "the last token of an option predicts nothing"


def test_greedy_is_what_the_model_would_say() -> None:
    model = made("qwen2")
    context = (5, 6, 7, 8)
    with torch.no_grad():
        said = model.generate(torch.tensor([context]), max_new_tokens=3, do_sample=False, eos_token_id=None)[0, 4:]
    right = tuple(said.tolist())
    other = (*right[:2], (right[2] + 1) % VOCABULARY)
    found = score(model, [Request(context, right), Request(context, other)], batch_tokens=64, padding_id=PAD)
    assert [one.greedy for one in found] == [True, False]
    assert found[0].nats < found[1].nats


def test_linear_layers_are_given_back() -> None:
    model = copy.deepcopy(made("qwen2"))
    own = model.lm_head.forward = functools.partial(type(model.lm_head).forward, model.lm_head)
    score(model, exam(model), batch_tokens=64, padding_id=PAD)
    assert model.lm_head.forward is own, "a forward that somebody else has put there is theirs"
    changed = [name for name, module in model.named_modules() if "forward" in vars(module)]
    assert changed == ["lm_head"]


def test_weights_that_are_kept_in_half_precision() -> None:
    model = copy.deepcopy(made("qwen2")).half()
    keep_half(model)
    agrees(model, exam(model))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # PEFT asks for it
def test_a_model_with_an_adapter() -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(copy.deepcopy(made("qwen2")), LoraConfig(r=2, target_modules=["q_proj", "v_proj"])).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.3)
    agrees(model, exam(model))


@pytest.mark.parametrize("name", SHARING)
def test_a_model_with_a_learned_prefix(name: str) -> None:
    """What requests share is computed once all the same."""
    model = copy.deepcopy(made(name))
    torch.manual_seed(5)
    model = attach(model, PrefixEncoder(3, shape_of(model)))
    assert scoring._sharing(model) != "nothing"
    agrees(model, exam(model))


def test_a_batch_that_is_too_large_is_halved(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """C063: the memory of a CPU ends; the scores do not change."""
    monkeypatch.setattr(scoring, "_FORWARD_TOKENS", {"cpu": 1000})  # few batches, of many rows
    monkeypatch.setattr(trees, "_JOIN", 1000)
    requests = exam(model)
    expected = score(model, requests, batch_tokens=10_000, padding_id=PAD)
    sizes, own = [], model.forward

    def small(*args: Any, **kwargs: Any) -> Any:
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > 2:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")
        return own(*args, **kwargs)

    monkeypatch.setattr(model, "forward", small)
    found = score(model, requests, batch_tokens=10_000, padding_id=PAD)
    assert max(sizes) > 2 and 2 in sizes, "large batches were tried, small ones were computed"
    assert [s.nats for s in found] == pytest.approx([s.nats for s in expected], abs=1e-5)

    monkeypatch.setattr(model, "forward", lambda **_: small(input_ids=[0, 0, 0]))
    with pytest.raises(ModelError, match="does not fit into memory"):
        score(model, requests, batch_tokens=1, padding_id=PAD)


def test_copies_of_a_prefix_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    model = made("qwen2")
    rows: list[int] = []
    monkeypatch.setattr(scoring, "_CACHE_BYTES", 5 * 20 * 2 * 2 * 8 * 2 * 4)  # five copies of twenty tokens
    requests = [Request((*range(5, 25), q, 4), (6,)) for q in range(30, 42)]
    handle = model.get_input_embeddings().register_forward_hook(lambda _m, args, _out: rows.append(len(args[0])))
    agrees(model, requests, batch_tokens=10_000)
    handle.remove()
    copies = rows[1:4]
    assert rows[0] == 1 and sum(copies) == 12 and max(copies) <= 5


@pytest.mark.parametrize("seed", range(20))
def test_batches_cost_the_least(seed: int) -> None:
    """Brute force over all cuts of the sorted rows: padded tokens and a price for each batch."""
    draw = random.Random(seed)
    lengths = [draw.randint(1, 12) for _ in range(draw.randint(1, 9))]
    most, price, copies = draw.choice([5, 15, 40]), draw.choice([0, 3, 20]), draw.choice([None, 2])
    ordered = sorted(lengths, reverse=True)

    def cost(batches: list[list[int]]) -> float:
        whole = all(len(b) == 1 or (len(b) * max(b) <= most and len(b) <= (copies or 99)) for b in batches)
        return sum(len(b) * max(b) + price for b in batches) if whole else math.inf

    cuts = itertools.chain.from_iterable(itertools.combinations(range(1, len(ordered)), n) for n in range(len(ordered)))
    least = min(cost([ordered[a:b] for a, b in itertools.pairwise([0, *cut, len(ordered)])]) for cut in cuts)
    batches = scoring._batches(lengths, most, copies, price)
    assert sorted(itertools.chain.from_iterable(batches)) == list(range(len(lengths)))
    assert cost([[lengths[i] for i in batch] for batch in batches]) == least
    assert [lengths[i] for batch in batches for i in batch] == ordered


def test_scores_that_are_no_numbers_are_refused() -> None:
    model = copy.deepcopy(made("qwen2"))
    with torch.no_grad():
        model.lm_head.weight[9] = torch.inf
    for damaged in (torch.inf, torch.nan):
        with torch.no_grad():
            model.lm_head.weight[9] = damaged
        with pytest.raises(ModelError, match=r"2 of 2 scores are NaN or infinite, the first of request 0.*float32"):
            score(model, [Request((5, 6), (7,)), Request((5, 6), (9,))], batch_tokens=64, padding_id=PAD)


@pytest.mark.parametrize(("request_", "what"), [(Request((), (1,)), "context"), (Request((1,), ()), "continuation")])
def test_nothing_to_score_is_refused(request_: Request, what: str) -> None:
    with pytest.raises(DataError, match=rf"request 1: the {what} has no tokens"):
        score(made("qwen2"), [Request((1,), (2,)), request_], batch_tokens=64, padding_id=PAD)


def test_a_chatglm_context_without_its_special_tokens_is_refused() -> None:
    with pytest.raises(ModelError, match="no <sop>"):
        requests = [Request((5, 6), (7, 8)), Request((5, 6), (8, 9))]
        score(made("chatglm"), requests, batch_tokens=64, padding_id=PAD)


def test_the_model_is_left_as_it_was(model: Any) -> None:
    request = Request(prompt(model, (5, 6, 7)), (8, 9))
    before = by_itself(model, request)
    score(model, [request], batch_tokens=64, padding_id=PAD)
    assert by_itself(model, request) == before
    with pytest.raises(IndexError):
        score(model, [Request(prompt(model, (10**6,)), (8,))], batch_tokens=64, padding_id=PAD)
    assert by_itself(model, request) == before


def test_no_requests_no_scores() -> None:
    assert score(made("qwen2"), [], batch_tokens=64, padding_id=PAD) == []


def test_the_line_is_told_what_is_done() -> None:
    told: list[float] = []

    class Told:
        def update(self, done: float, note: str = "") -> None:
            told.append(done)

    score(made("qwen2"), exam(made("qwen2")), batch_tokens=20, padding_id=PAD, line=Told())
    assert told == sorted(told) and len(told) > 2 and told[-1] == 1
