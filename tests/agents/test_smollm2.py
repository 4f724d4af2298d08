"""A real pretrained model on the real path: SmolLM2-135M-Instruct, made of its wheel's GGUF file."""

import json
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from toolgym import data
from toolgym.agents.evaluation import AgentOptions, EvalOptions, evaluate
from toolgym.agents.evaluation.evaluation import make_policy
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.grpo import make_trainer as make_grpo
from toolgym.agents.policies.chat import ChatFormat
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.models import load_model
from toolgym.agents.policies.sizes import named_size
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.agents.sft import SFTOptions
from toolgym.agents.sft import train as train_sft
from toolgym.agents.training.running import run
from toolgym.agents.training.sizing import settled
from toolgym.errors import ToolGymError
from toolgym.opening import open_env

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
NAME = "data:smollm2"
SHORT = {"size": "small", "prompt": "short", "threads": 1, "progress": False, "tool_role": "user"}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The model's folder: the user's own where it was fetched, else fetched for these tests."""
    if find_spec("gguf") is None and not data.is_there("smollm2"):
        pytest.skip("reading the model needs the package gguf")
    root = None if data.is_there("smollm2") else str(tmp_path_factory.mktemp("data"))
    before = os.environ.get("TOOLGYM_DATA")
    if root is not None:
        os.environ["TOOLGYM_DATA"] = root
    try:
        yield data.get("smollm2")
    except ToolGymError as error:
        pytest.skip(f"the wheel cannot be had: {error}")
    finally:
        if before is None:
            os.environ.pop("TOOLGYM_DATA", None)
        else:
            os.environ["TOOLGYM_DATA"] = before


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Any:
    return load_model(NAME, tool_role="user")


def test_tokens_are_the_models_own(loaded: Any) -> None:
    model, tokenizer = loaded
    assert named_size(NAME).parameters == sum(p.numel() for p in model.parameters()) == 134_515_008
    # Each digit is a token of its own, and the 17 control tokens are whole.
    assert [tokenizer.decode([i]) for i in tokenizer("x 2024")["input_ids"]] == ["x", " ", "2", "0", "2", "4"]
    control = [token.content for _, token in sorted(tokenizer.added_tokens_decoder.items()) if token.special]
    assert len(control) == 17
    for number, token in enumerate(control):
        assert tokenizer(token)["input_ids"] == [number]
        assert tokenizer.decode([number], skip_special_tokens=True) == ""
    given = model.generation_config
    assert (given.bos_token_id, given.eos_token_id, given.pad_token_id) == (1, 2, 2)


@torch.no_grad()
def test_it_knows_its_language(loaded: Any) -> None:
    model, tokenizer = loaded
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France? One word."}], add_generation_prompt=True,
        tokenize=False,
    )  # fmt: skip
    ids = tokenizer(asked, return_tensors="pt")["input_ids"]
    out = model.generate(ids, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(out[0, ids.shape[1] :])


@torch.no_grad()
def test_what_is_sampled_is_what_is_scored(loaded: Any) -> None:
    model, tokenizer = loaded
    env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short", max_turns=3)
    policy = LMPolicy(model, tokenizer, SamplingOptions(temperature=1.0, max_new_tokens=24, context_tokens=2048))
    policy.decoder.with_entropy = True  # type: ignore[union-attr]
    (episode,) = rollouts(policy, [env], [Start(options={"task": 0})])
    ids = torch.tensor([episode.prompt_ids + episode.completion_ids])
    logps = torch.log_softmax(model(ids).logits[0].float(), -1)
    own = [at for at, mine in enumerate(episode.env_mask) if mine]
    assert len(own) == len(episode.entropies) > 0
    for place, at in enumerate(own):
        position = len(episode.prompt_ids) + at
        assert episode.logprobs[at] == pytest.approx(float(logps[position - 1, ids[0, position]]), abs=1e-4)
        row = logps[position - 1]
        assert episode.entropies[place] == pytest.approx(float(-(row.exp() * row).sum()), abs=1e-3)
    # The text is the template's own rendering of the same conversation.
    chat = ChatFormat(tokenizer)
    observation, info = env.reset(options={"task": 0})
    assert episode.prompt_ids == chat.opening(observation, info)
    assert tokenizer.decode(chat.opening(observation, info)) == tokenizer.apply_chat_template(
        chat.roles.adapt(chat._clean(info["messages"])), tokenize=False, add_generation_prompt=True
    )
    assert not chat.roles.tool
    reply = {"messages": [{"role": "tool", "content": "4 seats"}]}
    said = tokenizer.decode(chat.reply("", reply, closed=True))
    assert "<|im_start|>user\n<tool_response>4 seats</tool_response><|im_end|>" in said


def test_sft_then_eval_from_final(tmp_path: Path) -> None:
    options = SFTOptions(
        model=NAME, output=tmp_path / "sft", episodes=8, batch=4, steps=2, depth=(1,), save_steps=10, **SHORT
    )
    final = train_sft(options)
    lines = [json.loads(line) for line in (tmp_path / "sft" / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[1] < losses[0]
    assert settled(options, named_size(NAME)).learning_rate == 5e-4
    chosen = AgentOptions(max_new_tokens=16, threads=1)
    report = evaluate(
        make_policy(f"hf:{final}", chosen),
        EvalOptions(episodes=2, env_options={"size": "small", "prompt": "short", "max_turns": 2}),
    )
    assert report.overall.tasks == 2
    assert not ChatFormat(load_model(str(final))[1]).roles.tool  # the role is kept


@pytest.mark.parametrize("rank", [0, 4])
def test_one_step_of_grpo_whole_and_as_an_adapter(rank: int, tmp_path: Path) -> None:
    options = GRPOOptions(
        model=NAME, output=tmp_path / "grpo", steps=1, groups=1, rollouts=2, micro_batch=1, save_steps=1, depth=(1,),
        max_new_tokens=24, context_tokens=1024, reward="default", lora_rank=rank, **SHORT,
    )  # fmt: skip
    trainer = make_grpo(options)
    final = run(trainer, options)
    (line,) = [json.loads(text) for text in (tmp_path / "grpo" / "metrics.jsonl").read_text().splitlines()]
    assert line["entropy"] > 0
    model, _ = load_model(str(final))
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    again = replace(options, model=str(final), output=tmp_path / "more", lora_rank=0, steps=1)
    assert settled(again, named_size(str(final))).learning_rate == 1e-5
