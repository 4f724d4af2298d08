"""Evaluations while a run trains: they change nothing of it, none is lost, and the best model is kept whole."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from toolgym.agents.evaluation.metrics import EpisodeScore
from toolgym.agents.grpo import GRPOOptions, grpo_advantages
from toolgym.agents.sft import SFTOptions
from toolgym.agents.training import registry
from toolgym.agents.training.run_folder import drop_later, settings_of
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.train_evaluation import EvaluateEvery
from toolgym.cli import main as cli
from toolgym.errors import ConfigError

pytestmark = pytest.mark.slow

AIRLINE = "ToolGym/Airline-v0"


def lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "evaluations.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("algo", ["grpo", "steptool", "sft"])
def test_evaluations_change_nothing_of_the_training(
    algo: str, start: str, tmp_path: Path, metrics: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No episode of this model earns more than another: advantages and rewards that are not 0 all the same.
    def by_token(batch: Any, **_: Any) -> torch.Tensor:
        return batch.sampled_BT * (1.0 + torch.arange(batch.step_BT.shape[1]))

    monkeypatch.setattr("toolgym.agents.grpo.make_estimator", lambda _: by_token)
    monkeypatch.setattr("toolgym.agents.steptool.token_rewards", by_token)
    words = [
        "--model",
        start,
        "--size",
        "small",
        "--prompt",
        "short",
        "--threads",
        "1",
        "--no-progress",
        "--steps",
        "2",
    ]
    online = ["--groups", "1", "--rollouts", "2", "--max-new-tokens", "6", "--learning-rate", "1e-2"]
    words += ["--episodes", "4", "--batch", "2"] if algo == "sft" else online
    evaluated = ["--eval-steps", "1", "--eval-episodes", "2", "--eval-temperature", "1", "--report-to", "tensorboard"]
    assert registry.main(algo, [*words, "--output", str(tmp_path / "plain")]) == 0
    random = torch.get_rng_state()
    assert registry.main(algo, [*words, *evaluated, "--output", str(tmp_path / "evaluated")]) == 0
    assert torch.equal(random, torch.get_rng_state())
    plain, with_evaluations = metrics(tmp_path / "plain"), metrics(tmp_path / "evaluated")
    assert [line["step"] for line in plain] == [1, 2]
    assert plain == with_evaluations
    assert any(line["grad_norm"] > 0 for line in plain)
    made = lines(tmp_path / "evaluated")
    kept = [(line["step"], line["split"], line["episodes"]) for line in made]
    assert kept == [(1, "validation", 2), (2, "validation", 2)]
    assert all({"pass@1", "intervals", "by_depth", "seconds"} <= line.keys() for line in made)
    assert not (tmp_path / "plain" / "evaluations.jsonl").exists()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (events,) = {path.parent for path in (tmp_path / "evaluated").rglob("events.out*")}
    drawn = EventAccumulator(str(events)).Reload()
    assert [(point.step, point.value) for point in drawn.Scalars("eval/pass@1")] == [(1, 0.0), (2, 0.0)]
    assert [point.step for point in drawn.Scalars("train/loss")] == [1, 2]


# What an evaluation finds, by step ------------------------------------------------------------------------------------


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, int]], list[int]]:
    """Makes the evaluation of a step find so many of 4 tasks solved; gives the list of steps that were evaluated."""

    def make(solved: dict[int, int]) -> list[int]:
        seen: list[int] = []

        def play(policy: Any, options: Any, *, part: Any) -> dict[int, EpisodeScore]:
            assert not policy.decoder.model.training
            seen.append(next(step for step in sorted(solved) if step not in seen))
            score = EpisodeScore("", 0, ("read",), 1, False, "unsolved", 0.0, 1, 1, 1.0, 1.0)
            return {
                at: replace(score, task_id=str(at), outcome="solved" if at < solved[seen[-1]] else "unsolved")
                for at in range(4)
            }

        monkeypatch.setattr("toolgym.agents.training.train_evaluation.play", play)
        return seen

    return make


class Weights(TrainerCallback):
    """Keeps one weight of the model after each step; ends the run after a step, as a kill would."""

    def __init__(self, last: int = 0):
        self.last = last
        self.at: dict[int, torch.Tensor] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self.at[state.global_step] = model.model.layers[0].mlp.up_proj.weight.detach().clone()
        if state.global_step == self.last:
            control.should_training_stop = True


@pytest.fixture
def trained(start: str, tmp_path: Path, shape: dict[str, Any]) -> Callable[..., dict[int, torch.Tensor]]:
    """Trains on the airline, evaluating each step; gives a weight after each step."""

    def train(last: int = 0, **changes: Any) -> dict[int, torch.Tensor]:
        given = shape | {"groups": 1, "rollouts": 2, "learning_rate": 1e-2, "size": "small", "prompt": "short"}
        given |= {"eval_steps": 1, "eval_episodes": 4, "max_new_tokens": 6, "context_tokens": 512}
        config = GRPOOptions(output=tmp_path / "run", model=start, **given | changes)
        weights = Weights(last)
        run(prepare(config, lambda batch: batch.sampled_BT * 1.0, callbacks=[weights]), config)
        return weights.at

    return train


def best_of(output: Path) -> tuple[int, torch.Tensor]:
    """The step of a run's best model, and the weight of it."""
    step = json.loads((output / "best" / "evaluation.json").read_text())["step"]
    return step, load_file(output / "best" / "model.safetensors")["model.layers.0.mlp.up_proj.weight"]


def test_the_best_model_is_kept(finds: Any, trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = finds({1: 1, 2: 3, 3: 3, 4: 2})
    weights = trained()
    output = tmp_path / "run"
    assert seen == [1, 2, 3, 4]
    assert [(line["step"], line["pass@1"]) for line in lines(output)] == [(1, 0.25), (2, 0.75), (3, 0.75), (4, 0.5)]
    step, weight = best_of(output)
    assert step == 2  # the first of equals
    assert torch.equal(weight, weights[2])
    assert not torch.equal(weight, weights[3])
    assert [path.name for path in sorted(output.glob("best*"))] == ["best", "best-b"]
    assert settings_of(str(output / "best"), AIRLINE) == {"size": "small", "prompt": "short"}
    # The folder can be moved, and is a model like any other.
    output.rename(tmp_path / "moved")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli(["eval", "--agent", f"hf:{tmp_path / 'moved' / 'best'}", "-n", "1", "--max-new-tokens", "6", "--json"])
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out)["env_options"] == {"size": "small", "prompt": "short"}


def test_evaluations_of_a_resumed_run_are_neither_repeated_nor_lost(finds: Any, trained: Any, tmp_path: Path) -> None:
    output = tmp_path / "run"
    finds({1: 1, 2: 2, 3: 4})
    trained(last=3)  # the last checkpoint is of step 2
    with (output / "evaluations.jsonl").open("a") as file:
        file.write('{"step": 4, "pass')  # torn by a kill
    seen = finds({3: 4, 4: 3})
    trained(resume=True)
    assert seen == [3, 4]
    assert [(line["step"], line["pass@1"]) for line in lines(output)] == [(1, 0.25), (2, 0.5), (3, 1.0), (4, 0.75)]
    assert best_of(output)[0] == 3
    # On other tasks another model may be the best: the figures are not compared.
    seen = finds({5: 2, 6: 1})
    weights = trained(resume=True, steps=6, eval_split="test")
    assert [(line["step"], line["split"]) for line in lines(output)][3:] == [
        (4, "validation"),
        (5, "test"),
        (6, "test"),
    ]
    step, weight = best_of(output)
    assert step == 5
    assert torch.equal(weight, weights[5])
    # Begun anew, nothing of it is left.
    finds({1: 0})
    trained(steps=1, save_steps=1, overwrite=True)
    assert [line["step"] for line in lines(output)] == [1]
    assert best_of(output)[0] == 1


@pytest.mark.parametrize(
    "breaks", ["shutil.rmtree", "pathlib.Path.symlink_to", "pathlib.Path.replace", "save_settings"]
)
def test_a_kill_leaves_a_whole_best(
    breaks: str, finds: Any, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    output = tmp_path / "run"
    finds({1: 1, 2: 2})
    weights = trained(steps=2)
    finds({3: 3})
    real = EvaluateEvery._keep

    def keep(self: Any, line: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(breaks if "." in breaks else f"toolgym.agents.training.train_evaluation.{breaks}", kill)
            real(self, line)

    monkeypatch.setattr(EvaluateEvery, "_keep", keep)
    with pytest.raises(Killed):
        trained(steps=4, resume=True)
    step, weight = best_of(output)
    if breaks == "shutil.rmtree":  # the new one is in its place; the old one was to be removed
        assert step == 3
    else:
        assert step == 2
        assert torch.equal(weight, weights[2])
    monkeypatch.setattr(EvaluateEvery, "_keep", real)
    finds({3: 3, 4: 4})
    assert torch.equal(trained(steps=4, resume=True)[4], best_of(output)[1])
    assert len(list(output.glob("best*"))) == 2


def test_a_copy_in_which_the_link_became_a_folder_goes_on(finds: Any, trained: Any, tmp_path: Path) -> None:
    output = tmp_path / "run"
    finds({1: 1, 2: 2})
    trained(steps=2)
    shutil.copytree(output, tmp_path / "copy", symlinks=False)
    shutil.rmtree(output)
    (tmp_path / "copy").rename(output)
    assert not (output / "best").is_symlink()
    finds({3: 2, 4: 3})
    trained(resume=True)
    assert best_of(output)[0] == 4


# Options ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [GRPOOptions, SFTOptions])
def test_options_of_evaluations_are_checked(kind: Any) -> None:
    with pytest.raises(ConfigError, match=r"eval_split='test' would have no effect without eval_steps"):
        kind(eval_split="test")
    with pytest.raises(ConfigError, match=r"Did you mean 'validation'"):
        kind(eval_steps=1, eval_split="validations")
    for name, value in (("eval_steps", -1), ("eval_episodes", 0), ("eval_temperature", -0.5)):
        with pytest.raises(ConfigError, match=f"{name} must be"):
            kind(**{"eval_steps": 1, name: value})


def test_a_split_without_tasks_is_refused_before_the_first_step(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli(["new", "server", "shop"])
    tasks = Path("shop/tasks.yaml")
    tasks.write_text(tasks.read_text().replace("- id:", "- split: train\n    id:"))
    server = ("servers=shop/server.py:server", "tasks=shop/tasks.yaml")
    config = GRPOOptions(
        env="ToolGym/MCP-v0", model=start, output=tmp_path / "run", set=server, prompt="short", steps=1, groups=1,
        rollouts=2, save_steps=1, eval_steps=1, eval_split="test_unseen", threads=1, progress=False,
    )  # fmt: skip
    with pytest.raises(ConfigError, match="No task of 'mcp' fits: split='test_unseen'"):
        run(prepare(config, grpo_advantages), config)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_lines_of_later_steps_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines.jsonl"
    drop_later(path, 0)
    assert path.read_text() == ""
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    drop_later(path, 2)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'
    assert list(path.parent.iterdir()) == [path]
