"""Two processes train as one: the same episodes, the same losses, the same weights."""

import json
import os
import shlex
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.agents.programs import Program
from toolgym.agents.builtin.policy import save_checkpoint
from toolgym.agents.builtin.shipped import checkpoint_path

# A run on the toy environment of this folder's conftest, whose episodes differ in length. The advantage is how likely
# an episode was beside its group: a row out of place would change the gradient. One has none, so that the processes
# have different numbers of rows to learn from.
CHILD = """
import importlib.util, sys
from pathlib import Path
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.policies.models import load_model
from toolgym.agents.policies.machine import set_threads
from toolgym.agents.training.callbacks import MetricsFile
from toolgym.agents.training.running import grpo_args, run, task_order
from toolgym.agents.training.trainer import ToolTrainer

spec = importlib.util.spec_from_file_location("toys", sys.argv[1])
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)
set_threads(1)
model, tokenizer = load_model(sys.argv[2])
config = GRPOOptions(
    output=Path(sys.argv[3]), steps=2, groups=2, rollouts=4, micro_batch=2, learning_rate=1e-3, save_steps=10,
    max_new_tokens=8, context_tokens=256, progress=False,
)

def estimator(batch):
    likely_G = (batch.logprobs_BT.sum(1) / batch.sampled_BT.sum(1)).view(-1, batch.group_size)
    advantages_G = likely_G - likely_G.mean(1, keepdim=True)
    advantages_G[0, 1] = 0.0
    return advantages_G.view(-1, 1) * batch.sampled_BT

trainer = ToolTrainer(
    model, tokenizer, grpo_args(config), envs=[toys.ToyEnv() for _ in range(8)], tasks=list(range(20)),
    order=task_order(20, 4, 0), estimator=estimator,
    sampling=SamplingOptions(max_new_tokens=8, context_tokens=256),
    callbacks=[MetricsFile(config.output / "metrics.jsonl")],
)
run(trainer, config)
"""


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def run_alone_and_together(folder: Path, code: str, *words: str) -> None:
    """Runs a program with one process, and at the same time with two that train together; its last argument says which.

    What they print is in the folder's logs.
    """
    port = str(free_port())
    with ExitStack() as running:
        started = []
        for name, rank, processes in (("one", 0, 1), ("two", 0, 2), ("two", 1, 2)):
            # What `accelerate launch` and `torchrun` set; the backend on CPUs is gloo.
            env = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
            if processes > 1:
                env |= {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)}
                env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            program = Program(["-c", code, *words, folder / name], folder / f"{name}-{rank}.log", env=env)
            started.append(running.enter_context(program))
        codes = [program.wait(850) for program in started]
    assert codes == [0, 0, 0], "\n".join(program.said()[-1500:] for program in started)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_equal_one(tokenizer: Any, tiny_model: Any, tmp_path: Path) -> None:
    save_checkpoint(tiny_model, tokenizer, tmp_path / "model")
    toys = Path(__file__).with_name("conftest.py")
    run_alone_and_together(tmp_path, CHILD, str(toys), str(tmp_path / "model"))
    check_equal(tmp_path / "model", tmp_path / "one", tmp_path / "two", steps=2)


# In this order: a critic beside the model (of a policy that earns something); processes whose micro-batches hold no
# expert while the others' do (with token candidates nothing else is learnt from); learners that play, then train.
LEARNERS = """
import sys
from contextlib import ExitStack
from pathlib import Path
from toolgym.agents.training import registry

words = ["--size", "small", "--prompt", "short", "--depth", "1", "2", "--threads", "1", "--no-progress"]
words += ["--learning-rate", "1e-3", "--steps", "2", "--micro-batch", "2", "--model", sys.argv[1]]
words += ["--max-new-tokens", "12"]
words += ["--eval-steps", "2", "--eval-episodes", "3"]
online = ["--groups", "2", "--rollouts", "4", "--save-steps", "1"]
offline = ["--episodes", "4", "--samples", "2", "--batch", "4"]
for algo, more in (
    # Without shared prefixes, which round by what is beside them.
    ("steptool", [*online, "--model", "builtin:imperfect", "--max-new-tokens", "60", "--share-prefixes", "off"]),
    ("dupo", [*online, "--candidates", "token"]),
    ("toolupt", [*online, "--expert", "sft"]),
    ("rft", offline),
    ("eto", offline),
):
    registry.main(algo, [*words, *more, "--output", str(Path(sys.argv[2]) / algo)])
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_kind_of_learner_runs_on_two_processes(tokenizer: Any, tiny_model: Any, tmp_path: Path) -> None:
    save_checkpoint(tiny_model, tokenizer, tmp_path / "model")
    run_alone_and_together(tmp_path, LEARNERS, str(tmp_path / "model"))
    for algo, figures in (
        ("steptool", ("loss", "kl", "reward", "env_steps")),
        ("dupo", ("loss", "dupo/sft_loss", "dupo/objective", "env_steps")),
        ("toolupt", ("loss", "toolupt/rl_loss", "toolupt/expert_loss", "reward", "env_steps")),
    ):
        alone, both = (metrics(tmp_path / name / algo) for name in ("one", "two"))
        assert len(alone) == len(both) == 2
        for left, right in zip(alone, both, strict=True):
            for name in figures:
                # The first kl, of the start and itself, is the rounding of a sum over an episode's tokens.
                if name == "kl" and left is alone[0]:
                    assert max(abs(left[name]), abs(right[name])) < 1e-4
                else:
                    assert left[name] == pytest.approx(right[name], abs=1e-5), (algo, name)
            assert left["grad_norm"] == pytest.approx(right["grad_norm"], rel=1e-3), algo
        assert max(line["grad_norm"] for line in alone) > 1e-3, algo
        (alone,), (both,) = (lines(tmp_path / name / algo, "evaluations.jsonl") for name in ("one", "two"))
        assert (alone["step"], alone["episodes"], alone["tasks"]) == (2, 3, 3), algo
        for name in ("episodes", "tasks", "pass@1", "turns", "mean_reward"):  # greedy: the same three episodes
            assert alone[name] == pytest.approx(both[name], abs=1e-5), (algo, name)
        assert (tmp_path / "two" / algo / "best" / "model.safetensors").is_file()
    for algo in ("rft", "eto"):  # which examples are together in a batch depends on the number of processes
        assert [line["step"] for line in metrics(tmp_path / "two" / algo)] == [1, 2]
        made = {"rft": "examples.jsonl", "eto": "pairs.jsonl"}[algo]
        one, two = ((tmp_path / name / algo / made).read_text() for name in ("one", "two"))
        assert one == two
    assert "own episodes solved" in (tmp_path / "two-0.log").read_text()
    assert "own episodes solved" not in (tmp_path / "two-1.log").read_text()


# Playing ahead: each process's second one plays its share; by a server, the first one's second one plays all of them.
# Without shared prefixes, which round by what is beside them: Adam makes other weights of that, these another episode.
AHEAD = """
import sys
from tests.agents.programs import fork_players
from toolgym.agents.training import registry

fork_players()
model, reward, steps, *servers, output = sys.argv[1:]
words = ["--size", "small", "--prompt", "short", "--depth", "1", "2", "--threads", "1", "--no-progress", "--stale", "1"]
words += ["--groups", "2", "--rollouts", "4", "--micro-batch", "2", "--save-steps", "1", "--max-new-tokens", "8"]
words += ["--share-prefixes", "off", "--learning-rate", "1e-3"]
words += ["--model", model, "--reward", reward, "--output", output]
if servers:  # one alone, one together: each has weights of its own
    words += ["--weights", "files", "--vllm", servers[output.endswith("two")]]
for at, last in enumerate(steps.split()):
    registry.main("grpo", [*words, "--steps", last, *(["--resume"] if at else [])])
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("where", ["here", "by a server"])
def test_two_processes_that_play_ahead_equal_one(
    where: str, tokenizer: Any, tiny_model: Any, standins: Any, start: str, tmp_path: Path
) -> None:
    """The same episodes by the same older weights, the same steps; and so after a stop, whichever wrote the weights."""
    reward = tmp_path / "lengths.py"
    reward.write_text("def lengths(trajectory, task):\n    return float(len(trajectory.steps[-1].turn.text) % 7)\n")
    servers = standins(2)
    for server in servers:
        server.context = 1024
    more = ("2 3",) if where == "here" else ("3", *(server.url for server in servers))
    run_alone_and_together(tmp_path, AHEAD, start, f"{reward}:lengths", *more)
    one, two = tmp_path / "one", tmp_path / "two"
    check_equal(Path(start), one, two, steps=3)
    for left, right in zip(metrics(one), metrics(two), strict=True):
        for figure in ("stale/updates_mean", "stale/updates_max"):
            assert left[figure] == right[figure]
    assert [line["stale/updates_max"] for line in metrics(two)] == [0, 1, 1]
    older = [load_file(output / "checkpoint-3" / "stale.safetensors") for output in (one, two)]
    assert older[0].keys() == older[1].keys()


def metrics(output: Path) -> list[dict[str, Any]]:
    return lines(output, "metrics.jsonl")


def lines(output: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / name).read_text().splitlines()]


def check_equal(model: Path, one: Path, two: Path, *, steps: int) -> None:
    """That two runs from a model logged the same and ended alike, and that they moved at all."""
    logged = [metrics(output) for output in (one, two)]
    assert len(logged[0]) == len(logged[1]) == steps
    for left, right in zip(*logged, strict=True):
        assert left["grad_norm"] > 1e-3
        for name in ("env_steps", "reward", "turns", "num_tokens", "solved"):
            assert left[name] == pytest.approx(right[name], abs=1e-6), name
        assert left["loss"] == pytest.approx(right["loss"], abs=1e-5)
        assert left["grad_norm"] == pytest.approx(right["grad_norm"], rel=1e-4)
    before, alone, both = (load_file(at / "model.safetensors") for at in (model, one / "final", two / "final"))
    moved = max(float((alone[name] - before[name].float()).abs().max()) for name in before)
    apart = max(float((alone[name] - both[name]).abs().max()) for name in alone)
    assert moved > 1e-3
    # Adam's first steps turn rounding in tiny gradients into steps of up to the learning rate.
    assert apart < 0.2 * moved
    close = torch.cat([(alone[name] - both[name]).abs().flatten() < 1e-5 for name in alone])
    assert float(close.float().mean()) > 0.99


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_documented_launch_of_two_processes_equals_one(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "agents.md").read_text()
    (line,) = (line for line in page.splitlines() if line.startswith("accelerate launch"))
    words = shlex.split(line)
    alone = words[words.index("toolgym") :]
    assert alone[:4] == ["toolgym", "train", "--algo", "grpo"]
    # What is given last holds: two steps of two groups of four, by the built-in policy, whose rewards differ.
    smaller = (
        "--groups 2 --rollouts 4 --micro-batch 4 --steps 2 --learning-rate 1e-3 --max-new-tokens 120 --threads 1 "
        "--no-progress --output"
    )
    env = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with Program(["-m", *alone, *smaller.split(), tmp_path / "one"], tmp_path / "one.log", cwd=tmp_path) as program:
        assert program.wait(800) == 0, program.said()[-4000:]
    together = [*words[:2], "--main_process_port", "0", *words[2:], *smaller.split(), str(tmp_path / "two")]
    done = subprocess.run(together, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    check_equal(Path(checkpoint_path("builtin:imperfect")), tmp_path / "one", tmp_path / "two", steps=2)
