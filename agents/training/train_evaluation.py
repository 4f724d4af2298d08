"""Evaluations while a run trains: every so many steps, with the model as it is, and the best model so far kept.

evaluations.jsonl   a line an evaluation: the step, and what `toolgym eval --json` prints
best/               the model of the best one so far by pass@1, and evaluation.json: its line
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from transformers import PreTrainedTokenizerBase, TrainerCallback

from toolgym._files import append_line
from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, play, report_of
from toolgym.agents.evaluation.metrics import EpisodeScore
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.machine import release_memory
from toolgym.agents.training.run_folder import drop_later, next_best, point_to_best, read_json, save_settings
from toolgym.opening import open_env

__all__ = ["EvaluateEvery"]

_LOGGED = ("pass@1", "mean_reward", "tool_recall", "call_recall", "turns", "infra_errors", "seconds")
"""The figures that go where the run reports to, each as `eval_…`."""
_MEASURE = ("env", "split", "episodes", "temperature", "seed", "env_options")
"""What two evaluations must have in common, or neither is the better one."""


def _sampling(config: Any) -> SamplingOptions:
    """How the model acts in an evaluation: with the limits that it is trained with."""
    return SamplingOptions(
        temperature=config.eval_temperature,
        max_new_tokens=getattr(config, "max_new_tokens", 256),
        context_tokens=config.context_tokens if hasattr(config, "context_tokens") else config.max_tokens,
    )


def _at_once(config: Any, processes: int) -> int:
    """How many episodes a process plays at once: as many as the training does, where it plays."""
    if getattr(config, "concurrency", None):
        return config.concurrency
    return max(1, config.groups * config.rollouts // processes) if hasattr(config, "rollouts") else 16


class EvaluateEvery(TrainerCallback):
    """Evaluates every `config.eval_steps` steps on held-out tasks, always the same ones, and keeps the best model.

    Several processes share the episodes of an evaluation. Nothing random of the training is drawn from.

    Args:
        trainer: the run's trainer.
        tokenizer: the model's.
        config: the run's options.
        env_options: keywords for the environment, but the split.

    Raises:
        ConfigError: the environment has no such split, or no tasks in it.
    """

    def __init__(self, trainer: Any, tokenizer: PreTrainedTokenizerBase, config: Any, env_options: Mapping[str, Any]):
        self.trainer, self.tokenizer, self.config, self.env_options = trainer, tokenizer, config, dict(env_options)
        self.path = config.output / "evaluations.jsonl"
        self.sampling = _sampling(config)
        self.options = EvalOptions(
            env_id=config.env,
            split=config.eval_split,
            episodes=config.eval_episodes,
            seed=config.seed,
            env_options=self.env_options,
            agent=AgentOptions(concurrency=_at_once(config, trainer.args.world_size)),
            step_timeout_s=getattr(config, "step_timeout", None),
        )
        self._best: dict[str, Any] = {}
        open_env(config.env, split=config.eval_split, **self.env_options).close()  # now, not after hours

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drops the lines of steps that the run is going to take again, and looks up the best model that there is."""
        kept = self.config.output / "best" / "evaluation.json"
        if state.global_step and kept.is_file():
            self._best = read_json(kept)
        if state.is_world_process_zero:
            drop_later(self.path, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluates, where it is time to."""
        if state.global_step % self.config.eval_steps == 0:
            should_log = control.should_log
            self._evaluate(state.global_step)
            control.should_log = should_log  # the step's own figures: logging others has taken it back

    def _evaluate(self, step: int) -> None:
        model = self.trainer.whole_model()
        trained, started = model.training, time.perf_counter()
        model.eval()
        try:
            report = report_of(self._play(model), self.options, agent=str(self.config.output))
            line = {"step": step, "temperature": self.sampling.temperature, **report.to_json()}
            line = json.loads(json.dumps({**line, "seconds": time.perf_counter() - started}))  # as it is in a file
            # In this mode TRL's trainers leave the figures of the training step, which are still being collected.
            self.trainer.log({f"eval_{name}": float(line[name]) for name in _LOGGED if line[name] is not None})
        finally:
            model.train(trained)
            self.trainer.drop_whole()
        if _better(line, self._best):
            self._best = line
            self._keep(line)
        if self.trainer.args.should_save:
            append_line(self.path, json.dumps(line))
        release_memory()

    def _play(self, model: Any) -> dict[int, EpisodeScore]:
        """The scores of the episodes of all processes, by number."""
        processes, overlap = self.trainer.args.world_size, getattr(self.trainer, "overlap", None)
        if overlap is not None and self.trainer.server is not None:
            overlap.settle()  # the server is going to have other weights than what is being played
        policy = LMPolicy(model, self.tokenizer, self.sampling, server=getattr(self.trainer, "server", None))
        policy.use(model, together=True)
        part = (self.trainer.args.process_index, processes)
        policy.reseed(self.config.seed, first_slot=part[0] * self.options.agent.concurrency)
        played = play(policy, self.options, part=part)
        policy.release()
        return {number: score for one in _gathered(played, processes) for number, score in one.items()}

    def _keep(self, line: Mapping[str, Any]) -> None:
        """Makes the model as it is now the run's best: at any moment the one before is whole, or this one."""
        output: Path = self.config.output
        main = self.trainer.args.should_save
        folder = next_best(output) if main else output
        self.trainer.save_model(str(folder))
        if main:
            self.tokenizer.save_pretrained(folder)
            save_settings(folder, self.config.env, self.env_options)
            (folder / "evaluation.json").write_text(json.dumps(line, indent=1) + "\n", encoding="utf-8")
            point_to_best(folder)


def _gathered(value: Any, processes: int) -> list[Any]:
    """The value of each process."""
    return gather_object([value]) if processes > 1 else [value]


def _better(line: Mapping[str, Any], best: Mapping[str, Any]) -> bool:
    """Whether an evaluation is better than the best one before, or the first of its kind."""
    if line["pass@1"] is None:
        return False
    alike = all(line.get(name) == best.get(name) for name in _MEASURE)
    before = best.get("pass@1")
    return not alike or not isinstance(before, int | float) or line["pass@1"] > before
