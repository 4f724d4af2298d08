"""An executed corpus (`toolgym planarena build`) as what a run learns from: its tasks, chains, candidates, preferences.

Chains are played again in the run's environment, so that contexts, results and rewards are those that a policy with the
same words would meet there; the environment must have the corpus's tasks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from toolgym import _json
from toolgym.domain import Domain, TaskSet
from toolgym.envs.planarena.corpus.annotating import action_of, actions_of
from toolgym.envs.planarena.corpus.format import part_files, read_manifest, read_rows
from toolgym.errors import ConfigError
from toolgym.messages import Turn
from toolgym.tasks import GoldAction, Task

__all__ = ["Action", "Corpus", "CorpusTasks", "Preference", "Recorded"]

Action = GoldAction | Turn
"""What is done in a step: a corpus's own words for it, or those that somebody said."""
_KEPT = ("label", "messages", "decisions", "steps")


@dataclass(frozen=True, slots=True)
class Preference:
    """What is better than what after the same actions: the task can still be solved after `chosen` alone."""

    before: tuple[Action, ...]
    chosen: Action
    rejected: tuple[Action, ...]


class Recorded(Protocol):
    """What a run learns from in place of what the oracle does: a corpus, or what was explored."""

    ids: list[str]
    """The tasks of which it has an episode that solves them."""

    def tasks(self, all: TaskSet) -> "CorpusTasks":
        """These tasks, of an environment's."""
        ...

    def chain(self, task: Task, domain: Domain) -> Sequence[Action]:
        """The actions of an episode that solves a task."""
        ...

    def trajectories(self, task: Task) -> Sequence[tuple[Action, ...]]:
        """The actions of a task's episodes, those that solve it first."""
        ...

    def candidates(self, task: Task) -> Sequence[tuple[Action, ...]]:
        """Chains to compare, one that solves the task first."""
        ...

    def preferences(self, task: Task) -> Iterator[Preference]:
        """What is better than what after the same actions."""
        ...


class CorpusTasks:
    """The tasks that a corpus (or `what` it is) has an episode of that solves them, found in an environment's as they
    are asked for."""

    def __init__(self, all: TaskSet, ids: Sequence[str], what: str = "corpus"):
        self._all, self._ids, self._what = all, ids, what

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int, /) -> Task:
        return self.by_id(self._ids[index])

    def __iter__(self) -> Iterator[Task]:
        return (self[index] for index in range(len(self)))

    def by_id(self, task_id: str) -> Task:
        """The task of that id.

        Raises:
            ConfigError: the environment has none.
        """
        try:
            return self._all.by_id(task_id)
        except ConfigError as error:
            raise ConfigError(
                f"The {self._what} has the task {task_id!r}, and the environment has not: give the --env, --size and "
                f"--split that the {self._what} is of. {error}"
            ) from error


class Corpus:
    """The rows of a corpus's folder.

    Args:
        folder: the folder.
        split: only rows of this split.

    Raises:
        ConfigError: it is no corpus, one of another version, or has no positive row of the split.
        TrajectoryError: a file is damaged.
    """

    def __init__(self, folder: Path, split: str):
        self.folder = folder
        self._rows: dict[str, list[bytes]] = {}
        positive: dict[str, None] = {}
        for path in part_files(folder, read_manifest(folder)):
            for row in read_rows(path):
                if row["split"] == split:
                    # As bytes: a row's objects would take ten times the memory.
                    kept = {name: row[name] for name in _KEPT}
                    self._rows.setdefault(row["task"], []).append(_json.dumps(kept))
                    if row["label"] == "positive":
                        positive[row["task"]] = None
        self.ids = list(positive)
        if not self.ids:
            raise ConfigError(f"{folder} has no positive row of the split {split!r} (--split)")

    def tasks(self, all: TaskSet) -> CorpusTasks:
        """The tasks with a positive row, of an environment's."""
        return CorpusTasks(all, self.ids)

    def chain(self, task: Task, domain: Domain) -> Sequence[GoldAction]:
        """The actions of a task's positive row."""
        return actions_of(next(row for row in self._of(task) if row["label"] == "positive")["messages"])

    def trajectories(self, task: Task) -> list[tuple[GoldAction, ...]]:
        """The actions of a task's rows, the positive ones first."""
        rows = sorted(self._of(task), key=lambda row: row["label"] != "positive")
        return [tuple(actions_of(row["messages"])) for row in rows]

    def candidates(self, task: Task) -> list[tuple[GoldAction, ...]]:
        """Chains to compare: the positive ones, the negative ones, then the positive ones with one action replaced by
        each of its alternatives (and no later action where that ends the episode)."""
        out = self.trajectories(task)
        for row in self._of(task):
            actions = tuple(actions_of(row["messages"]))
            for decision in row["decisions"] if row["label"] == "positive" else ():
                at = decision["turn"]
                for made in decision["alternatives"]:
                    action = _action(made)
                    out.append((*actions[:at], action, *(actions[at + 1 :] if action.calls else ())))
        return list({repr(chain): chain for chain in out}.values())

    def preferences(self, task: Task) -> Iterator[Preference]:
        """What is better than what at the decision points of a task's rows where it can still be solved.

        The row's own action is preferred to each alternative after which the task is lost; where it is the row's own
        action that loses it, an alternative that makes the gold chain's next calls is preferred to that.
        """
        for row in self._of(task):
            actions = actions_of(row["messages"])
            after = {step["turn"]: step["solvable"] for step in row["steps"]}
            for decision in row["decisions"]:
                at, tried = decision["turn"], decision["alternatives"]
                if not decision["solvable"]:
                    continue
                before = tuple(actions[:at])
                right = [_action(made) for made in tried if made["role"] == "needed" and made["solvable"]]
                if after[at]:
                    lost = tuple(_action(made) for made in tried if not made["solvable"])
                    if lost:
                        yield Preference(before, actions[at], lost)
                elif right:
                    yield Preference(before, right[0], (actions[at],))

    def _of(self, task: Task) -> list[dict[str, Any]]:
        return [_json.loads(row) for row in self._rows[task.id]]


def _action(made: dict[str, Any]) -> GoldAction:
    return action_of(made["plan"], made["calls"], made["response"])
