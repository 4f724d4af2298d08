"""The process that plays ahead: whom it plays for, what it waits for, and that it never outlives the learner."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agents.programs import Program
from toolgym.agents.grpo import GRPOOptions, grpo_advantages
from toolgym.agents.policies.decoding import Decoder
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.agents.training.overlap import Overlap, Stale
from toolgym.agents.training.player import Request
from toolgym.agents.training.registry import main
from toolgym.agents.training.running import grpo_args
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.loading import load_named

pytestmark = pytest.mark.slow


# Whom it plays for ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algo", ["dapo", "tree", "arpo", "vine", "steptool", "dupo", "toolupt", "awpo"])
def test_every_algorithm_plays_there_as_here(
    algo: str, airline_arguments: list[str], tmp_path: Path, metrics: Any, forked_players: None
) -> None:
    """The first batch is played by the same weights, with and without: whatever playing gives is the same."""
    words = [*airline_arguments, "--steps", "2", "--save-steps", "2", "--max-new-tokens", "8"]
    for stale in (0, 1):
        assert main(algo, [*words, "--stale", str(stale), "--output", str(tmp_path / str(stale))]) == 0
    (here, _), (there, later) = metrics(tmp_path / "0"), metrics(tmp_path / "1")
    assert (there["stale/updates_max"], later["stale/updates_max"]) == (0, 1)
    assert any(line["env_steps"] > 0 for line in (here, there))
    for name in set(here) - {"loss", "grad_norm"}:
        assert there[name] == pytest.approx(here[name], abs=1e-4), name


# What it waits for ----------------------------------------------------------------------------------------------------

PLANNED = """
import importlib.util, time
import numpy as np
from asyncio import CancelledError
from toolgym.agents.training.player import Opened
from toolgym.errors import InfraError

spec = importlib.util.spec_from_file_location("toys", {conftest!r})
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)


class Planned(toys.ToyEnv):
    suspends = True

    def reset(self, *, seed=None, options=None):
        out = super().reset(seed=seed, options=options)
        rng = np.random.default_rng(self.task)
        hows = ["answer"] * 8 + ["fail", "raise", "cancel"]
        self.plan = [(rng.choice(hows), rng.exponential(0.004)) for _ in range(3)]
        return out

    def step(self, action):
        how, wait_s = self.plan[len(self.said)]
        if self.suspends:
            time.sleep(wait_s)
        if how == "fail":
            return "", 0.0, True, False, dict(outcome="infra_error")
        if how == "raise":
            raise InfraError("the server is gone")
        if how == "cancel":
            raise CancelledError if self.suspends else InfraError("cancelled")
        return super().step(action)


def envs(count=4, waits=True):
    made = [Planned() for _ in range(count)]
    for env in made:
        env.suspends = waits
    return made


def opened():
    return Opened(envs(), range(10**6))
"""


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """A file of environments whose steps come late, fail, or are cancelled, as the task's number says."""
    file = tmp_path / "planned_envs.py"
    file.write_text(PLANNED.format(conftest=str(Path(__file__).with_name("conftest.py"))))
    monkeypatch.syspath_prepend(str(tmp_path))  # the other process looks there, too
    yield lambda name: load_named(f"{file}:{name}")
    sys.modules.pop("planned_envs", None)


def test_latencies_failures_and_cancellations_there_change_nothing(
    planned: Callable[[str], Any],
    fresh: Any,
    tokenizer: Any,
    tmp_path: Path,
    shape: dict[str, Any],
    forked_players: None,
) -> None:
    config = GRPOOptions(output=tmp_path, **shape)
    sampling = SamplingOptions(max_new_tokens=6, context_tokens=256)
    trainer = ToolTrainer(
        fresh(),
        tokenizer,
        grpo_args(config),
        envs=planned("envs")(1),
        tasks=range(10**6),  # type: ignore[arg-type]
        order=range(100),
        estimator=grpo_advantages,
        sampling=sampling,
        stale=Stale(1, planned("opened")),
    )
    overlap, model, number = trainer.overlap, fresh(), 0
    assert isinstance(overlap, Overlap)
    policy = LMPolicy(model, tokenizer, sampling)
    assert isinstance(policy.decoder, Decoder)
    policy.decoder.with_entropy = True
    overlap.weights.publish(0, model)
    overlap._start()

    @settings(max_examples=40, deadline=None)
    @given(batches=st.lists(st.lists(st.integers(0, 10**6 - 1), min_size=1, max_size=9), min_size=1, max_size=3))
    def equal(batches: Sequence[Sequence[int]]) -> None:
        """Batches are asked for together and taken one after another."""
        nonlocal number
        asked = range(number, number + len(batches))
        number += len(batches)
        for at, tasks in zip(asked, batches, strict=True):
            overlap._ask(Request(at, 0, (at, 0), tuple(tasks)))
        for at, tasks in zip(asked, batches, strict=True):
            played = overlap._take(at)
            assert played.error is None
            policy.reseed(config.seed, at, 0, 0)
            starts = [Start(options={"task": task}) for task in tasks]
            expected = rollouts(policy, planned("envs")(2, waits=False), starts)
            for one, other in zip(played.rollouts, expected, strict=True):
                assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
                assert one.entropies == pytest.approx(other.entropies, abs=1e-4)
                for name in ("completion_ids", "env_mask", "types", "spans", "rewards", "components", "outcome", "cut"):
                    assert getattr(one, name) == getattr(other, name)
            assert played.env_steps == sum(len(rollout.rewards) for rollout in expected)

    try:
        equal()
    finally:
        overlap.close()


# How it ends ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def learner(airline_arguments: list[str], tmp_path: Path) -> Iterator[Program]:
    """A run of many steps in a process of its own, whose first step is behind it."""
    words = [*airline_arguments, "--steps", "100000", "--stale", "1", "--output", str(tmp_path / "run")]
    command = ["-m", "toolgym", "train", "--algo", "grpo", *words]
    metrics = tmp_path / "run" / "metrics.jsonl"
    with Program(command, tmp_path / "out", tmp_path / "err") as program:
        until(lambda: program.poll() is not None or (metrics.is_file() and metrics.stat().st_size > 0), 600)
        yield program


def until(there: Callable[[], bool], limit_s: float) -> None:
    began = time.monotonic()
    while not there():
        assert time.monotonic() - began < limit_s
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="reads /proc")
@pytest.mark.parametrize("how", ["a kill", "Ctrl-C", "Ctrl-C twice"])
def test_nobody_is_left_behind(how: str, learner: Program, tmp_path: Path) -> None:
    """The terminal sends Ctrl-C to both; the learner decides: behind its batch with a checkpoint, or at once."""
    there = children(learner.pid)
    assert there, learner.said()
    if how == "a kill":
        learner.kill()
    else:
        for times in range(1 + how.endswith("twice")):
            if times:
                time.sleep(0.2)
            for pid in (learner.pid, *there):
                os.kill(pid, signal.SIGINT)
    until(lambda: learner.poll() is not None and not any(map(running, there)), 60)
    if how == "Ctrl-C":
        assert "Traceback" not in learner.said()
        assert "go on with --resume" in learner.said()
        assert list((tmp_path / "run").glob("checkpoint-*/stale.safetensors"))
