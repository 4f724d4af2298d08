"""How many rows a forward pass takes changes nothing but time and memory: a step's gradient is the same."""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from toolgym.agents import awpo, dupo, eto, grpo, loop, sft, steptool, toolupt
from toolgym.agents.awpo import AWPOOptions
from toolgym.agents.dupo import DUPOOptions
from toolgym.agents.eto import ETOOptions, Pair
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.policies.models import quiet
from toolgym.agents.rollouts.demonstrations import Example
from toolgym.agents.sft import SFTOptions
from toolgym.agents.steptool import StepToolPPOOptions, StepToolTrainer
from toolgym.agents.toolupt import ToolUPTOptions
from toolgym.agents.training.loop_options import LoopOptions
from toolgym.agents.training.running import RunConfig, prepare
from toolgym.rewards import base
from toolgym.rewards.base import Reward, register
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

pytestmark = pytest.mark.slow


class Stopped(Exception):
    """The gradient is known."""


class Gradient(TrainerCallback):
    """Keeps the gradient of the first step."""

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        parameters = [p for p in model.parameters() if p.grad is not None]
        self.flat = torch.cat([p.grad.flatten() for p in parameters]).double()
        raise Stopped


def gradient_of(trainer: Any) -> torch.Tensor:
    keeper = Gradient()
    trainer.add_callback(keeper)
    trainer.args.max_grad_norm = 0.0
    with warnings.catch_warnings():
        quiet()
        with pytest.raises(Stopped):
            trainer.train()
    return keeper.flat


@pytest.fixture
def rewarded() -> Iterator[str]:
    """A reward that random text earns, with the components that AWPO reads."""

    def vowels(trajectory: Trajectory, task: Task, /) -> float:
        text = trajectory.steps[-1].turn.text
        return sum(character in "aeiou" for character in text) / max(len(text), 1)

    def consonants(trajectory: Trajectory, task: Task, /) -> float:
        return 0.5 * (1 - vowels(trajectory, task))

    register("test_letters", lambda: Reward({"exec": vowels, "format": consonants}, {}))
    yield "test_letters"
    base._PRESETS.pop("test_letters")


SHAPE = {"steps": 1, "groups": 2, "rollouts": 4, "max_new_tokens": 8, "context_tokens": 1024, "threads": 1}
SHAPE |= {"learning_rate": 1e-3, "progress": False, "size": "small", "prompt": "short"}
OF_EPISODES = {"fine_grained": False}
Make = Callable[..., Any]


def stepping(config: StepToolPPOOptions, **loaded: Any) -> Any:
    rewards = partial(steptool.token_rewards, step_reward=True)
    return prepare(config, rewards, trainer=partial(StepToolTrainer, options=config), **loaded)


LOSSES: dict[str, tuple[type[RunConfig], Make, dict[str, Any]]] = {
    "grpo": (GRPOOptions, grpo.make_trainer, {}),
    "dapo": (GRPOOptions, grpo.make_trainer, {"loss": "dapo"}),
    "dr_grpo": (GRPOOptions, grpo.make_trainer, {"loss": "dr_grpo"}),
    "gspo": (GRPOOptions, grpo.make_trainer, {"importance_sampling_level": "sequence"}),
    "awpo": (AWPOOptions, awpo.make_trainer, {"judge": "none"}),
    "spo": (ToolUPTOptions, toolupt.make_trainer, {"expert": "spo"}),
    "sft_of_toolupt": (ToolUPTOptions, toolupt.make_trainer, {"expert": "sft"}),
    "luffy": (ToolUPTOptions, toolupt.make_trainer, {"expert": "luffy", **OF_EPISODES}),
    "srft": (ToolUPTOptions, toolupt.make_trainer, {"expert": "srft", **OF_EPISODES}),
    "chord": (ToolUPTOptions, toolupt.make_trainer, {"expert": "chord", **OF_EPISODES}),
    "dupo": (DUPOOptions, dupo.make_trainer, {"unified": False, "credit": "episode"}),
    "steptool": (StepToolPPOOptions, stepping, {"loss": "dapo", "beta": 0.0}),
    "loop": (LoopOptions, loop.make_trainer, {"minibatches": 1, "unit": "turn"}),
    "steptool_group": (GRPOOptions, grpo.make_trainer, {"level": "same_step", "loss": "dapo"}),
    "steptool_grpo": (StepToolPPOOptions, stepping, {"loss": "grpo", "beta": 0.0}),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_on_episodes_is_the_same(
    name: str, fresh: Any, tokenizer: Any, rewarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, make, changes = LOSSES[name]
    gradients = []
    for micro_batch in (4, 2, 1):
        config = options(
            **{**SHAPE, "reward": rewarded, **changes}, output=tmp_path / str(micro_batch), micro_batch=micro_batch
        )
        gradients.append(gradient_of(make(config, model=fresh(), tokenizer=tokenizer)))
    whole, *others = gradients
    assert float(whole.norm()) > 1e-3
    for other in others:
        assert float((other - whole).abs().max()) <= 1e-6 * max(1.0, float(whole.abs().max()))


def ids(number: int) -> list[int]:
    return [20 + (number * place) % 50 for place in range(3 + 2 * number)]


@pytest.mark.parametrize("count", [4, 3])  # 3: the last step of an epoch, whose passes are not all full
@pytest.mark.parametrize("kind", ["sft", "eto"])
def test_a_step_on_made_data_is_the_same(kind: str, count: int, fresh: Any, tokenizer: Any, tmp_path: Path) -> None:
    gradients = []
    for micro_batch in (4, 2, 1):
        shape: dict[str, Any] = {"batch": 4, "micro_batch": micro_batch, "threads": 1, "progress": False}
        if kind == "sft":
            data = [Example(ids(n), [0] + [1] * (len(ids(n)) - 1)) for n in range(count)]
            made: Any = sft.make_trainer(SFTOptions(output=tmp_path, **shape), fresh(), tokenizer, data)
        else:
            pairs = [Pair([9], ids(n), [60 + n], [1] * len(ids(n)), [1]) for n in range(count)]
            made = eto.make_trainer(ETOOptions(output=tmp_path, **shape), fresh(), tokenizer, pairs)
        gradients.append(gradient_of(made))
    whole, *others = gradients
    assert float(whole.norm()) > 1e-3
    for other in others:
        assert float((other - whole).abs().max()) <= 1e-6 * max(1.0, float(whole.abs().max()))
