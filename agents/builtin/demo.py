"""`toolgym demo`: an expert episode, a warm start, reinforcement learning, and what that changed on held-out tasks.

The stages: `builtin:habits`, a shipped checkpoint that supervised fine-tuning on demonstrations with bad habits made
(see `toolgym.agents.builtin`), then GRPO from there in the environment, on requests of one to three atomic tasks. Both
are evaluated on the `test` split, whose names, ids and requests never occur in training, as they act (sampled at
temperature 1) and greedily.

The whole is bounded in wall time, whatever the machine does: the first evaluation plays as many tasks as fit into its
share, the second the same ones, and training has the rest.
"""

import json as json_module
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer_utils import SchedulerType

from toolgym.agents.builtin.demo_report import (
    DEPTHS,
    ENV_ID,
    ENV_OPTIONS,
    WAYS,
    StageResult,
    both,
    draw,
    next_steps,
    results_of,
    table_of,
)
from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, play
from toolgym.agents.evaluation.metrics import EpisodeScore
from toolgym.agents.grpo import GRPOOptions, grpo_advantages
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.machine import fast_bf16, set_threads
from toolgym.agents.policies.models import load_model, without_bars
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.agents.training.run_folder import one_writer
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.schedule import budget_schedule
from toolgym.opening import open_env
from toolgym.rendering import trajectory_text
from toolgym.trajectory import Trajectory

__all__ = ["DemoOptions", "demo"]

_SYLLABLES = re.compile(r"[a-z]?[hlr]?([aeiouy]{1,2}[^aeiouy]{1,2})*[aeiouy]{0,2}")
"""What can be read aloud: no more than two vowels or consonants follow each other."""
_RESULT = 230
"""Characters of a tool's answer that the expert episode shows."""
_FRAME = 4
"""Characters that a panel takes of each line."""
_PART = 25
"""Test tasks that are played at a time: an evaluation ends behind a whole part."""
_TEST_SHARE = 0.2
"""Of the time: what the first evaluation may take. The second one takes about as long."""
_AT_END_S = 5.0
"""What the saving of the model and the picture take."""


@dataclass(frozen=True)
class DemoOptions:
    """What the demo does."""

    output: Path = Path("runs/demo")
    seed: int = 0
    minutes: float = 8.0
    """Wall-clock limit of all of it, as far as whole steps and parts of evaluations can keep it."""
    steps: int | None = None
    """GRPO steps, however long they take. None: up to 60, as many as fit."""
    episodes: int = 300
    """Held-out test tasks of an evaluation, at most."""
    model: str = "builtin:habits"
    """Where it starts."""
    learning_rate: float = 1e-3
    """At the beginning; it falls to 0 in a line."""
    groups: int = 8
    rollouts: int = 8
    threads: int | None = None


class _Clock:
    """The time that the demo has."""

    def __init__(self, minutes: float, began: float | None = None):
        self.began = time.monotonic() if began is None else began
        self.seconds = minutes * 60

    @property
    def gone(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds that are left; negative where it is late."""
        return self.seconds - self.gone

    def say(self, more: float) -> str:
        """How long it took so far, and `more` seconds that will follow."""
        return f"[dim]{_minutes(self.gone)} so far, about {_minutes(max(more, 0))} to go[/]"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class _Watch(TrainerCallback):
    """Moves the progress bar, keeps the curve, and stops the run where the next step would end too late."""

    def __init__(self, progress: Progress, steps: int, curve: list[tuple[int, float]], seconds: float | None):
        self.progress, self.curve, self.seconds = progress, curve, seconds
        self.bar = progress.add_task("GRPO", total=steps)
        self.started = time.monotonic()

    @property
    def gone_s(self) -> float:
        """Seconds since the training began."""
        return time.monotonic() - self.started

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """A step is done."""
        if not logs or "solved" not in logs:
            return
        self.curve.append((state.global_step, float(logs["solved"])))
        recent = [solved for _, solved in self.curve[-5:]]
        note = f"GRPO: {sum(recent) / len(recent):.0%} of train episodes solved"
        self.progress.update(self.bar, completed=state.global_step, description=note)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stops where the next step would probably end too late; the bar ends where the time does."""
        if self.seconds is None:
            return
        step_s = self.gone_s / state.global_step
        if step_s * (state.global_step + 1) > self.seconds:
            control.should_training_stop = True
        fitting = max(state.global_step, int(self.seconds / step_s))
        self.progress.update(self.bar, total=min(state.max_steps, fitting))


def demo(options: DemoOptions, *, json: bool = False, began: float | None = None) -> dict[str, Any]:
    """Runs the demo: prints as it goes (to stderr with `json`), writes its files to `options.output`.

    Args:
        options: what it does.
        json: whether the results go to stdout as JSON.
        began: when the time began to count (`time.monotonic`); None: now.

    Returns:
        The results, as JSON values.

    Raises:
        LockedError: another run writes to the folder.
    """
    console, clock = Console(stderr=json), _Clock(options.minutes, began)
    set_threads(options.threads, say=True)
    with one_writer(options.output):
        return _run(options, console, clock, json)


def _run(options: DemoOptions, console: Console, clock: _Clock, json: bool) -> dict[str, Any]:
    console.print(expert_episode(options.seed, min(console.width, 110)))
    console.print(
        f"\n[bold]1. The start.[/] {options.model}: a small model with bad habits. It knows the tools, and uses "
        "half of them wrongly more often than not. How many held-out tasks does it solve?"
    )
    with without_bars():
        model, tokenizer = load_model(options.model)
    before = _evaluate("warm start", model, tokenizer, options, console, clock.left * _TEST_SHARE)
    train_s = clock.left - 1.1 * before.seconds - _AT_END_S
    console.print(f"It solves {both(before)}. {clock.say(clock.left)}")
    groups = _groups_that_fit(options, before, train_s)
    console.print(
        f"\n[bold]2. Reinforcement learning.[/] Each step of GRPO plays {groups} train tasks {options.rollouts} times "
        "and moves towards what earned more."
    )
    curve: list[tuple[int, float]] = []
    steps, seconds = _train(model, tokenizer, replace(options, groups=groups), console, curve, train_s)
    latest = [solved for _, solved in curve[-5:]]
    taken = f"{steps} step{'' if steps == 1 else 's'} in {_minutes(seconds)}"
    console.print(
        f"{taken}; of the latest train episodes it solved {np.mean(latest or [0]):.0%}. "
        f"{clock.say(before.seconds + _AT_END_S)}"
    )
    console.print("\n[bold]3. The same held-out tasks again.[/]")
    parts = -(-len(before.scores["sampled"]) // _PART)
    after = _evaluate("after GRPO", model, tokenizer, options, console, clock.left - _AT_END_S, most=parts)
    after = replace(after, trained_s=seconds)
    before = before.on(set(after.scores["sampled"]))
    results = results_of(options.model, options.seed, options.output, [before, after], steps, curve, clock.gone)
    (options.output / "results.json").write_text(json_module.dumps(results, indent=1) + "\n", encoding="utf-8")
    draw(results, options.output / "learning_curve.png")
    console.print(table_of(before, after, steps))
    console.print(next_steps(options.output), highlight=False, soft_wrap=True)
    if json:
        sys.stdout.write(json_module.dumps(results) + "\n")
    return results


def expert_episode(seed: int, width: int) -> Panel:
    """An episode that follows the gold chain, in a frame of `width` characters: short, its names easy to read."""
    env = open_env(ENV_ID, split="train", depth=2, kinds=["reservation", "cancel"], **ENV_OPTIONS)
    try:
        order = np.random.default_rng(np.random.SeedSequence(seed)).permutation(len(env.tasks))[:100]
        played = rollouts(OraclePolicy(), [env], [Start(options={"task": int(index)}) for index in order])
        told = [episode.trajectory for episode in played if episode.trajectory is not None]
        chosen = next(filter(readable, told), told[0])
        text = trajectory_text(chosen, width - _FRAME, longest=_RESULT)
        title = "An expert episode: what the policy is to learn"
        return Panel(Text.from_ansi(text), title=title, width=width)  # a str would be wrapped within its colour codes
    finally:
        env.close()


def readable(trajectory: Trajectory) -> bool:
    """Whether the names in an episode can be read aloud: worlds have many that are letters at random."""
    said = [trajectory.prompt, *(result.text for _, result in trajectory.calls)]
    names = [name for text in said for name in re.findall(r"(?<![a-z])[A-Z][a-z]{2,}\b", text)]
    return all(_SYLLABLES.fullmatch(name.lower()) for name in names)


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as progress:
        yield progress


def _eval_options(options: DemoOptions) -> EvalOptions:
    return EvalOptions(
        env_id=ENV_ID,
        split="test",
        episodes=options.episodes,
        seed=options.seed,
        env_options={**ENV_OPTIONS, "depth": DEPTHS},
        agent=AgentOptions(concurrency=_PART),
    )


def _evaluate(
    name: str,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    options: DemoOptions,
    console: Console,
    seconds: float,
    most: int | None = None,
) -> StageResult:
    """Plays test tasks both ways, part by part, for about so many seconds: at least one part, and `most` at most."""
    scores: dict[str, dict[int, EpisodeScore]] = {way: {} for way in WAYS}
    evaluation, parts = _eval_options(options), -(-options.episodes // _PART)
    policies, files = {}, {}
    for way, temperature in WAYS.items():
        sampling = SamplingOptions(temperature=temperature, max_new_tokens=256, context_tokens=1536)
        policies[way] = LMPolicy(model, tokenizer, sampling, seed=options.seed)
        files[way] = options.output / f"test_{name.replace(' ', '_')}_{way}.jsonl"
        files[way].unlink(missing_ok=True)
    began = time.monotonic()
    with _bars(console) as progress:
        wanted = min(parts, most or parts)
        bar = progress.add_task(f"{name}: test tasks", total=len(WAYS) * min(options.episodes, wanted * _PART))
        for part in range(wanted):
            for way, policy in policies.items():
                played = play(
                    policy,
                    replace(evaluation, output=files[way]),
                    part=(part, parts),
                    on_episode=lambda *_: progress.advance(bar),
                )
                scores[way].update(played)
            gone = time.monotonic() - began
            fitting = min(wanted, max(part + 1, int(seconds / gone * (part + 1))))
            progress.update(bar, total=len(WAYS) * min(options.episodes, fitting * _PART))
            if gone * (part + 2) / (part + 1) > seconds:
                break
    for policy in policies.values():
        policy.release()
    return StageResult(name, scores, time.monotonic() - began)


def _groups_that_fit(options: DemoOptions, before: StageResult, seconds: float) -> int:
    """Tasks a step: fewer on a slow machine, so that there are steps enough for something to be learnt."""
    if options.steps:
        return options.groups
    episode_s = before.seconds / max(1, sum(map(len, before.scores.values())))
    step_s = 2 * episode_s * options.groups * options.rollouts  # an update takes about as long as its episodes
    return options.groups if 12 * step_s < seconds else max(2, options.groups // 2)


def _train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    options: DemoOptions,
    console: Console,
    curve: list[tuple[int, float]],
    seconds: float,
) -> tuple[int, float]:
    """Trains in place; (steps taken, seconds)."""
    steps = options.steps or 60
    config = GRPOOptions(
        env=ENV_ID,
        model=options.model,
        output=options.output,
        steps=steps,
        seed=options.seed,
        size="small",
        prompt="short",
        depth=DEPTHS,
        groups=options.groups,
        rollouts=options.rollouts,
        micro_batch=min(16, options.groups * options.rollouts),
        learning_rate=options.learning_rate,
        schedule="linear",
        bf16=fast_bf16(),
        save_steps=steps,
        overwrite=True,
        threads=options.threads,
        progress=False,
    )
    with _bars(console) as progress:
        watch = _Watch(progress, steps, curve, None if options.steps else seconds)
        trainer = prepare(config, grpo_advantages, model=model, tokenizer=tokenizer, callbacks=[watch])
        if not options.steps:  # time ends the run, so the rate falls with it
            optimizer = trainer.create_optimizer()
            limit_s = max(seconds, 1.0)  # where none is left a step is taken all the same
            trainer.lr_scheduler = budget_schedule(SchedulerType.LINEAR, optimizer, 0, lambda _: watch.gone_s / limit_s)
        run(trainer, config, locked=True)
    return trainer.state.global_step, watch.gone_s
