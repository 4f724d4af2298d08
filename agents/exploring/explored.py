"""An explored folder as what a run learns from: the same as of an executed corpus (`toolgym.agents.rollouts.corpus`).

Its episodes are said again in the run's environment, in the words that were sampled, so that any model can learn from
any other's. A model's own words may come out as other tokens than it sampled, where its tokenizer has several ways to
write a text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolgym import _json
from toolgym.agents.exploring.folder import PAIRS, TRAJECTORIES, VALUES, lines_of, read_manifest
from toolgym.agents.rollouts.corpus import Action, CorpusTasks, Preference
from toolgym.domain import Domain, TaskSet
from toolgym.errors import ConfigError
from toolgym.messages import CutMessage, parse
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory, iterate_trajectories

__all__ = ["Explored", "Valued"]


@dataclass(frozen=True, slots=True)
class Valued:
    """A state, and how good it is: what a critic learns."""

    task: str
    prompt: str
    """The opening."""
    steps: tuple[tuple[str, str], ...]
    """What was said and answered since."""
    visits: int
    """How many sampled episodes came by."""
    value: float
    """The share of them that solved the task."""


class Explored:
    """What was explored, of a folder.

    Args:
        folder: the folder (`toolgym explore`).
        split: the split that it is expected to be of.

    Raises:
        ConfigError: it is none, of another split, damaged, or no task of it was solved.
        TrajectoryError: its file of episodes is damaged.
    """

    def __init__(self, folder: Path, split: str):
        self.folder = folder
        explored = read_manifest(folder)["split"]
        if explored != split:
            raise ConfigError(f"{folder} was explored on the split {explored!r}, not on {split!r} (--split)")
        self._done = {record["task"] for record in lines_of(folder / "progress.jsonl")}
        self._episodes: dict[str, list[bytes]] = {}
        solved: dict[str, None] = {}
        for _, one in iterate_trajectories(folder / TRAJECTORIES):
            if one.task_id in self._done and _sayable(one):
                kept = {"solved": one.outcome == "solved", "texts": [step.turn.text for step in one.steps]}
                # As bytes: objects would take ten times the memory.
                self._episodes.setdefault(one.task_id, []).append(_json.dumps(kept))
                if kept["solved"]:
                    solved[one.task_id] = None
        self.ids = list(solved)
        """The tasks that an episode solved."""
        self._pairs: dict[str, list[bytes]] = {}
        for line in lines_of(folder / PAIRS):
            self._pairs.setdefault(line["task"], []).append(_json.dumps(line))
        if not self.ids:
            raise ConfigError(f"{folder} has no task that an episode solved: explore more of them, or search harder")

    def tasks(self, all: TaskSet) -> CorpusTasks:
        """The tasks that were solved, of an environment's."""
        return CorpusTasks(all, self.ids, "exploration")

    def chain(self, task: Task, domain: Domain) -> Sequence[Action]:
        """The turns of the first episode that solved a task."""
        return self.trajectories(task)[0]

    def trajectories(self, task: Task) -> Sequence[tuple[Action, ...]]:
        """The turns of a task's episodes, the solved ones first."""
        episodes = sorted(map(_json.loads, self._episodes[task.id]), key=lambda one: not one["solved"])
        return [tuple(map(parse, one["texts"])) for one in episodes]

    def candidates(self, task: Task) -> Sequence[tuple[Action, ...]]:
        """Chains to compare: a task's episodes, the solved ones first."""
        return self.trajectories(task)

    def preferences(self, task: Task) -> Iterator[Preference]:
        """A task's step pairs, those of one state together."""
        states: dict[int, list[dict[str, Any]]] = {}
        for line in map(_json.loads, self._pairs.get(task.id, ())):
            states.setdefault(line["state"], []).append(line)
        for lines in states.values():
            before, chosen = map(parse, lines[0]["before"]), parse(lines[0]["chosen"])
            yield Preference(tuple(before), chosen, tuple(parse(line["rejected"]) for line in lines))

    def values(self) -> Iterator[Valued]:
        """Every state, task after task."""
        task, prompt = "", ""
        said: dict[int, tuple[tuple[str, str], ...]] = {}
        for line in lines_of(self.folder / VALUES):
            if line["parent"] is None:
                task, prompt = line["task"], line["observation"]
                said.clear()
                said[line["state"]] = ()
            else:
                said[line["state"]] = (*said[line["parent"]], (line["action"], line["observation"]))
            if task in self._done:
                yield Valued(task, prompt, said[line["state"]], line["visits"], line["value"])


def _sayable(episode: Trajectory) -> bool:
    """Whether an episode can be said again: all of its turns were written to their end."""
    return bool(episode.steps) and not any(isinstance(step.turn.text, CutMessage) for step in episode.steps)
