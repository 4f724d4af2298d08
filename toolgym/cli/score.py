"""`toolgym score`: rewards of texts, or of recorded episodes, without running an environment."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.progress import track
from rich.table import Table

from toolgym.cli.common import JsonFlag, out, print_json, progress_console, read_jsonl
from toolgym.errors import ConfigError
from toolgym.options import parse_settings

if TYPE_CHECKING:
    from toolgym.rewards.base import Reward
    from toolgym.tasks import Task
    from toolgym.trajectory import Trajectory


def score(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON Lines: a completion and its gold a line (- reads them from stdin); or a trajectory file."
        ),
    ],
    reward: Annotated[
        list[str] | None,
        typer.Option(
            "--reward",
            "-r",
            help="A preset, or FILE.py:NAME for episodes; there it may be repeated. Default: toolrl for texts, every "
            "preset for episodes.",
            show_default=False,
        ),
    ] = None,
    env: Annotated[
        str | None, typer.Option("--env", "-e", help="The episodes' environment, where not the one that they name.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
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
      toolgym eval --agent builtin:imperfect --episodes 20 --k 8 --output runs/eval.jsonl
      toolgym score runs/eval.jsonl --set size=small
      toolgym score runs/eval.jsonl --set size=small -r default -r my_reward.py:brief
    """
    options = parse_settings(settings)
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
        return False
    with file.open("rb") as lines:
        try:
            first = orjson.loads(lines.readline().removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError:
            return False
    return isinstance(first, dict) and first.get("type") == "header"


# Texts -----------------------------------------------------------------------------------------------------------


def _score_texts(file: Path, preset: str, options: dict[str, Any], json: bool) -> None:
    from toolgym.rewards import score as score_text

    scores: list[dict[str, Any]] = []
    for number, line in read_jsonl(file):
        missing = [name for name in ("completion", "gold") if name not in line]
        if missing:
            raise ConfigError(f"{file}, line {number}: no {' and no '.join(map(repr, missing))}; each line needs both.")
        scores.append(score_text(preset, line["completion"], line["gold"], **options))
    if json:
        print_json([{name: _known(value) for name, value in entry.items()} for entry in scores])
        return
    names = list(dict.fromkeys(name for entry in scores for name in entry))
    unscored = sum(math.isnan(entry["total"]) for entry in scores)
    without = f", {unscored} without a score" if unscored else ""
    table = Table(title=f"{preset}: {len(scores)} completions{without}", title_justify="left")
    for column in ("component", "mean", "lowest", "highest"):
        table.add_column(column, justify="left" if column == "component" else "right")
    for name in names:
        values = [entry[name] for entry in scores if name in entry and not math.isnan(entry[name])]
        figures = (sum(values) / len(values), min(values), max(values)) if values else None
        table.add_row(name, *(f"{value:.4f}" for value in figures) if figures else ("-",) * 3)
    out.print(table)


# Episodes --------------------------------------------------------------------------------------------------------


def _score_episodes(file: Path, names: Sequence[str], env: str | None, options: dict[str, Any], json: bool) -> None:
    from toolgym.rewards import preset_names
    from toolgym.rewards.rescoring import rescore, separation
    from toolgym.trajectory import read_trajectories

    recorded = read_trajectories(file)
    episodes = [trajectory for trajectory in recorded if trajectory.outcome not in (None, "infra_error")]
    if not episodes:
        raise ConfigError(f"{file} holds no episode that came to an end.")
    tasks, rewards = _tasks_and_rewards(episodes, names or preset_names(), env, options)
    solved = [trajectory.outcome == "solved" for trajectory in episodes]
    # A task that a run met again is another group there: `train --record` writes the step.
    groups = [f"{task.id} {trajectory.meta.get('step', '')}" for trajectory, task in zip(episodes, tasks, strict=True)]
    returns: dict[str, list[float]] = {name: [] for name in rewards}
    played = list(zip(episodes, tasks, strict=True))
    for trajectory, task in _bar(played):
        for name, reward in rewards.items():
            returns[name].append(sum(rescore(trajectory, task, reward)))
    apart = {name: separation(groups, values, solved) for name, values in returns.items()}
    if json:
        print_json(
            {
                "rewards": {name: asdict(found) | _means(returns[name], solved) for name, found in apart.items()},
                "episodes": [
                    {
                        "task": trajectory.task_id,
                        "outcome": trajectory.outcome,
                        "returns": {name: _known(values[i]) for name, values in returns.items()},
                    }
                    for i, trajectory in enumerate(episodes)
                ],
                "left_out": len(recorded) - len(episodes),
            }
        )
        return
    left_out = len(recorded) - len(episodes)
    pairs = max(found.pairs for found in apart.values())
    unscored = ", ".join(f"{found.unscored} by {name}" for name, found in apart.items() if found.unscored)
    table = Table(
        title=f"{file.name}: {len(episodes)} episodes of {len({task.id for task in tasks})} tasks, {sum(solved)} solved"
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


def _bar(played: list[Any]) -> Iterable[Any]:
    quiet = not progress_console.is_terminal
    return track(played, "Scoring", console=progress_console, transient=True, disable=quiet)


def _tasks_and_rewards(
    episodes: Sequence["Trajectory"], names: Sequence[str], env: str | None, options: dict[str, Any]
) -> tuple[list["Task"], dict[str, "Reward"]]:
    """The task of each episode, and the rewards by name."""
    from toolgym.opening import open_env

    if "split" in options or "reward" in options:
        raise ConfigError("Each episode says its split, and rewards are named by --reward: neither goes with --set.")
    ids = {env} if env else {trajectory.env_id for trajectory in episodes}
    if len(ids) > 1:
        raise ConfigError(f"The episodes are of several environments ({', '.join(sorted(ids))}): score a file of one.")
    env_id, opened, tasks = ids.pop(), {}, []
    try:
        for trajectory in episodes:
            split = trajectory.meta.get("split", "train")
            if split not in opened:
                opened[split] = open_env(env_id, **options, split=split, reward=names[0])
            tasks.append(_task_of(trajectory, opened[split].tasks))
        chosen = next(iter(opened.values())).options
        return tasks, {name: replace(chosen, reward=name).make_reward() for name in names}
    finally:
        for each in opened.values():
            each.close()


def _task_of(trajectory: "Trajectory", tasks: Any) -> "Task":
    hint = "Were they played with other options? Give the same ones with --set, such as --set size=small."
    try:
        task = tasks.by_id(trajectory.task_id)
    except ConfigError as error:
        raise ConfigError(f"{error} {hint}") from error
    # The same id in another world is another task: scoring against its gold would be wrong without a word.
    if not any(text and text in trajectory.prompt for text in (task.request, task.user.opening)):
        raise ConfigError(f"Task {task.id!r} asks for something else than the recorded episode does. {hint}")
    return task


def _means(returns: Sequence[float], solved: Sequence[bool]) -> dict[str, float | None]:
    scored = [(value, right) for value, right in zip(returns, solved, strict=True) if _known(value) is not None]
    parts = {
        "mean": [value for value, _ in scored],
        "mean_solved": [value for value, right in scored if right],
        "mean_unsolved": [value for value, right in scored if not right],
    }
    return {name: statistics.fmean(values) if values else None for name, values in parts.items()}


def _known(value: float) -> float | None:
    """A score; None where there is none."""
    return None if math.isnan(value) else value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
