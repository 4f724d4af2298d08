"""`toolgym score`: rewards of texts, or of recorded episodes, without running an environment."""

import math
import statistics
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from toolgym import _strict_json
from toolgym.cli.common import (
    EPISODES,
    EnvArgument,
    JsonFlag,
    either,
    episodes_of,
    is_corpus,
    one_file,
    out,
    panel,
    parse_settings,
    print_json,
    print_json_list,
    progress_console,
    read_jsonl,
)
from toolgym.cli.explained import task_of
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from toolgym.env import ToolEnv
    from toolgym.rewards.base import Reward
    from toolgym.rewards.rescoring import Separation
    from toolgym.tasks import Task
    from toolgym.trajectory import Trajectory

_episodes, _rewards = panel(EPISODES), panel("Which rewards")

_LONGEST_HEADER = 10_000
"""Bytes of a trajectory file's first line, which is short."""


def score(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON Lines: a completion and its gold a line (- reads them from stdin); or a trajectory file, or a "
            "corpus's folder."
        ),
    ],
    reward: Annotated[
        list[str] | None,
        _rewards(
            "--reward",
            "-r",
            metavar="NAME",
            help="A preset, or FILE.py:NAME for episodes; there it may be repeated. Default: toolrl for texts, every "
            "preset for episodes.",
            show_default=False,
        ),
    ] = None,
    named: EnvArgument = None,
    env: Annotated[
        str | None,
        _episodes("--env", "-e", metavar="ENV", help="The episodes' environment, where not the one that they name."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        _episodes(
            "--set",
            metavar="NAME=VALUE",
            help="An option of the preset, or for episodes of the environment in which they were played; may be "
            "repeated.",
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Scores completions against gold, line by line; or recorded episodes under rewards, side by side.

    A line of text is {"completion": text, "gold": text or calls}.

    Episodes (of `eval --output` or `train --record`) are not played again. The table shows what each reward would have
    paid and, for pairs of a solved and another episode of one task, how often the solved one earns more, the same or
    less; "flat" is the share of tasks whose episodes all earn the same, from which GRPO learns nothing.

    \b
    Examples:
      toolgym score answers.jsonl --reward toolrl
      toolgym score answers.jsonl --reward awpo --json > scores.json
      toolgym eval --agent builtin:imperfect --k 8 --output runs/eval.jsonl
      toolgym score runs/eval.jsonl --set size=small
      toolgym score runs/eval.jsonl --reward default --reward my_reward.py:brief
    """
    options = parse_settings(settings)
    one_file("score", named)
    env = either(named, env, "env")
    if _is_trajectories(file):
        _score_episodes(file, reward or [], env, options, json)
    elif env is not None:
        raise ConfigError(f"--env is for recorded episodes; {file} is no trajectory file.")
    elif len(reward or []) > 1:
        raise ConfigError(f"Texts are scored under one --reward at a time, not {', '.join(reward or [])}.")
    else:
        _score_texts(file, (reward or ["toolrl"])[0], options, json)


def _is_trajectories(file: Path) -> bool:
    if not file.is_file():
        return is_corpus(file)
    try:
        with file.open("rb") as lines:
            _, line = next(_strict_json.numbered([lines.readline(_LONGEST_HEADER)]))
            first = _strict_json.loads(line)
    except OSError as error:
        raise ConfigError(f"Cannot read {file}: {error.strerror or error}.") from error
    except _strict_json.JsonError:
        return False
    return isinstance(first, dict) and first.get("type") == "header"


# Texts -----------------------------------------------------------------------------------------------------------


def _score_texts(file: Path, preset: str, options: dict[str, Any], json: bool) -> None:
    scores = _text_scores(file, preset, options)
    if json:
        print_json_list(scores)
        return
    figures: dict[str, array[float]] = {}
    count = 0
    for entry in scores:
        count += 1
        for name, value in entry.items():
            figures.setdefault(name, array("d")).append(value)
    unscored = sum(map(math.isnan, figures.get("total", ())))
    without = f", {unscored} without a score" if unscored else ""
    table = Table(title=f"{preset}: {count} completions{without}", title_justify="left")
    for column in ("component", "mean", "lowest", "highest"):
        table.add_column(column, justify="left" if column == "component" else "right")
    for name, found in figures.items():
        values = [value for value in found if not math.isnan(value)]
        shown = (sum(values) / len(values), min(values), max(values)) if values else None
        table.add_row(name, *(f"{value:.4f}" for value in shown) if shown else ("-",) * 3)
    out.print(table)


def _text_scores(file: Path, preset: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from toolgym.rewards import as_trl
    from toolgym.rewards import score as score_text

    as_trl(preset, **options)  # refuses a preset or an option that does not exist: no line is at fault then
    for number, line in read_jsonl(file):
        missing = [name for name in ("completion", "gold") if name not in line]
        if missing:
            raise ConfigError(f"{file}, line {number}: no {' and no '.join(map(repr, missing))}; each line needs both.")
        try:
            yield score_text(preset, line["completion"], line["gold"], **options)
        except ConfigError as error:
            raise ConfigError(f"{file}, line {number}: {error}") from error


# Episodes --------------------------------------------------------------------------------------------------------


def _score_episodes(file: Path, names: Sequence[str], env: str | None, options: dict[str, Any], json: bool) -> None:
    from toolgym.rewards import preset_names
    from toolgym.rewards.rescoring import separation

    scored, left_out = _scored(file, names or preset_names(), env, options)
    if not scored:
        raise ConfigError(f"{file} holds no episode that came to an end.")
    solved = [episode.outcome == "solved" for episode in scored]
    groups = [episode.group for episode in scored]
    rewards = list(scored[0].returns)
    returns = {name: [episode.returns[name] for episode in scored] for name in rewards}
    apart = {name: separation(groups, values, solved) for name, values in returns.items()}
    if json:
        print_json(
            {
                "rewards": {name: asdict(found) | _means(returns[name], solved) for name, found in apart.items()},
                "episodes": [
                    {"task": episode.task, "outcome": episode.outcome, "returns": episode.returns} for episode in scored
                ],
                "left_out": left_out,
            }
        )
        return
    pairs, tasks = max(found.pairs for found in apart.values()), len({episode.task for episode in scored})
    unscored = ", ".join(f"{found.unscored} by {name}" for name, found in apart.items() if found.unscored)
    table = Table(
        title=escape(f"{file.name}: {len(scored)} episodes of {tasks} tasks, {sum(solved)} solved")
        + (f"; {left_out} unfinished or lost" if left_out else ""),
        caption=f"{pairs} pairs of a solved and another episode of one task: how often the solved one earns more, the "
        "same, less" + (f". Without a score: {unscored}" if unscored else ""),
        title_justify="left",
        caption_justify="left",
    )
    for column in ("reward", "mean", "solved", "others", "more", "same", "less", "flat"):
        left = column == "reward"
        table.add_column(column, justify="left" if left else "right", overflow="fold" if left else "ellipsis")
    for name, found in apart.items():
        means = [_number(value) for value in _means(returns[name], solved).values()]
        shares = [_percent(share) for share in (found.more, found.same, found.less, found.flat)]
        table.add_row(name, *means, *shares)
    out.print(table)
    for line in _about(apart.values(), solved):
        out.print(line, highlight=False)


def _about(apart: "Iterable[Separation]", solved: Sequence[bool]) -> Iterator[str]:
    """What "flat" is, and why there are dashes: with episodes of one kind nothing can be compared."""
    found = list(apart)
    yield "flat: the share of tasks whose episodes all earn the same, from which GRPO learns nothing."
    dashes = "- in more, same and less: "
    if not any(solved):
        yield f"{dashes}no episode is solved, and there is none to compare the others with."
    elif all(solved):
        yield f"{dashes}every episode is solved, and there is no other to compare them with."
    elif not any(each.pairs for each in found):
        yield f"{dashes}no task has both a solved and another episode; play each several times (eval --k 8)."
    if not any(each.groups for each in found):
        yield "- in flat: no task has several episodes; play each several times (eval --k 8)."


@dataclass(frozen=True, slots=True, order=True)
class _Scored:
    """What is kept of an episode."""

    number: int
    """In the order in which the file's episodes began."""
    task: str = field(compare=False)
    group: str = field(compare=False)
    outcome: str = field(compare=False)
    returns: dict[str, float] = field(compare=False)


def _scored(file: Path, names: Sequence[str], env: str | None, options: dict[str, Any]) -> tuple[list[_Scored], int]:
    """The episodes that came to an end, each under every reward, and how many others there are. One at a time."""
    from toolgym.rewards.rescoring import rescore

    if "split" in options or "reward" in options:
        raise ConfigError("Each episode says its split, and rewards are named by --reward: neither goes with --set.")
    out: list[_Scored] = []
    left_out = 0
    with _Environments(file, names, env, options) as environments:
        for number, trajectory in _bar(episodes_of(file), environments.episodes):
            if trajectory.outcome in (None, "infra_error"):
                left_out += 1
                continue
            task = environments.task(trajectory)
            returns = {name: sum(rescore(trajectory, task, reward)) for name, reward in environments.rewards.items()}
            # A task that a run met again is another group there: `train --record` writes the step.
            group = f"{task.id} {trajectory.meta.get('step', '')}"
            out.append(_Scored(number, trajectory.task_id, group, str(trajectory.outcome), returns))
    return sorted(out), left_out


def _bar(played: Iterable[Any], total: int) -> Iterable[Any]:
    quiet = not progress_console.is_terminal
    return track(played, "Scoring", total, console=progress_console, transient=True, disable=quiet)


class _Environments:
    """The environments that a file's episodes name, a split each: for their tasks and rewards, not to be played.

    Raises:
        ConfigError: the episodes are of several, or of one that a module is to be imported for.
    """

    def __init__(self, file: Path, names: Sequence[str], env: str | None, options: dict[str, Any]):
        from toolgym.opening import bring_env

        self.rewards: dict[str, Reward] = {}
        """By name; once there is an episode."""
        self.episodes = 0
        """How many the file has."""
        self._names, self._options = names, options
        self._opened: dict[str, ToolEnv] = {}
        ids: set[str] = set()
        for _, trajectory in episodes_of(file):
            self.episodes += 1
            if trajectory.outcome not in (None, "infra_error"):
                ids.add(trajectory.env_id)
        if env is not None:
            bring_env(env)
            ids = {env}
        if len(ids) > 1:
            raise ConfigError(
                f"The episodes are of several environments ({', '.join(sorted(ids))}): score a file of one."
            )
        self._id = next(iter(ids), "")
        if env is None and ":" in self._id:
            # `gymnasium.make` would import what stands before the colon: a file of episodes may not say what is run.
            raise ConfigError(
                f"{file} names the environment {self._id!r}, with a module to import: if you trust it, say so by "
                f"--env {self._id}"
            )

    def __enter__(self) -> "_Environments":
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._opened.values():
            each.close()

    def task(self, trajectory: "Trajectory") -> "Task":
        """The task that an episode was about.

        Raises:
            ConfigError: it cannot be told.
        """
        from toolgym.opening import open_env

        split = trajectory.meta.get("split", "train")
        if not isinstance(split, str):
            raise ConfigError(f"An episode of task {trajectory.task_id!r} names the split {split!r:.50}, which is none")
        if split not in self._opened:
            self._opened[split] = open_env(self._id, **self._options, split=split, reward=self._names[0])
        chosen = self._opened[split].options
        self.rewards = self.rewards or {name: replace(chosen, reward=name).make_reward() for name in self._names}
        return task_of(trajectory, self._opened[split].tasks)


def _means(returns: Sequence[float], solved: Sequence[bool]) -> dict[str, float | None]:
    scored = [(value, right) for value, right in zip(returns, solved, strict=True) if not math.isnan(value)]
    parts = {
        "mean": [value for value, _ in scored],
        "mean_solved": [value for value, right in scored if right],
        "mean_unsolved": [value for value, right in scored if not right],
    }
    return {name: statistics.fmean(values) if values else None for name, values in parts.items()}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
