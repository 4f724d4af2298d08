"""How the offline learners play what they train on: options, progress that a stop does not lose, one file of it all."""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from accelerate import PartialState
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from toolgym._files import append_line, cut_torn_line, write_whole
from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.training.budget import StepBudget
from toolgym.agents.training.run_folder import read_number
from toolgym.agents.training.sizing import settled
from toolgym.agents.training.tuning import ExploreOptions
from toolgym.errors import ConfigError

__all__ = [
    "PLAYED",
    "STEPS",
    "Progress",
    "explored",
    "make_policy",
    "once",
]


PLAYED = "played.jsonl"
"""The file of a run's folder that keeps what was played, until all is."""
STEPS = "env_steps.json"
"""The one that keeps how many environment steps that took."""


def make_policy(config: ExploreOptions, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> LMPolicy:
    """The policy that explores."""
    config = settled(config)
    policy = LMPolicy(model, tokenizer, config.sampling, seed=config.seed, server=config.server(config.output))
    policy.use(model)
    return policy


class Progress:
    """What a run has played so far, in a file: a line a part of its tasks, so that a stop loses the part it came in.

    Args:
        path: the file; a torn last line is cut off. None: nothing is kept.
    """

    def __init__(self, path: Path | None = None):
        self.path = path
        self.parts: list[list[dict[str, Any]]] = []
        if path is not None and path.is_file():
            self.parts = list(_lines(path))
            cut_torn_line(path)

    def add(self, records: list[dict[str, Any]]) -> None:
        """Keeps the records of a part's tasks."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            append_line(self.path, json.dumps(records))


def explored(
    config: ExploreOptions,
    tasks: Sequence[int],
    budget: StepBudget,
    progress: Progress,
    play: Callable[[int, Sequence[int]], list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """What playing each of the tasks gave, in their order, until the budget is spent.

    Args:
        config: the run; a part of its tasks is enough for `concurrency` episodes, or for four times as many where
            nothing limits the run, so that few wait for the longest one.
        tasks: the tasks.
        budget: counts the steps, those of what was kept too.
        progress: what was played already; the rest is kept in it.
        play: plays a part of the tasks, and gives a record of each, as JSON values: `played`, its environment steps,
            and what is to be kept. It gets the part's place among the tasks, to seed by, and the part.
    """
    size = math.ceil(cast(int, settled(config).concurrency) / config.samples) * (1 if budget.limit else 4)
    out: list[dict[str, Any]] = []

    def take(records: list[dict[str, Any]]) -> None:
        for record in records:
            if not budget.spent:
                budget.played += record["played"]
                out.append(record)

    for records in progress.parts:
        take(records)
    done = sum(map(len, progress.parts))
    while done < len(tasks) and not budget.spent:
        part = tasks[done : done + size]
        records = play(done, part)
        progress.add(records)
        take(records)
        done += len(part)
    return out


def once(
    path: Path, resume: bool, make: Callable[[], list[dict[str, Any]]], budget: StepBudget | None = None
) -> list[dict[str, Any]]:
    """What `make` returns, kept in a JSON Lines file: a resumed run reads what the interrupted one had made.

    So is, in a file beside it, how many steps it has counted in the budget. Of several processes the first one makes
    it, and the others wait for the file.
    """
    state, steps = PartialState(), path.with_name(STEPS)
    if state.is_main_process and not (resume and path.is_file()):
        path.unlink(missing_ok=True)
    state.wait_for_everyone()  # what is there from here on is of this run
    if state.is_main_process and not path.is_file():
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        if budget is not None:
            write_whole(steps, json.dumps({"env_steps": budget.played}) + "\n")
        write_whole(path, (json.dumps(item) + "\n" for item in made))
        path.with_name(PLAYED).unlink(missing_ok=True)
    while not path.is_file():  # playing may take longer than processes wait for each other
        time.sleep(0.2)
    if budget is not None and steps.is_file():
        budget.played = int(read_number(steps, "env_steps"))
    return list(_lines(path))


def _lines(path: Path) -> Iterator[Any]:
    """The values of a JSON Lines file of a run, without a torn last line.

    Raises:
        ConfigError: a line is no JSON.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                if line.endswith(b"\n"):
                    yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{path}, line {number}: no JSON ({error})") from error
