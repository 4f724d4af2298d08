"""`ToolGym/TauAirline-v0` and `TauRetail-v0`: tau-bench's public tasks in its public worlds.

    gymnasium.make("ToolGym/TauRetail-v0", data=DIR, split="test", user="llm:MODEL")

The reward is the published one: 1 where the final database is that of the gold chain and every output was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolgym.custom import TaskList
from toolgym.domain import Split
from toolgym.env_maker import GENERATED, EnvMaker, field_names
from toolgym.envs.tau.data import TauBenchmark, load
from toolgym.envs.tau2.making import prepared
from toolgym.envs.tau2.rewards import failed, public_reward
from toolgym.envs.tau2.states import same_state
from toolgym.envs.tau2.tasks import played
from toolgym.envs.tau2.users import OPENING
from toolgym.envs.tau2.verdicts import communicated
from toolgym.mcp.session import ToolSession
from toolgym.options import EnvOptions
from toolgym.tasks import GoldAction, Task, UserScript
from toolgym.tasks._stored import fitting
from toolgym.trajectory import Trajectory
from toolgym.world import World

__all__ = ["REWARD", "TauDomain", "TauOptions", "known_options", "make_env", "make_vector_env"]


@dataclass(frozen=True)
class TauOptions:
    """What can be chosen beside `EnvOptions`."""

    data: str | Path | None = None
    """The folder of the benchmark's data (see `toolgym.envs.tau.data`); default: that of `toolgym data get tau`."""


class TauDomain:
    """A domain of tau-bench's. `validation` is the published split `dev`; `custom` is all tasks that are there.

    Raises:
        ConfigError: the data is not there.
    """

    def __init__(self, domain: str, options: TauOptions):
        self.benchmark: TauBenchmark = load(domain, options.data)
        self.name, self.title = f"tau_{domain}", f"tau-bench: {domain}"
        self._tasks: dict[str, list[Task]] = {}

    def policy(self) -> str:
        """The policy document; empty where the data has no wiki."""
        return self.benchmark.policy() or ""

    def doubts(self, split: Split) -> list[str]:
        """What is doubtful about scores on a split."""
        if self.benchmark.policy() is not None:
            return []
        return [f"{self.benchmark.folder} has no wiki.md, so that the agent is told no policy"]

    def session(self) -> ToolSession:
        """A new session on the domain's tools."""
        return self.benchmark.server.session()

    @staticmethod
    def world_key(task: Task) -> None:
        """The world of a task: there is one."""

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> TaskList:
        """The tasks of a split that are there."""
        if split not in self._tasks:
            wanted = (one for one in self.benchmark.tasks.values() if split in ("custom", one.split))
            self._tasks[split] = [self._task(one.id, split) for one in wanted]
        return TaskList(fitting(self._tasks[split], split, depth, kinds))

    def _task(self, task_id: str, split: Split) -> Task:
        public, session = self.benchmark.task(task_id), self.benchmark.server.session()
        calls = [(name, arguments) for name, arguments in public.actions if name != "respond"]
        gold = tuple(played(calls, session))
        told = f"It is done. {'; '.join(public.outputs)}." if public.outputs else "It is done."
        writes = dict.fromkeys(call.name for action in gold for call in action.calls if call.writes)
        return Task(
            id=task_id,
            domain=self.name,
            kind=tuple(writes) or ("no_change",),
            split=split,
            request=public.instruction,
            user=UserScript(opening=OPENING),
            gold=(*gold, GoldAction(response=told)),
            gold_diff=session.diff(),
            verdict="tau",
            meta={"tau": {"domain": self.benchmark.domain, "data": str(self.benchmark.source)}},
        )


def tau_parts(trajectory: Trajectory, task: Task) -> dict[str, float]:
    """The parts of tau-bench's verdict: the database is the gold chain's, and the outputs were said."""
    benchmark = load(task.meta["tau"]["domain"], task.meta["tau"]["data"])
    world = World(benchmark.public)
    world.restore(trajectory.diff)
    texts = [step.turn.response for step in trajectory.steps if step.turn.response is not None]
    outputs = {"communicate_info": benchmark.task(task.id).outputs}
    return {
        "DB": float(same_state(task.domain, world, benchmark.gold(task.id))),
        "OUTPUTS": float(communicated(outputs, texts)),
    }


def fault(trajectory: Trajectory, task: Task) -> str | None:
    """Which parts of the verdict failed; None where none did (`toolgym.rewards.verdicts`)."""
    return failed(tau_parts(trajectory, task))


def _database(trajectory: Trajectory, task: Task) -> float:
    return tau_parts(trajectory, task)["DB"] if trajectory.done else 0.0


def _outputs(trajectory: Trajectory, task: Task) -> float:
    return tau_parts(trajectory, task)["OUTPUTS"] if trajectory.done else 0.0


REWARD = public_reward("tau", tau_parts, {"DB": _database, "OUTPUTS": _outputs})
"""tau-bench's reward, for `reward=`."""


def _domain_of(settings: dict[str, Any], options: EnvOptions | None) -> tuple[TauDomain, dict[str, Any]]:
    name = settings.pop("name")
    chosen, overrides = prepared(TauOptions, settings, options, REWARD)
    return TauDomain(name, chosen), overrides


MAKER = EnvMaker(_domain_of, own=field_names(TauOptions), without=GENERATED, fixed=("name",))
"""Of `airline` and `retail`, by name."""
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
