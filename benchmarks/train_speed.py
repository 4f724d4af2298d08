"""What a training step costs, and what TRL's own multi-turn loop costs on the same model, tasks and tokens.

    python -m benchmarks.train_speed                          # a random model of the built-in policy's size
    python -m benchmarks.train_speed --model builtin:imperfect --groups 8 --rollouts 8 --steps 5 --json

Both trainers play the expert's episodes: every token is the expert's, whatever the model would have sampled, but it is
computed and scored as if it had been. So both generate the same tokens, call the same tools with the same arguments and
update on the same sequences. Rewards are made to differ within a group, so that every row carries a gradient.

- ours: `ToolTrainer` (the cache is kept across turns, an episode that is over leaves the batch);
- TRL's: `GRPOTrainer(environment_factory=...)` on the same environment (each turn prefills the whole history, a turn is
  over when the longest one is).

Seconds are wall clock (with --cpu-time, the process's CPU time), a mean over the steps after the first. Generation is
the model's; environment is reset and step without the reward; reward is its score; loss is the rest of the step:
forward, backward, optimizer, bookkeeping.
"""

import json
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, cast

import torch
from datasets import Dataset
from rich.console import Console
from rich.table import Table
from transformers import LogitsProcessorList, PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_callback import PrinterCallback
from trl.trainer.grpo_trainer import GRPOTrainer

from benchmarks.train_speed_parts import Clock, Lap, Script, ScriptedPolicy, ScriptedTokens, TimedEnv
from toolgym.agents.builtin import build_tokenizer, new_model
from toolgym.agents.policies import SamplingOptions
from toolgym.agents.policies.machine import set_threads
from toolgym.agents.policies.models import load_model, quiet
from toolgym.agents.rollouts import EpisodeBatch, demonstrate
from toolgym.agents.training import ToolTrainer
from toolgym.agents.training.options import parse_options
from toolgym.agents.training.running import RunConfig, grpo_args
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.messages import parse
from toolgym.opening import open_env


@dataclass(frozen=True)
class SpeedOptions:
    """What is measured."""

    model: Annotated[str | None, "a model (default: random weights in the built-in policy's size)"] = None
    groups: Annotated[int, "tasks a step"] = 4
    rollouts: Annotated[int, "episodes a task"] = 8
    steps: Annotated[int, "steps that count, after one that does not"] = 3
    micro_batch: Annotated[int, "episodes a forward pass"] = 16
    turns: Annotated[int, "the fewest turns of a task"] = 3
    threads: Annotated[int | None, "torch threads"] = None
    cpu_time: Annotated[bool, "CPU time instead of wall clock: for a shared machine, with --threads 1"] = False
    json: Annotated[bool, "print JSON"] = False


def make_scripts(options: SpeedOptions, env: ToolEnv, tokenizer: PreTrainedTokenizerBase) -> list[Script]:
    """Expert episodes of tasks that take one call a turn, as many as a run needs.

    Raises:
        ConfigError: too few tasks are of that kind.
    """
    needed = options.groups * (options.steps + 1)
    chosen = []
    for index in range(len(env.tasks)):
        gold = env.tasks[index].gold
        calls = [len(action.calls) for action in gold]
        if len(gold) >= options.turns and all(count == 1 for count in calls[:-1]) and calls[-1] == 0:
            chosen.append(index)
        if len(chosen) == needed:
            break
    else:
        raise ConfigError(f"{len(chosen)} tasks take {options.turns} turns or more of one call; {needed} are needed")
    played = demonstrate(env, tokenizer, [env.tasks[index] for index in chosen])
    return [
        Script(
            index,
            episode.prompt_ids + episode.completion_ids,
            len(episode.prompt_ids),
            [token for token, own in zip(episode.completion_ids, episode.env_mask, strict=True) if own],
        )
        for index, episode in zip(chosen, played, strict=True)
    ]


# The built-in policy's template, which writes an assistant's calls in its text; TRL wants one that could write them.
_TEMPLATE = (
    "{%- for message in messages -%}{{- '<|' + message['role'] + '|>' + message['content'] -}}"
    "{%- if message['tool_calls'] and not message['content'] -%}{{- message['tool_calls'] | tojson -}}{%- endif -%}"
    "{{- '<|end|>' -}}{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def run_config(options: SpeedOptions, output: Path, longest: int) -> RunConfig:
    """The options of both trainers."""
    return RunConfig(
        output=output,
        steps=options.steps + 1,
        groups=options.groups,
        rollouts=options.rollouts,
        micro_batch=options.micro_batch,
        max_new_tokens=longest,
        context_tokens=longest,
        save_steps=10**6,
        learning_rate=1e-6,
    )


def spread(count: int, size: int) -> torch.Tensor:
    """Rewards that differ within each group."""
    return torch.arange(count) % size / size


def time_ours(
    config: RunConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    scripts: list[Script],
    env: ToolEnv,
    clock: Clock,
) -> Clock:
    """A run of our trainer."""
    envs = [TimedEnv(env.spawn(), clock) for _ in range(config.groups * config.rollouts)]

    def estimator(batch: EpisodeBatch) -> torch.Tensor:
        with clock.time("reward"):
            return (spread(len(batch.steps_B), config.rollouts) - 0.5)[:, None] * batch.sampled_BT

    sampling = SamplingOptions(max_new_tokens=config.max_new_tokens, context_tokens=config.context_tokens)
    trainer = ToolTrainer(
        model,
        tokenizer,
        grpo_args(config),
        envs=cast(Any, envs),
        tasks=env.tasks,
        order=[script.task for script in scripts],
        estimator=estimator,
        sampling=sampling,
        callbacks=[Lap(clock)],
    )
    policy = ScriptedPolicy(model, tokenizer, sampling)
    policy.clock, policy.scripts = clock, {tuple(script.ids[: script.opening]): script for script in scripts}
    trainer._policy = policy
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock


def time_trl(
    config: RunConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    scripts: list[Script],
    env: ToolEnv,
    clock: Clock,
) -> Clock:
    """A run of TRL's trainer on the same environment, its tools as methods."""
    requests = {str(tokenizer.decode(script.ids[: script.opening])): script for script in scripts}

    class Episode:
        """What TRL wants of an environment: `reset`, and a method a tool."""

        def __init__(self) -> None:
            self._env = TimedEnv(env.spawn(), clock)

        def reset(self, task: int = 0, **_: Any) -> None:
            """Begins the task's episode."""
            self._env.reset(options={"task": task})

    def method(name: str) -> Any:
        def call(self, arguments: dict) -> str:
            """Calls the tool.

            Args:
                arguments: what the tool takes.
            """
            text = f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"
            return self._env.step(text)[4]["messages"][-1]["content"]

        call.__name__ = name
        return call

    for tool in env.tools:
        setattr(Episode, tool.name, method(tool.name))

    def read(ids: list[int], **_: Any) -> dict[str, Any]:
        text = cast(str, tokenizer.decode(ids, skip_special_tokens=True))
        calls = [
            {"type": "function", "function": {"name": call.name, "arguments": {"arguments": call.arguments}}}
            for call in parse(text).calls
        ]
        return {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}

    def reward(completions: list[Any], environments: list[Any], **_: Any) -> list[float | None]:
        for messages, episode in zip(completions, environments, strict=True):
            episode._env.step(messages[-1]["content"])
        return list(spread(len(completions), config.rollouts).tolist())

    def generate(*args: Any, **kwargs: Any) -> Any:
        forced = LogitsProcessorList([ScriptedTokens(scripts, cast(int, tokenizer.pad_token_id), clock)])
        with clock.time("generation"):
            out = plain(*args, logits_processor=forced, **kwargs)
        clock.tokens += int((out[:, kwargs["input_ids"].shape[1] :] != tokenizer.pad_token_id).sum())
        return out

    plain = cast(Any, model).generate
    cast(Any, model).generate = generate
    tokenizer.chat_template = _TEMPLATE
    tokenizer.response_template = {}  # type: ignore[attr-defined]
    tokenizer.parse_response = read  # type: ignore[method-assign]
    rows = [
        {"prompt": [{"role": "user", "content": _request(text)}], "task": script.task}
        for text, script in requests.items()
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are using 'environment_factory'")
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=reward,
            args=grpo_args(config),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            environment_factory=Episode,
            callbacks=[Lap(clock)],
        )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock


def _request(opening: str) -> str:
    """The user's words in an opening."""
    return opening.removeprefix("<|user|>").removesuffix("<|end|><|assistant|>")


def figures(clock: Clock, steps: int) -> dict[str, float]:
    """Seconds a step by part, and the generation's tokens a second."""
    part = {name: clock.seconds.get(name, 0.0) / steps for name in ("generation", "environment", "reward", "step")}
    part["environment"] -= part["reward"]
    loss = part["step"] - part["generation"] - part["environment"] - part["reward"]
    return {
        **part,
        "loss": loss,
        "tokens": clock.tokens / steps,
        "tokens_per_s": clock.tokens / max(clock.seconds.get("generation", 0.0), 1e-9),
    }


def benchmark(options: SpeedOptions) -> dict[str, Any]:
    """Both trainers' figures."""
    threads = set_threads(options.threads)

    def fresh() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        if options.model:
            return load_model(options.model)
        tokenizer = build_tokenizer()
        return new_model(tokenizer), tokenizer

    model, tokenizer = fresh()
    env = open_env("ToolGym/Airline-v0", size="small", prompt="short")
    scripts = make_scripts(options, env, tokenizer)
    longest = max(len(script.ids) for script in scripts) + 8
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        quiet()
        config = run_config(options, Path(folder), longest)
        now = time.process_time if options.cpu_time else time.perf_counter
        ours = figures(time_ours(config, model, tokenizer, scripts, env, Clock(now)), options.steps)
        trls = figures(time_trl(config, *fresh(), scripts, env, Clock(now)), options.steps)
    return {
        "options": asdict(options),
        "threads": threads,
        "ours": ours,
        "trl": trls,
        "step_ratio": trls["step"] / ours["step"],
        "generation_ratio": ours["tokens_per_s"] / trls["tokens_per_s"],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    options = parse_options(
        SpeedOptions, argv, prog="python -m benchmarks.train_speed", description=(__doc__ or "").split("\n")[0]
    )
    results = benchmark(options)
    if options.json:
        print(json.dumps(results, indent=1))
        return 0
    table = Table(title="Seconds a training step", title_justify="left")
    for column in ("part", "ours", "TRL's"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for name in ("generation", "environment", "reward", "loss", "step"):
        table.add_row(name, f"{results['ours'][name]:.4f}", f"{results['trl'][name]:.4f}")
    table.add_row("tokens sampled", f"{results['ours']['tokens']:.0f}", f"{results['trl']['tokens']:.0f}")
    table.add_row("tokens/s", f"{results['ours']['tokens_per_s']:.0f}", f"{results['trl']['tokens_per_s']:.0f}")
    console = Console()
    console.print(table)
    console.print(
        f"TRL's step takes {results['step_ratio']:.2f} times ours; we generate {results['generation_ratio']:.2f} times "
        f"as many tokens a second. {results['threads']} torch threads."
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
