"""What every run does beside its steps: the metrics file, the progress bar, and a stop on Ctrl-C."""

import json
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm
from transformers import TrainerCallback
from transformers.integrations.integration_utils import TensorBoardCallback

from toolgym._files import append_line
from toolgym.agents.policies.machine import release_memory
from toolgym.agents.training.budget import EnvStepLimit
from toolgym.agents.training.run_folder import drop_later
from toolgym.errors import DivergenceError

__all__ = [
    "MetricsFile",
    "ProgressBar",
    "ReleaseMemory",
    "StopOnInterrupt",
    "interrupts_as_before",
    "one_tensorboard",
    "run_callbacks",
]


class StopOnInterrupt(TrainerCallback):
    """The first Ctrl-C ends the run behind its batch of episodes, with a checkpoint; the second one at once.

    Runs of several processes are left alone: they would have to agree on the batch.
    """

    def __init__(self, updates: int = 1):
        self.updates = updates
        self._asked = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Listens."""
        if args.world_size == 1 and threading.current_thread() is threading.main_thread():
            self._asked = False
            signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._asked = True
        # Not by print: a signal may come in the middle of one.
        os.write(2, b"\nStopping behind this batch, with a checkpoint. Ctrl-C again stops at once.\n")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ends the run where that was asked for and the batch is done."""
        if self._asked and state.global_step % self.updates == 0:
            control.should_training_stop = control.should_save = True

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Says where it stopped.

        Raises:
            KeyboardInterrupt: the run was asked to stop before its end.
        """
        if self._asked and state.global_step < state.max_steps:
            print(f"Stopped at step {state.global_step} of {state.max_steps}; go on with --resume.", file=sys.stderr)
            raise KeyboardInterrupt


@contextmanager
def interrupts_as_before() -> Iterator[None]:
    """Gives Ctrl-C back however a run ends (see `StopOnInterrupt`)."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before or signal.default_int_handler)


def _json(value: Any) -> Any:
    """A figure as JSON has it: null where there is none (the mean of no episode)."""
    return None if isinstance(value, float) and math.isnan(value) else value


class MetricsFile(TrainerCallback):
    """Writes what is logged to `metrics.jsonl`, a line a step, and stops a run whose gradient is not finite.

    Args:
        path: the file.
        played: environment steps that were played before the first step; they are written into its line.
        without: figures that are left out.
    """

    def __init__(self, path: Path, played: int = 0, without: Sequence[str] = ()):
        self.path, self.played, self.without = path, played, without

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drops the lines of steps that the run is going to take again."""
        if state.is_world_process_zero:
            drop_later(self.path, state.global_step)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Looks at the gradients before they are used.

        Raises:
            DivergenceError: one is not finite.
        """
        for name, parameter in model.named_parameters():
            if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
                raise DivergenceError(
                    f"the gradient of {name} is not finite at step {state.global_step}; lower learning_rate, or resume "
                    f"from the last checkpoint in {args.output_dir}"
                )

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Appends a line."""
        if state.is_world_process_zero and logs and "loss" in logs:
            kept = {name: _json(logs[name]) for name in sorted(logs) if name not in self.without}
            line = {"step": state.global_step, **kept}
            if self.played and state.global_step == 1:
                line["env_steps"] = float(self.played)
            append_line(self.path, json.dumps(line))


class ProgressBar(TrainerCallback):
    """One line of progress with the figures that matter."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._evaluated: dict[str, float] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Opens the bar."""
        if state.is_world_process_zero:
            self._bar = tqdm(total=state.max_steps, initial=state.global_step, unit="step")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Shows the latest figures, and the share of held-out tasks solved at the last evaluation."""
        if logs and "eval_pass@1" in logs:
            self._evaluated = {"pass@1": logs["eval_pass@1"]}
        if self._bar is not None and logs and "loss" in logs:
            shown = {name: logs[name] for name in ("solved", "reward", "entropy", "loss") if logs.get(name) is not None}
            shown |= self._evaluated
            self._bar.set_postfix({name: f"{float(value):.3g}" for name, value in shown.items()})
            self._bar.update(state.global_step - self._bar.n)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Closes the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def one_tensorboard(trainer: Any, folder: Path, first_step: int) -> None:
    """Lets TensorBoard draw a run as one curve, however often it was resumed; a folder that the user set stays.

    Args:
        trainer: the run's trainer.
        folder: where the run's events go.
        first_step: what was drawn of it and of later steps before is left out: they are taken again.
    """
    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, TensorBoardCallback) and callback.logging_dir is None:
            callback.logging_dir = str(folder)
            callback._SummaryWriter = partial(callback._SummaryWriter, purge_step=first_step)


class ReleaseMemory(TrainerCallback):
    """Gives free memory back after each update."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Does so."""
        release_memory()


def run_callbacks(config: Any, played: int | None = None) -> list[TrainerCallback]:
    """The callbacks of every run: the metrics file and, where wanted, the limit and the progress bar.

    `played` are the environment steps of a run that plays before it trains; the limit is then kept already.
    """
    path = config.output / "metrics.jsonl"
    # TRL's trainers on made data count tokens from 0 again when they resume.
    metrics = MetricsFile(path) if played is None else MetricsFile(path, played, without=("num_tokens",))
    made: list[TrainerCallback] = [metrics, ReleaseMemory()]
    if played is None and config.env_steps:
        made.append(EnvStepLimit(config.env_steps, config.iterations * config.minibatches))
    if config.progress:
        made.append(ProgressBar())
    return made
