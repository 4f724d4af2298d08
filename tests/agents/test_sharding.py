"""Models that are sharded over processes (FSDP2): the same step as one process takes, whole files, and what is refused.

Two processes on CPUs, over gloo. accelerate shards on GPUs only: the child says to it that its CPUs are several GPUs,
and all else (its plugin, `fully_shard`, gathering, saving) is what runs there.
"""

import json
import os
import socket
import subprocess
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.agents.programs import Program
from toolgym.agents.archer import ArCHerTrainer
from toolgym.agents.builtin.policy import save_checkpoint
from toolgym.agents.policies.models import load_model, quiet
from toolgym.agents.spear import SpearTrainer
from toolgym.agents.training.running import lora
from toolgym.agents.training.sharding import CONFIG, WholeCopy, check_sharded, load_whole
from toolgym.errors import ConfigError

CHILD = """
import importlib.util, os, sys
from dataclasses import replace
from pathlib import Path
from accelerate.state import DistributedType, PartialState

begin = PartialState.__init__

def several_gpus(self, *args, **more):
    begin(self, *args, **more)
    if self._shared_state["distributed_type"] == DistributedType.MULTI_CPU:
        self._shared_state["distributed_type"] = DistributedType.MULTI_GPU

PartialState.__init__ = several_gpus

from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.policies.machine import set_threads
from toolgym.agents.policies.models import load_model
from toolgym.agents.training.callbacks import MetricsFile
from toolgym.agents.training.running import grpo_args, lora, run, task_order
from toolgym.agents.training.trainer import ToolTrainer

spec = importlib.util.spec_from_file_location("toys", sys.argv[1])
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)
set_threads(1)

def arguments(config):
    args = grpo_args(config)
    args.adam_epsilon = 1e-4  # a gradient of the size of rounding takes no step of the size of the learning rate
    return args

def estimator(batch):
    likely_G = (batch.logprobs_BT.sum(1) / batch.sampled_BT.sum(1)).view(-1, batch.group_size)
    advantages_G = likely_G - likely_G.mean(1, keepdim=True)
    advantages_G[0, 1] = 0.0
    return advantages_G.view(-1, 1) * batch.sampled_BT

def train(name, **more):
    model, tokenizer = load_model(sys.argv[2])
    config = GRPOOptions(
        model=sys.argv[2], output=Path(sys.argv[3]) / name, groups=2, rollouts=4, micro_batch=2, learning_rate=1e-3,
        save_steps=1, max_new_tokens=8, context_tokens=256, progress=False, **more,
    )
    trainer = ToolTrainer(
        model, tokenizer, arguments(config), envs=[toys.ToyEnv() for _ in range(8)], tasks=list(range(20)),
        order=task_order(20, 4, 0), estimator=estimator, peft_config=lora(config.lora_rank),
        sampling=SamplingOptions(max_new_tokens=8, context_tokens=256),
        callbacks=[MetricsFile(config.output / "metrics.jsonl")],
    )
    run(trainer, config)
    sharded = any("DTensor" in type(weight).__name__ for weight in trainer.model.parameters())
    print("sharded" if sharded else "whole", trainer.whole_model().device)

train("whole", steps=1)
train("whole", steps=2, resume=True)
train("reference", steps=1, beta=0.1)
train("adapter", steps=2, lora_rank=4)
"""


# StepTool's critic is a part of the model that is sharded, is computed with outside of its forward pass, and is fitted.
CRITIC = (
    CHILD[: CHILD.index("from toolgym.agents.grpo")]
    + """
from functools import partial

from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.policies.machine import set_threads
from toolgym.agents.policies.models import load_model
from toolgym.agents.steptool import StepToolPPOOptions, StepToolTrainer, token_rewards
from toolgym.agents.training.callbacks import MetricsFile
from toolgym.agents.training.running import grpo_args, lora, run, task_order

spec = importlib.util.spec_from_file_location("toys", sys.argv[1])
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)
set_threads(1)
"""
    + CHILD[CHILD.index("def arguments") : CHILD.index("def estimator")]
    + """
def train(name, **more):
    model, tokenizer = load_model(sys.argv[2])
    config = StepToolPPOOptions(
        model=sys.argv[2], output=Path(sys.argv[3]) / name, groups=2, rollouts=4, micro_batch=2, learning_rate=1e-3,
        save_steps=1, max_new_tokens=8, context_tokens=256, progress=False, **more,
    )
    trainer = StepToolTrainer(
        model, tokenizer, arguments(config), envs=[toys.ToyEnv() for _ in range(8)], tasks=list(range(20)),
        order=task_order(20, 8, 0), estimator=partial(token_rewards), peft_config=lora(config.lora_rank),
        sampling=SamplingOptions(max_new_tokens=8, context_tokens=256), options=config,
        callbacks=[MetricsFile(config.output / "metrics.jsonl")],
    )
    run(trainer, config)
    kind = type(trainer.critic.linear.weight).__name__
    print("sharded critic" if kind == "DTensor" else "whole critic")

train("fitted", steps=2)
train("fitted", steps=3, resume=True)
train("trained", steps=2, fit_value=False, value_coef=1.0)
train("adapter", steps=2, lora_rank=4)
"""
)


def fsdp_environment() -> dict[str, str]:
    """What `accelerate launch` makes of the configuration that is shipped, as environment variables."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    words = launch_command_parser().parse_args(["--config_file", str(CONFIG), "toolgym"])
    made = prepare_multi_gpu_env(_validate_launch_command(words)[0])
    return {name: value for name, value in made.items() if name.startswith("FSDP_") or name == "ACCELERATE_USE_FSDP"}


def launch(folder: Path, *words: str, code: str = CHILD) -> None:
    """Trains in one process, and in two that share the model; both write beside each other."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    with ExitStack() as running:
        started = []
        for name, rank in (("one", 0), ("two", 0), ("two", 1)):
            env = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
            if name == "two":
                env |= {**fsdp_environment(), "WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)}
                env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            program = Program(["-c", code, *words, folder / name], folder / f"{name}-{rank}.log", env=env)
            started.append(running.enter_context(program))
        codes = [program.wait(850) for program in started]
    assert codes == [0, 0, 0], "\n".join(program.said()[-2500:] for program in started)


def check_equal(alone: dict[str, torch.Tensor], both: dict[str, torch.Tensor], name: str) -> None:
    """That weights are alike to a hundredth of a step of the learning rate, 1e-3."""
    assert max(float((alone[key] - both[key]).abs().max()) for key in alone) < 1e-5, name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_that_share_a_model_take_the_step_of_one(tokenizer: Any, tiny_model: Any, tmp_path: Path) -> None:
    model = tmp_path / "model"
    save_checkpoint(tiny_model, tokenizer, model)
    launch(tmp_path, str(Path(__file__).with_name("conftest.py")), str(model))
    assert (tmp_path / "one-0.log").read_text().count("whole cpu") == 4
    assert [(tmp_path / f"two-{rank}.log").read_text().count("sharded cpu") for rank in "01"] == [4, 4]
    for name, steps, file in (("whole", 2, "model"), ("reference", 1, "model"), ("adapter", 2, "adapter_model")):
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        logged = [
            [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()] for output in (one, two)
        ]
        assert len(logged[0]) == len(logged[1]) == steps
        for left, right in zip(*logged, strict=True):
            assert left["grad_norm"] > 1e-3
            for figure in ("env_steps", "reward", "turns", "num_tokens", "solved"):
                assert left[figure] == pytest.approx(right[figure], abs=1e-6), (name, figure)
            assert left["loss"] == pytest.approx(right["loss"], abs=1e-5), name
            assert left["grad_norm"] == pytest.approx(right["grad_norm"], rel=1e-3), name
        # Files are whole, and those of one process: a checkpoint's and the final ones.
        for folder in (f"checkpoint-{steps}", "final"):
            alone, both = (load_file(output / folder / f"{file}.safetensors") for output in (one, two))
            assert alone.keys() == both.keys()
            check_equal(alone, both, f"{name} {folder}")
        read, _ = load_model(two / "final")
        assert read.num_parameters() == tiny_model.num_parameters()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_critic_on_a_model_that_is_shared_takes_the_step_of_one(
    tokenizer: Any, tiny_model: Any, tmp_path: Path
) -> None:
    """Policy and critic, fitted and trained by gradients; its files are whole, and a run goes on from them."""
    model = tmp_path / "model"
    save_checkpoint(tiny_model, tokenizer, model)
    launch(tmp_path, str(Path(__file__).with_name("conftest.py")), str(model), code=CRITIC)
    assert (tmp_path / "one-0.log").read_text().count("whole critic") == 4
    assert [(tmp_path / f"two-{rank}.log").read_text().count("sharded critic") for rank in "01"] == [4, 4]
    for name, steps in (("fitted", 3), ("trained", 2), ("adapter", 2)):
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        logged = [
            [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()] for output in (one, two)
        ]
        assert len(logged[0]) == len(logged[1]) == steps
        for left, right in zip(*logged, strict=True):
            for figure in ("env_steps", "reward", "turns", "solved", "kl_coefficient"):
                assert left[figure] == pytest.approx(right[figure], abs=1e-6), (name, figure)
            assert left["loss"] == pytest.approx(right["loss"], abs=1e-5), name
            assert left["grad_norm"] == pytest.approx(right["grad_norm"], rel=1e-3), name
        assert max(line["grad_norm"] for line in logged[0]) > 1e-3
        heads = [load_file(output / f"checkpoint-{steps}" / "value_head.safetensors") for output in (one, two)]
        assert float(heads[0]["weight"].abs().max()) > 1e-4, name  # it has learnt something
        for key in ("weight", "bias"):
            assert heads[0][key].shape == heads[1][key].shape
            assert float((heads[0][key] - heads[1][key]).abs().max()) < 1e-4, (name, key)
        for output in (one, two):
            assert not any(
                "value_head" in key for file in (output / "final").glob("*model.safetensors") for key in load_file(file)
            )
        file = "adapter_model" if name == "adapter" else "model"
        alone, both = (load_file(output / "final" / f"{file}.safetensors") for output in (one, two))
        assert alone.keys() == both.keys()
        check_equal(alone, both, name)


@pytest.mark.parametrize("rank", [0, 4])
def test_a_copy_has_the_weights_and_then_none(fresh: Any, rank: int) -> None:
    from peft import get_peft_model

    model = fresh().eval()
    with warnings.catch_warnings():
        quiet()
        model = get_peft_model(model, lora(rank)) if rank else model
    model.forward = None  # what a trainer has put in its place is not the copy's  # pyright: ignore
    copy = WholeCopy(model)
    del model.forward
    assert all(weight.is_meta for weight in copy.model.parameters())
    ids = torch.arange(12)[None]
    expected = model(ids).logits
    gathered: Any = copy.gather(model, torch.device("cpu"))
    assert torch.equal(gathered(ids).logits, expected)
    inner = gathered.get_base_model() if rank else gathered
    assert inner.lm_head.weight is inner.get_input_embeddings().weight  # tied as the model's are
    with torch.no_grad():
        for weight in gathered.parameters():
            weight.zero_()
    assert torch.equal(model(ids).logits, expected)  # it shares nothing
    copy.drop()
    assert all(weight.is_meta for weight in copy.model.parameters())
    copy.gather(model, torch.device("cpu"), keep=False)
    assert all(weight.is_meta for weight in copy.model.parameters())
    assert copy.gather(model, torch.device("cpu"), dtype=torch.bfloat16).dtype == torch.bfloat16  # pyright: ignore


def test_whole_weights_are_loaded(fresh: Any) -> None:
    model, other = fresh(), fresh()
    with torch.no_grad():
        for weight in other.parameters():
            weight.zero_()
    load_whole(other, model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_what_would_end_without_a_whole_model_is_refused() -> None:
    good = SimpleNamespace(fsdp_version=2, state_dict_type="StateDictType.FULL_STATE_DICT")
    check_sharded(good)
    with pytest.raises(ConfigError, match=r"fsdp_version must be 2, got 1: take .*fsdp2\.yaml"):
        check_sharded(SimpleNamespace(fsdp_version=1, state_dict_type="FULL_STATE_DICT"))
    with pytest.raises(ConfigError, match=r"fsdp_state_dict_type must be FULL_STATE_DICT, got SHARDED_STATE_DICT"):
        check_sharded(SimpleNamespace(fsdp_version=2, state_dict_type="SHARDED_STATE_DICT"))
    with pytest.raises(ConfigError, match="SpearTrainer takes no model that is sharded"):
        check_sharded(good, "SpearTrainer")
    assert not SpearTrainer.shardable
    assert not ArCHerTrainer.shardable


def test_the_shipped_configuration_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    made = fsdp_environment()
    assert made["ACCELERATE_USE_FSDP"] == "true"
    assert (made["FSDP_VERSION"], made["FSDP_STATE_DICT_TYPE"]) == ("2", "FULL_STATE_DICT")
    told = subprocess.run(
        [sys.executable, "-m", "toolgym.agents.training.sharding"], capture_output=True, text=True, check=True
    )
    assert Path(told.stdout.strip()) == CONFIG
    assert CONFIG.is_file()
