"""`ToolGym/BFCL-v0`: the cases of the Berkeley Function Calling Leaderboard v4, without its agentic part.

gymnasium.make("ToolGym/BFCL-v0", category="multi_turn_miss_func")
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from toolgym import _json
from toolgym.data import data_folder
from toolgym.domain import Split
from toolgym.env_maker import GENERATED, EnvMaker, field_names, parted
from toolgym.envs.bfcl import text_format
from toolgym.envs.bfcl.cases import chosen_categories, is_multi_turn, read_cases
from toolgym.envs.bfcl.multi_turn import tools_process
from toolgym.envs.bfcl.session import CaseSession, Opening, specs
from toolgym.envs.bfcl.tasks import CaseTasks, Mode, call_text
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.session import ToolSpec
from toolgym.messages import Turn
from toolgym.observations import Prompt, added_tools, escape_tags, how_to_call, openai_tools
from toolgym.options import EnvOptions
from toolgym.sharing import shared
from toolgym.tasks import Task
from toolgym.trajectory import ToolResult

__all__ = ["BfclDomain", "BfclOptions", "known_options", "make_env", "make_vector_env"]

_MOST_TURNS, _MOST_CALLS = 200, 1000
"""More than any conversation needs that the benchmark does not give up itself: 20 messages a turn, 8 turns."""


@dataclass(frozen=True)
class BfclOptions:
    """What can be chosen beside `EnvOptions`: keywords of `gymnasium.make`."""

    category: str | Sequence[str] | None = None
    """Which cases: a category, a group (`non_live`, `live`, `multi_turn`), several of them, or `all` (the default)."""
    mode: Mode = "fc"
    """How the model is given its tools. `fc`: as tools, with `_` for the dots in names. `prompting`: by the benchmark's
    system prompt; it answers in text, `[name(parameter=value)]`."""
    data: str | None = None
    """The folder of the benchmark's data; by default where `toolgym data get bfcl` puts it."""

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ConfigError(did_you_mean(str(self.mode), get_args(Mode), "BFCL mode"))
        if not isinstance(self.category, str | Collection | None):
            raise ConfigError(f"category is a name, or several in a list, not {self.category!r:.40}")
        if self.category is not None and not isinstance(self.category, str):
            object.__setattr__(self, "category", tuple(self.category))
        chosen_categories(self.category)


class BfclDomain:
    """BFCL's cases; each has its own tools.

    Raises:
        ConfigError: the data is not there.
    """

    name = "bfcl"
    title = "BFCL v4"
    depths = (1,)

    def __init__(self, options: BfclOptions):
        self.options = options
        self.folder = data_folder("bfcl", options.data).resolve()
        self.categories = chosen_categories(options.category)
        self._process = tools_process(self.folder)
        self._told: dict[str, Mapping[str, Any]] = {}
        self._tasks: dict[tuple[str, ...], CaseTasks] = {}
        if options.mode == "prompting":
            text_format.register()

    @property
    def kinds(self) -> dict[str, str]:
        """The categories."""
        return {category: category for category in self.categories}

    def policy(self) -> str:
        """None: what a model is told is the case's."""
        return ""

    def session(self) -> CaseSession:
        """A new session."""
        return CaseSession(self._process)

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> CaseTasks:
        """The cases of the chosen categories; they are for testing, and every split has all of them.

        Raises:
            ConfigError: there is no such category among the chosen ones.
        """
        for kind in kinds or ():
            if kind not in self.categories:
                raise ConfigError(did_you_mean(kind, self.categories, "category among the chosen ones:"))
        if depth is not None and 1 not in (depth if isinstance(depth, Sequence) else (depth,)):
            raise ConfigError(f"BFCL's cases have depth 1, not {depth!r}")
        chosen = tuple(each for each in self.categories if kinds is None or each in kinds)
        if chosen not in self._tasks:
            cases = [case for category in chosen for case in read_cases(self.folder, category)]
            self._tasks[chosen] = CaseTasks(cases, self.options.mode, self.told, str(self.folder))
        return self._tasks[chosen]

    def told(self, case: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a model is told of a case (see `toolgym.envs.bfcl.conventions`)."""
        if case["id"] not in self._told:
            names = ("id", "question", "function", "involved_classes", "missed_function")
            needed = {name: case[name] for name in names if name in case}
            prompting = self.options.mode == "prompting"
            self._told[case["id"]] = self._process.ask("told", case=needed, prompting=prompting)
        return self._told[case["id"]]

    def world_key(self, task: Task) -> Opening:
        """How a case begins."""
        case = task.meta["case"]
        told = self.told(case)
        tools = specs(told["tools"])
        added = {int(turn): specs(more) for turn, more in told["added"].items()}
        if self.options.mode == "prompting":  # where tools are words, those that are added are in the user's
            tools, added = tools + tuple(tool for more in added.values() for tool in more), {}
        names = ("id", "involved_classes", "initial_config")
        world = {name: case[name] for name in names} if is_multi_turn(case["category"]) else None
        return Opening(tools, added, world)

    def prompt_of(self, task: Task, options: EnvOptions) -> "CasePrompt":
        """What is said at the start of a case."""
        told = self.told(task.meta["case"])
        return CasePrompt(specs(told["tools"]), told, prompting=self.options.mode == "prompting")


class CasePrompt(Prompt):
    """What is said at reset: the case's messages behind the benchmark's system prompt (`prompting`), or behind our list
    of tools and how to call them (`fc`), which an endpoint with tools of its own does not see.

    Args:
        tools: the tools.
        told: what a model is told of the case.
        prompting: whether tools are told by the benchmark's system prompt.
    """

    def __init__(self, tools: tuple[ToolSpec, ...], told: Mapping[str, Any], *, prompting: bool):
        self._tools = _json.reader(_json.dumps([] if prompting else openai_tools(tools)))
        own = [str(message["content"]) for message in told["turns"][0] if message["role"] == "system"]
        self._said = [dict(message) for message in told["turns"][0] if message["role"] != "system"]
        listed = [] if prompting else [*own, f"{added_tools(tools)}\n\n# How to answer\n\n{how_to_call('hermes')}\n"]
        if prompting:
            self.tell = told_results
        self.system = "\n\n".join([told["system"], *own] if prompting else listed)

    def messages(self, request: str) -> list[dict[str, Any]]:
        said = [{**message, "content": escape_tags(str(message["content"]))} for message in self._said]
        return [{"role": "system", "content": self.system}, *said] if self.system else said


def told_results(turn: Turn, results: Sequence[ToolResult]) -> str:
    """The results of a turn as the benchmark's prompting mode tells them: a list in Python's form."""
    pairs = zip(turn.calls, results, strict=False)
    return repr([{"role": "tool", "name": call_text(call), "content": result.text} for call, result in pairs])


def _domain_of(settings: dict[str, Any], options: EnvOptions | None) -> tuple[BfclDomain, dict[str, Any]]:
    chosen, overrides = parted(BfclOptions, settings)
    if options is None:
        defaults: dict[str, Any] = {"user": "scripted", "max_turns": _MOST_TURNS, "max_calls": _MOST_CALLS}
        defaults["reward"] = "solved"
        if chosen.mode == "prompting":
            defaults["format"] = text_format.FORMAT
        overrides = {**defaults, **overrides}
    return shared(chosen, BfclDomain), overrides


MAKER = EnvMaker(_domain_of, own=field_names(BfclOptions), without=(*GENERATED, "prompt"))
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
