"""`toolgym show`: recorded episodes, readable."""

import heapq
import math
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from toolgym.cli.common import (
    EPISODES,
    OUTPUT,
    EnvArgument,
    JsonFlag,
    Settings,
    either,
    episodes_of,
    is_corpus,
    one_file,
    out,
    panel,
    parse_settings,
    print_json_list,
)
from toolgym.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from toolgym.trajectory import Trajectory

_which, _output = panel(EPISODES), panel(OUTPUT)

_OUTCOMES = ("solved", "unsolved", "policy_error", "tool_error", "infra_error", "truncated")
"""`toolgym.trajectory.Outcome`."""


def show(
    file: Annotated[
        Path, typer.Argument(help="A trajectory file (`eval --output`, `train --record`), or a corpus's folder.")
    ],
    episode: Annotated[
        int | None,
        _which("--episode", "-n", metavar="N", help="Show this episode step by step (0 is the first, -1 the last)."),
    ] = None,
    outcome: Annotated[
        str | None,
        _which(
            metavar="NAME", help=f"Only episodes that ended so, which are then numbered anew: {', '.join(_OUTCOMES)}."
        ),
    ] = None,
    named: EnvArgument = None,
    env: Annotated[
        str | None,
        _which("--env", "-e", metavar="ENV", help="The episode's environment, where not the one that it names."),
    ] = None,
    settings: Settings = None,
    full: Annotated[bool, _output("--full", help="With the policy and the tools, and no text shortened.")] = False,
    json: JsonFlag = False,
) -> None:
    """Lists the episodes of a trajectory file, or shows one: every step with its rewards, and why it is not solved.

    For why, the environment of the episode is made once more: give --set the options that it was played with.

    \b
    Examples:
      toolgym eval --agent oracle --episodes 5 --output runs/oracle.jsonl
      toolgym show runs/oracle.jsonl
      toolgym show runs/oracle.jsonl --episode 3
      toolgym show runs/oracle.jsonl --outcome unsolved -n 0 --set size=small
      toolgym show runs/oracle.jsonl --outcome truncated --json
    """
    from toolgym.cli.explained import say_why
    from toolgym.rendering import print_trajectory
    from toolgym.tasks.linting import visible
    from toolgym.trajectory import trajectory_to_json

    if outcome is not None and outcome not in _OUTCOMES:
        raise ConfigError(did_you_mean(outcome, _OUTCOMES, "outcome"))
    options = parse_settings(settings)
    one_file("show", named)
    env = either(named, env, "env")
    if episode is None or json:
        for word, given in (("ENV", env), ("--set", settings), ("--full", full)):
            if given:
                raise ConfigError(f"{word} is of an episode that is shown step by step: give --episode, and not --json")
    if not (file.is_file() or is_corpus(file)):
        inside = file / "results.jsonl"
        if inside.is_file():
            raise ConfigError(f"{file} is the folder of a run: toolgym show {shlex.quote(str(inside))}")
        if file.is_dir():
            raise ConfigError(f"{file} is a folder; what is shown is a file of episodes, or the folder of a corpus")
        raise ConfigError(f"There is no file {file}. `toolgym eval --output {file}` would write one.")
    # A file may be far larger than memory: one episode at a time.
    chosen = None if episode is None else _chosen(file, outcome, episode)
    if json:
        shown = _in_order(file, outcome) if chosen is None else [chosen]
        print_json_list(trajectory_to_json(trajectory) for trajectory in shown)
        return
    if chosen is not None:
        print_trajectory(chosen, full=full, policy="--full shows them", console=out)
        say_why(chosen, env, options, out, full=full)
        return
    rows = sorted(_row(*each) for each in _episodes(file, outcome))
    table = Table(title=escape(visible(f"{file.name}: {len(rows)} episodes")), title_justify="left")
    trained = any(row[1] is not None for row in rows)
    # Of a part of the file: the number that `--episode` takes beside `--outcome`, and the one that it takes alone.
    whole = ["of all"] if outcome is not None else []
    for column in ("episode", *whole, *(["step"] if trained else []), "task", "outcome", "turns", "calls", "reward"):
        # An id that is cut off names another task as well, so it goes on in the next line.
        table.add_column(column, justify="left" if column in ("task", "outcome") else "right", overflow="fold")
    for place, (number, step, *rest) in enumerate(rows):
        numbers = [str(place), str(number)] if whole else [str(number)]
        cells = [str("" if step is None else step)] if trained else []
        table.add_row(*numbers, *cells, *(escape(visible(str(cell))) for cell in rest))
    out.print(table)
    named = shlex.quote(str(file))
    hint = ""
    if rows:
        only = f" --outcome {outcome}" if outcome is not None else ""
        hint = f"One of them, step by step: toolgym show {named}{only} --episode 0"
    elif outcome is not None:
        hint = f"No episode ended as {outcome}: `toolgym show {named}` lists all."
    if hint:
        out.print(hint, soft_wrap=True, markup=False)


def _episodes(file: Path, outcome: str | None) -> Iterator[tuple[int, "Trajectory"]]:
    return (each for each in episodes_of(file) if outcome is None or each[1].outcome == outcome)


def _chosen(file: Path, outcome: str | None, episode: int) -> "Trajectory":
    """The one of that number among those of that outcome."""
    numbers = sorted(number for number, _ in _episodes(file, outcome))
    if not -len(numbers) <= episode < len(numbers):
        raise ConfigError(f"{file} holds {len(numbers)} such episodes; there is no number {episode}.")
    return next(trajectory for number, trajectory in _episodes(file, outcome) if number == numbers[episode])


def _in_order(file: Path, outcome: str | None) -> Iterator["Trajectory"]:
    """The episodes in the order in which they began: one that ends before an earlier one is held back."""
    early: list[tuple[int, Trajectory]] = []
    after = 0
    for each in _episodes(file, None):
        heapq.heappush(early, each)
        while early and early[0][0] == after:
            trajectory, after = heapq.heappop(early)[1], after + 1
            if outcome is None or trajectory.outcome == outcome:
                yield trajectory


def _row(number: int, trajectory: "Trajectory") -> tuple[Any, ...]:
    total = sum(step.reward for step in trajectory.steps)
    reward = "-" if math.isnan(total) else f"{total:.3f}"
    outcome = trajectory.outcome or "unfinished"
    why = f" ({trajectory.truncation})" if trajectory.truncation else ""
    turns, calls, step = len(trajectory.steps), len(trajectory.calls), trajectory.meta.get("step")
    return number, step, trajectory.task_id, outcome + why, turns, calls, reward
