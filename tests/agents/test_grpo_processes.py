"""Two processes train as one: the same episodes, the same losses, the same weights."""

import json
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from toolgym.agents.builtin import checkpoint_path, save_checkpoint

# A run on the toy environment of this folder's conftest, whose episodes differ in length. The advantage is how likely
# an episode was beside its group: every row has a gradient, and a row out of place would change it.
CHILD = """
import importlib.util, sys
from pathlib import Path
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.lm import SamplingOptions, load_model, set_threads
from toolgym.agents.running import MetricsFile, grpo_args, run, task_order
from toolgym.agents.trainer import ToolTrainer

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
    return (likely_G - likely_G.mean(1, keepdim=True)).view(-1, 1) * batch.sampled_BT

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


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_equal_one(tokenizer: Any, tiny_model: Any, tmp_path: Path) -> None:
    save_checkpoint(tiny_model, tokenizer, tmp_path / "model")
    started = []
    for name, rank, processes in (("one", 0, 1), ("two", 0, 2), ("two", 1, 2)):
        # What `accelerate launch` and `torchrun` set; the backend on CPUs is gloo.
        env = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        if processes > 1:
            port = started[-1][1] if rank else str(free_port())
            env |= {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)}
            env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        else:
            port = ""
        log = (tmp_path / f"{name}-{rank}.log").open("w")
        toys, model, output = Path(__file__).with_name("conftest.py"), tmp_path / "model", tmp_path / name
        words = [sys.executable, "-c", CHILD, str(toys), str(model), str(output)]
        started.append((subprocess.Popen(words, env=env, stdout=log, stderr=subprocess.STDOUT), port, log))
    try:
        codes = [process.wait(timeout=850) for process, _, _ in started]
    finally:
        for process, _, log in started:
            process.kill()
            process.wait()
            log.close()
    assert codes == [0, 0, 0], "\n".join(path.read_text()[-1500:] for path in sorted(tmp_path.glob("*.log")))
    check_equal(tmp_path / "model", tmp_path / "one", tmp_path / "two", steps=2)


def check_equal(model: Path, one: Path, two: Path, *, steps: int) -> None:
    """That two runs from a model logged the same and ended alike, and that they moved at all."""
    logged = [
        [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()] for output in (one, two)
    ]
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
    for name, command in (("one", alone), ("two", [*words[:2], "--main_process_port", "0", *words[2:]])):
        whole = [*command, *smaller.split(), str(tmp_path / name)]
        done = subprocess.run(whole, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    check_equal(Path(checkpoint_path("builtin:imperfect")), tmp_path / "one", tmp_path / "two", steps=2)
