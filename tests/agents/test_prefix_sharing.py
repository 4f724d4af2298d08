"""Runs whose rows share their prefixes in the loss are the runs whose rows are apart."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from toolgym.agents.grpo import grpo_advantages, main
from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.training import prefix_sharing, registry
from toolgym.agents.training.prefix_sharing import PrefixSharing
from toolgym.agents.training.running import RunConfig, grpo_args, task_order
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.rewards import Reward, base, register
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

LESS = ["--groups", "2", "--rollouts", "4", "--micro-batch", "4", "--steps", "2", "--max-new-tokens", "8"]
LESS += ["--reward", "test_prefix_letters", "--set", "max_turns=3"]
FIGURES = {"loss", "grad_norm", "reward", "kl", "value/loss", "entropy", "completions/mean_length"}


@pytest.fixture
def letters() -> Iterator[None]:
    """A reward that random text earns."""

    def share(trajectory: Trajectory, task: Task, /) -> float:
        text = trajectory.steps[-1].turn.text
        return sum(character in "aeiou" for character in text) / max(len(text), 1)

    register("test_prefix_letters", lambda: Reward({"letters": share}, {}))
    yield
    base._PRESETS.pop("test_prefix_letters")


@pytest.mark.parametrize(
    ("algorithm", "more"),
    [
        ("tree", []),
        ("dapo", ["--attempts", "1"]),
        ("steptool", []),
        ("grpo", ["--beta", "0.1", "--lora-rank", "2", "--gradient-checkpointing"]),
    ],
)
@pytest.mark.slow
@pytest.mark.usefixtures("letters")
def test_a_run_is_the_same_shared_and_apart(
    algorithm: str, more: list[str], airline_arguments: list[str], tmp_path: Path, metrics: Callable[[Path], Any]
) -> None:
    lines = {}
    for mode in ("on", "off"):
        words = [*airline_arguments, *LESS, "--share-prefixes", mode, "--output", str(tmp_path / mode), *more]
        assert registry.main(algorithm, words) == 0
        lines[mode] = metrics(tmp_path / mode)
    assert all(line["loss/shared_tokens"] > 0.1 for line in lines["on"])
    assert not any("loss/shared_tokens" in line for line in lines["off"])
    assert any(line["grad_norm"] > 0 for line in lines["on"])
    for shared, apart in zip(lines["on"], lines["off"], strict=True):
        assert shared.keys() == {*apart, "loss/shared_tokens"}
        for name in FIGURES & apart.keys():
            assert shared[name] == pytest.approx(apart[name], rel=1e-5, abs=1e-5), name


@pytest.mark.usefixtures("letters")
def test_what_shares_nothing_is_bit_for_bit_what_is_apart(
    airline_arguments: list[str], tmp_path: Path, metrics: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run in which sharing never pays, beside one in which it is off and nothing of it may be asked."""
    monkeypatch.setattr(prefix_sharing, "_WORTH", 0.0)
    words = [*airline_arguments, *LESS, "--output"]
    assert main([*words, str(tmp_path / "auto")]) == 0
    monkeypatch.setattr(prefix_sharing, "shared_prefixes", None)
    monkeypatch.setattr(PrefixSharing, "scores", None)
    assert main([*words, str(tmp_path / "off"), "--share-prefixes", "off"]) == 0
    auto, off = metrics(tmp_path / "auto"), metrics(tmp_path / "off")
    assert [line.pop("loss/shared_tokens") for line in auto] == [0.0, 0.0]
    assert auto == off
    assert off[0]["grad_norm"] > 0


@pytest.fixture
def trainer(tokenizer: Any, tiny_model: Any, toy_envs: Any, toy_tasks: Any, shape: Any, tmp_path: Path) -> ToolTrainer:
    config = RunConfig(output=tmp_path, **shape)
    return ToolTrainer(
        tiny_model,
        tokenizer,
        grpo_args(config),
        envs=toy_envs(8),
        tasks=toy_tasks,
        order=task_order(40, 8, 0),
        estimator=grpo_advantages,
        sampling=SamplingOptions(max_new_tokens=8, context_tokens=256),
    )


@pytest.mark.parametrize("batch_size", [None, 3])
def test_scores_of_padded_rows_are_those_of_rows_apart(trainer: ToolTrainer, batch_size: int | None) -> None:
    """Prompts of different lengths, padded on the left, completions on the right; one is empty, one is a prompt's."""
    torch.manual_seed(0)
    ids = torch.randint(10, 500, (6, 14))
    ids[1:] = torch.where(torch.arange(14) < 9, ids[0], ids[1:])
    mask = torch.ones(6, 14, dtype=torch.long)
    mask[1, 11:] = mask[2, 7:] = mask[4, 8:] = 0
    # The fourth row begins three columns later, its prompt being three tokens shorter, but with the same tokens.
    ids[3], mask[3, :3] = torch.cat([torch.zeros(3, dtype=torch.long), ids[0, :11]]), 0
    ids[5] = ids[0]
    found = {}
    for mode in ("on", "off"):
        trainer.sharing.mode = mode
        model = trainer.model
        model.zero_grad()
        logps, entropies, _ = trainer._get_per_token_logps_and_entropies(
            model, ids, mask, 7, compute_entropy=True, batch_size=batch_size
        )
        assert entropies is not None
        (logps * torch.linspace(1, 2, 7) + entropies).sum().backward()
        found[mode] = (
            logps,
            entropies,
            torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]),
        )
    assert trainer._metrics["train"]["loss/shared_tokens"][0] > 0.1
    assert (found["on"][0][mask[:, -7:] == 0] == 0).all()
    for shared, apart in zip(found["on"], found["off"], strict=True):
        torch.testing.assert_close(shared, apart, atol=2e-5, rtol=0)
    assert float((found["on"][2] - found["off"][2]).norm()) < 1e-5 * float(found["off"][2].norm())
