"""The causal-LM policy: cached decoding equals a full forward pass, whoever else is in the batch."""

import platform
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from toolgym.agents.policies.decoding import draw
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.machine import release_memory, set_threads
from toolgym.agents.policies.models import load_model
from toolgym.agents.policies.policy import Completion
from toolgym.errors import ConfigError


def info(text: str, role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text}]}


def play(policy: LMPolicy, openings: list[str], turns: int) -> tuple[list[list[int]], list[list[tuple[int, float]]]]:
    """Episodes of `turns` turns: each slot's whole context, and (position, log-probability) of its sampled tokens."""
    contexts = [list(policy.start(slot, text, info(text))) for slot, text in enumerate(openings)]
    sampled: list[list[tuple[int, float]]] = [[] for _ in openings]
    for turn in range(turns):
        # Slots take turns irregularly, in changing order: the cache's rows are shuffled all the time.
        slots = [slot for slot in range(len(openings)) if (slot + turn) % 3 != 0][:: -1 if turn % 2 else 1]
        for slot, completion in zip(slots, policy.generate(slots), strict=True):
            for token, logp in zip(completion.token_ids, completion.logprobs, strict=True):
                sampled[slot].append((len(contexts[slot]), logp))
                contexts[slot].append(token)
            contexts[slot] += policy.observe(slot, "", info("ok " * (slot + turn), "tool"))
    return contexts, sampled


def full_logps(model: Any, ids: list[int]) -> torch.Tensor:
    """Log-probabilities of every next token, from one forward pass over the whole context `(T, V)`."""
    with torch.no_grad():
        return torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].float(), dim=-1)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_cached_decoding_equals_a_full_forward(tokenizer: Any, tiny_model: Any, attention: str) -> None:
    tiny_model.set_attn_implementation(attention)
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=9), seed=3)
    contexts, sampled = play(policy, ["hi", "a much longer opening than the others", "x" * 300, "ab", "ab"], turns=5)
    assert sum(len(one) for one in sampled) > 60
    for ids, one in zip(contexts, sampled, strict=True):
        logps = full_logps(tiny_model, ids)
        for position, logp in one:
            assert logp == pytest.approx(float(logps[position - 1, ids[position]]), abs=1e-4)


def test_cached_decoding_equals_a_full_forward_of_another_architecture(tokenizer: Any) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        initializer_range=0.2,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlamaForCausalLM(config).eval()
    policy = LMPolicy(model, tokenizer, SamplingOptions(max_new_tokens=7), seed=3)
    contexts, sampled = play(policy, ["hi", "a longer opening", "hi"], turns=4)
    for ids, one in zip(contexts, sampled, strict=True):
        logps = full_logps(model, ids)
        for position, logp in one:
            assert logp == pytest.approx(float(logps[position - 1, ids[position]]), abs=1e-4)


def turns_of(policy: LMPolicy, openings: list[str]) -> list[Completion]:
    for slot, text in enumerate(openings):
        policy.start(slot, text, info(text))
    return policy.generate(range(len(openings)))


def test_an_episode_does_not_depend_on_the_others_in_the_batch(tokenizer: Any, tiny_model: Any) -> None:
    options = SamplingOptions(max_new_tokens=12)
    alone = turns_of(LMPolicy(tiny_model, tokenizer, options, seed=5), ["opening zero"])[0]
    beside = turns_of(LMPolicy(tiny_model, tokenizer, options, seed=5), ["opening zero", "y" * 80, "opening zero", "z"])
    assert beside[0].token_ids == alone.token_ids
    assert beside[2].token_ids != alone.token_ids  # the same opening, another slot: another stream


def test_turns_that_end_first_come_first_and_the_others_go_on(tokenizer: Any, tiny_model: Any) -> None:
    """Two turns each, in whatever order they end: the same tokens as when every turn waits for the longest."""
    openings = [f"opening {number} " * (1 + number % 4) for number in range(16)]

    def all_turns(policy: LMPolicy, *, some: bool) -> tuple[dict[int, list[Completion]], int]:
        for slot, text in enumerate(openings):
            policy.start(slot, text, info(text))
        made: dict[int, list[Completion]] = {slot: [] for slot in range(len(openings))}
        calls = 0
        while left := [slot for slot, turns in made.items() if len(turns) < 2]:
            ended = policy.generate_some(left) if some else list(zip(left, policy.generate(left), strict=True))
            calls += 1
            assert len(ended) >= len(left) / 8
            for slot, turn in ended:
                made[slot].append(turn)
                policy.observe(slot, "", info("ok " * slot, "tool"))
        return made, calls

    def policy() -> LMPolicy:
        made = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=30), seed=5)
        made.decoder.stop_ids = frozenset(range(0, len(tokenizer), 12))  # so that turns differ in length
        return made

    waiting, few = all_turns(policy(), some=False)
    going_on, many = all_turns(policy(), some=True)
    assert len({len(turn.token_ids) for turns in waiting.values() for turn in turns}) > 3
    assert few == 2 < many
    for slot in waiting:
        assert [turn.token_ids for turn in going_on[slot]] == [turn.token_ids for turn in waiting[slot]]
        assert [turn.stop for turn in going_on[slot]] == [turn.stop for turn in waiting[slot]]


def test_reseeding_repeats_and_another_key_differs(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=12), seed=5)
    first = turns_of(policy, ["one", "two"])
    again = turns_of(policy, ["one", "two"])
    policy.reseed(5)
    assert turns_of(policy, ["one", "two"]) == first
    assert [turn.token_ids for turn in again] != [turn.token_ids for turn in first]
    policy.reseed(5, 1)
    assert [turn.token_ids for turn in turns_of(policy, ["one", "two"])] != [turn.token_ids for turn in first]


def test_greedy_takes_the_most_probable_token(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(temperature=0, max_new_tokens=6))
    opening = policy.start(0, "hello", info("hello"))
    turn = policy.generate([0])[0]
    logps = full_logps(tiny_model, opening + turn.token_ids)
    for at, token in enumerate(turn.token_ids):
        assert token == int(logps[len(opening) + at - 1].argmax())


def test_a_turn_stops_at_its_length_and_the_frame_is_closed(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=2), seed=0)
    policy.start(0, "hello", info("hello"))
    turn = policy.generate([0])[0]
    assert (turn.stop, len(turn.token_ids)) == ("length", 2)
    assert policy.observe(0, "", info("ok", "tool"))[0] == policy.chat.end_id


def test_the_end_of_turn_is_sampled_and_left_out_of_the_text(tokenizer: Any, tiny_model: Any) -> None:
    # An output layer that knows one token only: the end of turn comes at once, and the text is empty.
    with torch.no_grad():
        tiny_model.model.embed_tokens.weight[tokenizer.eos_token_id] = 0
        tiny_model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(tiny_model.lm_head.weight))
        tiny_model.lm_head.weight[tokenizer.eos_token_id] = tiny_model.model.norm.weight * 50
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(temperature=0, max_new_tokens=5))
    policy.start(0, "hello", info("hello"))
    turn = policy.generate([0])[0]
    if turn.stop == "end_of_turn":
        assert turn.token_ids[-1] == tokenizer.eos_token_id
        assert "<|end|>" not in turn.text
    assert tokenizer.decode(turn.token_ids[:-1] if turn.stop == "end_of_turn" else turn.token_ids) == turn.text


def test_a_full_context_gives_an_empty_turn(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=50, context_tokens=24), seed=1)
    opening = policy.start(0, "hello", info("hello"))
    turn = policy.generate([0])[0]
    assert turn.stop in ("context", "end_of_turn")
    assert len(opening) + len(turn.token_ids) <= 24
    policy.observe(0, "", info("a long answer " * 4, "tool"))
    assert policy.generate([0]) == [Completion("", [], [], "context")]


def test_equal_openings_are_computed_once_and_give_the_same_logits(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(temperature=0, max_new_tokens=8))
    seen: list[int] = []
    handle = tiny_model.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    try:
        turns = turns_of(policy, ["the same opening"] * 4)
    finally:
        handle.remove()
    length = len(policy.chat.opening("", info("the same opening")))
    assert seen[0] == length  # not four times as much
    assert all(turn.token_ids == turns[0].token_ids for turn in turns)


def test_draw_inverts_the_cumulative_distribution() -> None:
    # p = 0.5, 0.3, 0.2: u = 0.49 is the first token, 0.5 and 0.79 the second, 0.8 and 0.99 the third.
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2]])).repeat(5, 1)
    uniform = torch.tensor([0.49, 0.500001, 0.79, 0.800001, 0.99])
    assert draw(logits, uniform, SamplingOptions()).tolist() == [0, 1, 1, 2, 2]
    # top_p = 0.6 keeps the first two (0.5 < 0.6 lies before the second): rescaled 0.625, 0.375.
    assert draw(logits, torch.tensor([0.62, 0.63, 0.99, 0.0, 0.5]), SamplingOptions(top_p=0.6)).tolist() == [
        0,
        1,
        1,
        0,
        0,
    ]
    # temperature 0.5 squares: 0.25, 0.09, 0.04 over 0.38: the first token up to 0.6579.
    assert draw(logits, torch.tensor([0.65, 0.66, 0.8, 0.89, 0.9]), SamplingOptions(temperature=0.5)).tolist() == [
        0,
        1,
        1,
        1,
        2,
    ]


@pytest.mark.parametrize("temperature", [float("nan"), float("inf"), -1.0])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ConfigError, match="temperature must be >= 0 and finite"):
        SamplingOptions(temperature=temperature)


def test_a_temperature_next_to_nothing_is_greedy() -> None:
    logits = torch.tensor([[0.0, 1.0, 50.0, 2.0]])
    assert draw(logits, torch.tensor([0.5]), SamplingOptions(temperature=1e-6)).tolist() == [2]
    # Logits divided by less than that overflow, and their probabilities are NaN.
    assert SamplingOptions(temperature=1e-40) == SamplingOptions(temperature=0.0)


def test_no_slot_is_no_turn(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions())
    assert policy.generate([]) == []
    assert policy.generate_some([]) == []


def test_samples_follow_the_distribution() -> None:
    probs = np.array([0.6, 0.25, 0.15])
    uniform = torch.tensor(np.random.default_rng(0).random(20_000))
    tokens = draw(torch.log(torch.tensor(probs)).repeat(20_000, 1), uniform, SamplingOptions())
    # Three standard errors of a share near 0.6 in 20,000 draws are 0.0104.
    assert np.bincount(tokens.numpy()) / 20_000 == pytest.approx(probs, abs=0.0105)


def test_options_that_cannot_be_are_refused(tokenizer: Any, tiny_model: Any) -> None:
    with pytest.raises(ConfigError, match="top_p"):
        SamplingOptions(top_p=0)
    policy = LMPolicy(tiny_model, tokenizer)
    policy.start(0, "x", info("x"))
    with pytest.raises(ConfigError, match="twice"):
        policy.generate([0, 0])
    windowed = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
            head_dim=16,
            use_sliding_window=True,
            sliding_window=64,
            max_window_layers=0,
        )
    )
    with pytest.raises(ConfigError, match="context_tokens=64 or less"):
        LMPolicy(windowed, tokenizer)
    LMPolicy(windowed, tokenizer, SamplingOptions(context_tokens=64))


def test_an_unknown_model_says_what_there_is() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'clean'"):
        load_model("builtin:clan")
    with pytest.raises(ConfigError, match="builtin:imperfect"):
        load_model("/no/such/folder")


def test_threads_are_those_asked_for_then_those_of_the_environment_then_a_share(monkeypatch: Any) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert set_threads() == torch.get_num_threads() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1000")
    assert set_threads() == torch.get_num_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert set_threads(1) == torch.get_num_threads() == 1


def test_memory_that_is_free_inside_the_heap_goes_back() -> None:
    process = psutil.Process()
    blocks = [torch.ones(25_000) for _ in range(4000)]  # 400 MB in blocks too small for a mapping of their own
    kept = blocks[::100]  # the heap cannot shrink from its end
    del blocks
    before = process.memory_info().rss
    release_memory()
    # Other C libraries have a heap of another kind: nothing is done there, and nothing may break.
    assert process.memory_info().rss < before - 300e6 or "glibc" not in platform.libc_ver()
    assert all(float(block[0]) == 1.0 for block in kept)
