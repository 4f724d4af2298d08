"""A run where it reports to: one, by one name, however often it is resumed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from toolgym._files import write_whole
from toolgym.agents.training.run_folder import RUN_NAME

__all__ = ["one_run"]

PROJECT = "toolgym"
_THEIRS = "huggingface"
"""The project of transformers' runs, where none is given."""


@contextmanager
def one_run(trainer: Any, output: Path) -> Iterator[None]:
    """While a run trains, Trackio and Weights & Biases know it by the name that its folder keeps.

    Its project is `toolgym`, and the files of Weights & Biases go into its folder. What the user set, in the trainer's
    arguments or in the environment, stays.
    """
    args = trainer.args
    if not args.report_to:
        yield
        return
    args.run_name = args.run_name or _name(output, write=args.process_index == 0)
    if args.project == _THEIRS:
        args.project = PROJECT
    wanted = {
        "WANDB_PROJECT": args.project,
        "WANDB_RUN_ID": args.run_name,
        "WANDB_RESUME": "allow",
        "WANDB_DIR": str(output),
    }
    own = {name: value for name, value in wanted.items() if name not in os.environ}
    began = _wandb_run() is None
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            os.environ.pop(name, None)
        if began and (run := _wandb_run()) is not None:
            run.finish()
            sys.modules["wandb"].teardown()  # the next run of this process is another one, and reads the variables anew


def _name(output: Path, write: bool) -> str:
    """The name in the run's folder, made where there is none."""
    file = output / RUN_NAME
    if file.is_file() and (name := file.read_text(encoding="utf-8").strip()):
        return name
    name = f"{output.resolve().name}-{uuid4().hex[:6]}"
    if write:
        write_whole(file, name + "\n")
    return name


def _wandb_run() -> Any:
    """The run that is going on in this process, where Weights & Biases was imported."""
    return getattr(sys.modules.get("wandb"), "run", None)
