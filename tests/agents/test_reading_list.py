"""The reading list's learners: each trains from the command line, and a stop and a resumption change no figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from toolgym.agents import arpo, grpo, loop, steptool
from toolgym.agents.grpo import GRPOOptions, preset
from toolgym.agents.rollouts import rollout
from toolgym.agents.training import registry, running
from toolgym.agents.training.arpo_options import ARPOOptions
from toolgym.agents.training.loop_options import LoopOptions
from toolgym.agents.training.steptool_options import PRESETS, StepToolPPOOptions
from toolgym.messages import ToolCall, Turn
from toolgym.trajectory import Step, ToolResult, Trajectory

pytestmark = pytest.mark.slow


class CountedEnv:
    """Up to three turns. Messages of an even length are calls, which the record has; whether the task is solved, what a
    step earns and when it ends depend on what was said. Can be forked.
    """

    def __init__(self, tasks: Sequence[int] = (), said: Sequence[str] = (), task: int = 0):
        self.tasks, self.said, self.task = tasks, list(said), task
        self.trajectory = Trajectory("toy", str(task))

    def fork(self) -> "CountedEnv":
        twin = CountedEnv(self.tasks, self.said, self.task)
        twin.trajectory.steps += self.trajectory.steps
        return twin

    def close(self) -> None:
        pass

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.task, self.said = int((options or {})["task"]), []
        self.trajectory = Trajectory("toy", str(self.task))
        text = "please " * (self.task % 3 + 1)
        return text, {"messages": [{"role": "user", "content": text}], "tools": []}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.said.append(action)
        calls = () if len(action) % 2 else (ToolCall("tool", {}),)
        self.trajectory.steps.append(Step(Turn(text=action, calls=calls), tuple(ToolResult("ok") for _ in calls)))
        number = sum(map(ord, "".join(self.said)))
        over = len(self.said) == 3 or number % 5 == 0
        solved = over and number % 3 > 0
        text = "ok" * len(self.said)
        info = {"messages": [{"role": "tool", "content": text}], "outcome": "solved" if solved else "unsolved"}
        info["rewards"] = {"outcome": float(solved)}
        return text, float(solved) + (number % 4) / 10, over, False, info


def of_the_family(name: str, **changes: Any) -> tuple[Any, Any, dict[str, Any]]:
    return GRPOOptions, grpo.make_trainer, preset(name) | changes


MADE: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "arpo": (ARPOOptions, arpo.make_trainer, {"advantage": "hard", "entropy_tokens": 3}),
    "hdpo": of_the_family("hdpo"),
    "loop": (LoopOptions, loop.make_trainer, {"minibatches": 2, "unit": "turn"}),
    "otc_grpo": of_the_family("otc_grpo"),
    "otc_ppo": (StepToolPPOOptions, steptool.make_trainer, PRESETS["otc_ppo"] | {"beta": 0.0}),
    "steptool_group": of_the_family("steptool_group"),
    "tapo": of_the_family("tapo"),
    "tgrl": of_the_family("tgrl"),
}
"""Name -> its options, what makes its trainer, and what differs from the tests' shape."""
ACTED: dict[str, str] = {
    "arpo": "arpo/branches",
    "hdpo": "calls/acting_groups",
    "loop": "loop/clipped",
    "otc_grpo": "calls/acting_groups",
    "otc_ppo": "calls/productivity",
    "steptool_group": "same_step/compared",
    "tapo": "parts/outcome",
    "tgrl": "parts/outcome",
}
"""Name -> what is logged of whether its mechanism acted: above 0 in at least one step."""


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs play in `CountedEnv`s, and all that is written there is a call."""
    monkeypatch.setattr(running, "make_envs", lambda _, count: [CountedEnv(list(range(20))) for _ in range(count)])
    monkeypatch.setattr(rollout, "token_types", lambda _, completion: ["tool"] * len(completion.token_ids))


@pytest.fixture
def made(toys: None, fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path) -> Any:
    """Makes the options of a name, and what makes its trainer."""

    def make(name: str, **more: Any) -> tuple[Any, Any]:
        options, maker, changes = MADE[name]
        config = options(output=tmp_path, **shape | {"size": "small", "prompt": "short"} | changes | more)
        return config, lambda some, callbacks=(): maker(
            some, model=fresh(), tokenizer=tokenizer, callbacks=[*callbacks]
        )

    return make


@pytest.mark.parametrize("name", MADE)
def test_interrupted_and_resumed_equals_uninterrupted(name: str, made: Any, resumes: Any) -> None:
    config, make = made(name)
    lines, _ = resumes(config, make, stop=3 if config.minibatches == 1 else 2)
    assert any(line[ACTED[name]] > 0 for line in lines)


@pytest.mark.parametrize("name", [name for name in MADE if name != "otc_ppo"])  # the critic's: StepTool's tests
def test_a_step_raises_what_has_a_positive_advantage_and_lowers_the_rest(name: str, made: Any) -> None:
    config, make = made(name, steps=1, save_steps=1, minibatches=1, groups=4, micro_batch=16, learning_rate=5e-3)
    trainer = make(config)
    running.run(trainer, config)
    moved: dict[bool, list[float]] = {True: [], False: []}
    for row, played in enumerate(trainer.latest):
        ids = torch.tensor([played.prompt_ids + played.completion_ids])
        with torch.no_grad():
            logits = trainer.model(input_ids=ids).logits[0, len(played.prompt_ids) - 1 : -1]
        now = torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(played.completion_ids)[:, None])[:, 0]
        for at, advantage in enumerate(trainer.latest_advantages[row, : len(played.completion_ids)].tolist()):
            if advantage:
                moved[advantage > 0].append(float(now[at]) - played.logprobs[at])
    assert sum(moved[True]) / len(moved[True]) > 0.001
    assert sum(moved[False]) / len(moved[False]) < -0.001


@pytest.mark.parametrize("name", MADE)
def test_from_the_command_line_on_the_airline(
    name: str, airline_arguments: list[str], tmp_path: Path, metrics: Any
) -> None:
    words = [*airline_arguments, "--output", str(tmp_path / "run")]
    assert registry.main(name, [*words, *(["--minibatches", "1"] if name == "loop" else [])]) == 0
    (line,) = metrics(tmp_path / "run")
    assert line["infra_errors"] == 0.0
    assert ACTED[name] in line
    assert (tmp_path / "run" / "final" / "model.safetensors").is_file()
