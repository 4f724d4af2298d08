"""`Perturber`: puts together what an environment's options do to each of its episodes."""

from dataclasses import dataclass
from typing import Any

from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSession
from toolgym.options import EnvOptions
from toolgym.perturbing.chance import Chance
from toolgym.perturbing.distractors import Distractors, pool
from toolgym.perturbing.flaky import Flaky
from toolgym.perturbing.names import META, Names
from toolgym.perturbing.renaming import Renaming, new_names
from toolgym.perturbing.reordering import Reordering
from toolgym.perturbing.retrieving import FIND_TOOLS, Retrieving, Showing
from toolgym.perturbing.session import Layer, PerturbedSession, Tools
from toolgym.retrieval.options import parse_shown
from toolgym.retrieval.store import KeptIndex
from toolgym.tasks import Task

__all__ = ["Perturbation", "Perturber"]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """What was done to one episode."""

    number: int
    """What all of it is drawn by, with the task's id; as reset option `perturbation` it gives the same again."""
    original: Task
    """The task in the server's names."""
    task: Task
    """The task in the agent's."""
    policy: str
    """The policy document in the agent's names."""
    names: Names | None = None
    """None: nothing was renamed."""

    @property
    def meta(self) -> dict[str, Any]:
        """What the trajectory records of it."""
        about: dict[str, Any] = {"number": self.number}
        if self.names is not None:
            about["names"] = self.names.written()
        return {META: about}


class Perturber:
    """Perturbs the episodes of one environment.

    Args:
        options: of the environment.
        domain: its domain's name.
        policy: its policy document.
        session: on its tools.
        title: of the domain, where it has one.

    Raises:
        ConfigError: more distractors than the other domains have tools.
    """

    def __init__(self, options: EnvOptions, domain: str, policy: str, session: ToolSession, title: str = ""):
        self.options, self.policy = options, policy
        count = options.distractors
        self._lent: Tools = pool(domain, session.listed_tools, count, title) if count else ()
        self._shown = parse_shown(options.tools)
        self._index = KeptIndex(self._shown) if self.listens else None

    @property
    def shows(self) -> bool:
        """Whether the opening differs from episode to episode."""
        options = self.options
        return bool(options.distractors or options.rename or options.reorder or options.tools != "all")

    @property
    def listens(self) -> bool:
        """Whether which tools are shown depends on what the user says."""
        return self._shown.which == "retrieve"

    def begin(self, session: PerturbedSession, task: Task, number: int) -> Perturbation:
        """Puts the perturbations of an episode around its session."""
        chance, options = Chance(number, task.id), self.options
        layers: list[Layer] = []
        tools, names = session.inner.tools, None
        if options.distractors:
            layers.append(Distractors(chance, self._lent, options.distractors))
            tools = layers[0].listed(tools)
        if options.tools != "all":
            layers.append(self._showing(session.inner.tools, task))
            tools = (FIND_TOOLS, *tools) if self.listens else tools
        if options.flaky:
            layers.append(Flaky(chance, options.flaky))
        if options.rename:
            names = new_names(tools, chance)
            layers.append(Renaming(names))
        if options.reorder:
            layers.append(Reordering(chance))
        session.perturb(layers[::-1])
        if names is None:
            return Perturbation(number, task, task, self.policy)
        return Perturbation(number, task, names.task(task), names.text(self.policy), names)

    def _showing(self, own: Tools, task: Task) -> Showing:
        """What shows some of the tools.

        Raises:
            ConfigError: one of them has the name of the tool that finds more, or the index's file cannot be used.
        """
        if self._index is None:
            return Showing(call.name for action in task.gold for call in action.calls)
        tools = (*own, *self._lent)
        if any(tool.name == FIND_TOOLS.name for tool in tools):
            raise ConfigError(
                f"tools={self.options.tools}: the server has a tool {FIND_TOOLS.name!r} itself; rename it, or hide it "
                "(hidden_tools)"
            )
        return Retrieving(self._index.of(tools), self._shown)
