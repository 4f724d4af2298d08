"""`Perturber`: puts together what an environment's options do to each of its episodes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSession
from toolgym.options import EnvOptions
from toolgym.perturbing.chance import Chance
from toolgym.perturbing.distractors import Distractors, pool
from toolgym.perturbing.flaky import Flaky
from toolgym.perturbing.making import MAKE_TOOL, Making
from toolgym.perturbing.names import META, Names
from toolgym.perturbing.renaming import Renaming, new_names
from toolgym.perturbing.reordering import Reordering
from toolgym.perturbing.retrieving import FIND_TOOLS, Retrieving, Showing
from toolgym.perturbing.session import Layer, PerturbedSession, Tools
from toolgym.retrieval.made import kept_tools
from toolgym.retrieval.options import parse_shown
from toolgym.retrieval.store import KeptIndex
from toolgym.tasks import Task

if TYPE_CHECKING:
    from toolgym.retrieval.sandbox import DockerSandbox

__all__ = ["Perturbation", "Perturber"]

_IMAGE = "python:3.11-slim"
"""What tools that agents make run in, where no other image is named."""


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


def _sandbox(image: bool | str) -> "DockerSandbox":
    """Where tools that agents make run.

    Raises:
        ConfigError: there is no Docker engine.
    """
    from toolgym.retrieval.sandbox import docker_sandbox  # knows how servers are reached, which takes its time

    return docker_sandbox(_IMAGE if image is True else str(image))


class Perturber:
    """Perturbs the episodes of one environment.

    Args:
        options: of the environment.
        domain: its domain's name.
        policy: its policy document.
        session: on its tools.
        title: of the domain, where it has one.

    Raises:
        ConfigError: more distractors than the other domains have tools, no engine for tools that are made, or a file of
            them that cannot be read.
    """

    def __init__(self, options: EnvOptions, domain: str, policy: str, session: ToolSession, title: str = ""):
        self.options, self.policy = options, policy
        count = options.distractors
        self._lent: Tools = pool(domain, session.listed_tools, count, title) if count else ()
        self._shown = parse_shown(options.tools)
        self._index = KeptIndex(self._shown) if self.listens else None
        self._sandbox = _sandbox(options.make_tools) if options.make_tools else None
        self._made = {} if options.made_tools is None else kept_tools(options.made_tools)

    @property
    def shows(self) -> bool:
        """Whether the opening differs from episode to episode."""
        options = self.options
        listed = options.distractors or options.rename or options.reorder
        return bool(listed or options.tools != "all" or options.make_tools)

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
        if self._index is not None or self._sandbox is not None:
            self._check_names((*session.inner.tools, *self._lent))
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
        if self._sandbox is not None:
            known = frozenset(tool.name if names is None else names.tool(tool.name) for tool in tools)
            layers.append(Making(self._sandbox, self._made, known, options.made_tools))
        session.perturb(layers[::-1])
        if names is None:
            return Perturbation(number, task, task, self.policy)
        return Perturbation(number, task, names.task(task), names.text(self.policy), names)

    def _showing(self, own: Tools, task: Task) -> Showing:
        """What shows some of the tools.

        Raises:
            ConfigError: the index's file cannot be used.
        """
        if self._index is None:
            return Showing(call.name for call in task.gold_calls)
        return Retrieving(self._index.of((*own, *self._lent)), self._shown)

    def _check_names(self, tools: Tools) -> None:
        """Refuses tools with the names of those that stand beside them.

        Raises:
            ConfigError: there is one.
        """
        added = {FIND_TOOLS.name} if self.listens else set()
        added |= {MAKE_TOOL.name} if self._sandbox is not None else set()
        for tool in tools:
            if tool.name in added:
                raise ConfigError(
                    f"The server has a tool {tool.name!r} itself: rename it, hide it (hidden_tools), or leave "
                    f"{'tools' if tool.name == FIND_TOOLS.name else 'make_tools'} out"
                )
