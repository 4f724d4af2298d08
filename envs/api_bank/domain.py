"""`ApiBankDomain`: the samples of API-Bank as tasks, its tools on its databases."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from toolgym.custom import TaskList
from toolgym.domain import Split
from toolgym.envs.api_bank.samples import ITEMS, LEVELS, Sample, read_dialogues, read_items
from toolgym.envs.api_bank.session import ApiBankSession
from toolgym.envs.api_bank.verdicts import public_base
from toolgym.envs.api_bank.written import FORMAT
from toolgym.envs.calls.prompts import RowPrompt
from toolgym.envs.calls.schemas import read_tools
from toolgym.envs.calls.session import as_diff
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.inprocess import InProcessSession
from toolgym.mcp.session import ToolSpec
from toolgym.mcp_servers.api_bank import TOOLS, build_server
from toolgym.options import EnvOptions
from toolgym.tasks import ChecklistItem, GoldAction, GoldCall, Task
from toolgym.tasks._stored import fitting
from toolgym.tasks.task import CallCheck

__all__ = ["ApiBankDomain", "ApiBankOptions", "accuracy"]

_DONE = "Done."


@dataclass(frozen=True)
class ApiBankOptions:
    """What can be chosen about API-Bank, beside `EnvOptions`: keywords of `gymnasium.make`."""

    data: str | Path | None = None
    """A copy of API-Bank (see docs/api_bank.md)."""
    form: Literal["dialogues", "items"] = "dialogues"
    """The calls of the dialogues of levels 1 and 2, or the 597 single items with API-Bank's own prompts."""
    level: int | Sequence[int] | None = None
    """Which levels: 1, 2, and with `form="items"` 3. None: all that there are."""
    until: Literal["turn", "response"] = "turn"
    """An episode is one call, as the benchmark scores; or all that the user's message asks for, up to a response."""

    def __post_init__(self) -> None:
        for name, known in (("form", ("dialogues", "items")), ("until", ("turn", "response"))):
            if getattr(self, name) not in known:
                raise ConfigError(did_you_mean(str(getattr(self, name)), known, name))
        if self.form == "items" and self.until == "response":
            raise ConfigError("form='items' is single calls: until='response' goes with form='dialogues'")
        there = list(LEVELS) if self.form == "dialogues" else list(ITEMS)
        chosen = [self.level] if isinstance(self.level, int) else self.level
        if chosen is not None and not (isinstance(chosen, Sequence) and chosen and all(one in there for one in chosen)):
            raise ConfigError(f"level is one of {there} with form={self.form!r}, or several; got {self.level!r:.40}")
        if self.data is None:
            raise ConfigError(
                "ToolGym/APIBank-v0 needs data=DIR (--set data=DIR): a copy of API-Bank's folder `api-bank` (and, "
                "for form='items', of its `test-data`)"
            )

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that are chosen."""
        if self.level is None:
            return tuple(LEVELS) if self.form == "dialogues" else tuple(ITEMS)
        return (self.level,) if isinstance(self.level, int) else tuple(self.level)


class ApiBankDomain:
    """API-Bank.

    Raises:
        ConfigError: the data is not there, or is not what it should be.
    """

    name = "api_bank"
    title = "API-Bank"

    def __init__(self, options: ApiBankOptions):
        self.options = options
        data = Path(str(options.data)).expanduser()
        base = public_base(data)
        self._server = build_server(base=base)
        said = base.meta["tools"]
        self._specs = {spec.name: _spec(said[spec.name], spec) for spec in self._server.tool_specs}
        if options.form == "items":
            found: Iterable[Sample] = read_items(data, options.levels, base)
        else:
            found = read_dialogues(data, options.levels, options.until)
        self.samples = {
            sample.id: sample for sample in found if sample.level == 3 or sample.gold[0]["api_name"] in TOOLS
        }
        if not self.samples:
            raise ConfigError(f"{data} has no sample of level {', '.join(map(str, options.levels))}")
        self._tasks = [_task(sample, options.until) for sample in self.samples.values()]

    def policy(self) -> str:
        """Nothing: API-Bank has none."""
        return ""

    def session(self) -> ApiBankSession:
        """A session that each reset gives a fresh world and the tools of its task's sample."""
        inner = self._server.session()
        assert isinstance(inner, InProcessSession)
        return ApiBankSession(inner, self._specs)

    def world_key(self, task: Task) -> tuple[Sample, tuple[ToolSpec, ...]]:
        """The sample of a task, and its tools."""
        sample = self._sample(task)
        return sample, self._tools(sample)

    def prompt_of(self, task: Task, options: EnvOptions) -> RowPrompt:
        """What is shown at reset: API-Bank's own prompt where the sample has one, else the dialogue and the tools."""
        sample = self._sample(task)
        own = sample.official and options.format == FORMAT
        return RowPrompt(
            sample.history if own or not sample.official else sample.history[1:],
            self._tools(sample),
            options.format,
            user_answers=options.user != "none",
            full=options.prompt == "full" and not own,
            one_message=options.until == "turn",
            listed=options.prompt == "tools" and not own,
        )

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> TaskList:
        """The tasks, the same in every split; `kinds` are `level-1`, `level-2` and `level-3`."""
        return TaskList(fitting(self._tasks, split, depth, kinds))

    def _sample(self, task: Task) -> Sample:
        if task.id not in self.samples:
            raise ConfigError(did_you_mean(task.id, self.samples, "sample"))
        return self.samples[task.id]

    def _tools(self, sample: Sample) -> tuple[ToolSpec, ...]:
        if sample.official:
            return _described(sample.history[0].text, self._specs)
        return tuple(self._specs[name] for name in sample.tools if name in self._specs)


def _task(sample: Sample, until: str) -> Task:
    actions = [GoldAction(calls=(GoldCall(name=gold["api_name"], arguments=_arguments(gold)),)) for gold in sample.gold]
    if until == "response":
        actions.append(GoldAction(response=sample.response.strip() or _DONE))
    calls = [call for action in actions for call in action.calls]
    return Task(
        id=sample.id,
        domain="api_bank",
        kind=(f"level-{sample.level}",),
        depth=len(calls),
        request=next((said.text for said in reversed(sample.history) if said.role == "user"), ""),
        gold=tuple(actions),
        gold_diff=as_diff([{"gold": number} for number in range(len(calls))]),
        unordered=("calls.made.list",),
        checklist=tuple(
            ChecklistItem(
                id=f"call{number}",
                question=f"Was call {number} made?",
                check=CallCheck(name=call.name, arguments=call.arguments),
            )
            for number, call in enumerate(calls, 1)
        ),
    )


def _arguments(gold: Mapping[str, Any]) -> dict[str, Any]:
    """The gold's arguments as they were given, without those that were left out."""
    given = gold["result"].get("input") or {}
    return {name: value for name, value in given.items() if value is not None}


def _spec(said: Mapping[str, Any], ours: ToolSpec) -> ToolSpec:
    """A tool as API-Bank describes it, with our schema of its parameters; whether it writes is not said."""
    schema = json.loads(json.dumps(ours.input_schema))
    for name, parameter in schema.get("properties", {}).items():
        words = said["input_parameters"].get(name, {}).get("description")
        if words:
            parameter["description"] = words
    return ToolSpec(ours.name, said["description"], schema)


def _described(instruction: str, specs: Mapping[str, ToolSpec]) -> tuple[ToolSpec, ...]:
    """The tools that an item's instruction describes, one JSON object a line."""
    found: list[ToolSpec] = []
    for line in instruction.splitlines():
        if not re.match(r"\s*\{", line):
            continue
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            known = specs.get(value["name"])
            parameters = value.get("input_parameters", value.get("parameters", {}))
            own = {"name": value["name"], "description": value.get("description", ""), "parameters": parameters}
            found.append(known if known is not None else read_tools([own])[0])
    return tuple({spec.name: spec for spec in found}.values())


def accuracy(verdicts: Iterable[tuple[int, bool]]) -> dict[str, float]:
    """API-Bank's scores: the share of right calls of each level, and of all of them (`pooled`).

    Args:
        verdicts: (level, whether the call is right) of each.
    """
    by_level: dict[int, list[bool]] = {}
    for level, right in verdicts:
        by_level.setdefault(level, []).append(right)
    every = [right for rights in by_level.values() for right in rights]
    scores = {f"level-{level}": sum(rights) / len(rights) for level, rights in sorted(by_level.items())}
    return {**scores, "pooled": sum(every) / len(every)} if every else scores
