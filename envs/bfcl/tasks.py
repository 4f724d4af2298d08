"""BFCL's cases as tasks, and the benchmark's verdict on an episode."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from toolgym.custom import indexed
from toolgym.envs.bfcl.cases import is_multi_turn
from toolgym.envs.bfcl.gold import gold_calls, gold_turns
from toolgym.envs.bfcl.multi_turn import check_multi_turn
from toolgym.envs.bfcl.text_format import FORMAT
from toolgym.envs.bfcl.verdicts import Verdict, check
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, said
from toolgym.tasks import GoldAction, Task, UserScript
from toolgym.trajectory import Trajectory

__all__ = ["CaseTasks", "Mode", "call_text", "fault", "judged", "make_task", "spoken"]

Mode = Literal["fc", "prompting"]
"""How a model is given its tools: by its endpoint's (or template's) function calling, or by the benchmark's prompt."""

_MOST_STEPS = 20
"""Messages with calls in one turn; with more the benchmark gives a conversation up."""
_FAILED = Verdict(False, "ast_decoder:decoder_failed")
_GIVEN_UP = Verdict(False, "multi_turn:force_terminated")

Told = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What a model is told of a case (`toolgym.envs.bfcl.conventions`)."""


class CaseTasks:
    """The cases of some categories as tasks, made when they are asked for.

    Args:
        cases: the rows.
        mode: how a model is given its tools.
        told: what a model is told of a case.
        data: the folder of the benchmark's data.
    """

    def __init__(self, cases: Sequence[Mapping[str, Any]], mode: Mode, told: Told, data: str):
        self._cases, self._told, self._data = tuple(cases), told, data
        self._mode: Mode = mode
        self._place = {case["id"]: place for place, case in enumerate(self._cases)}
        self._made: dict[int, Task] = {}

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, index: int, /) -> Task:
        place = range(len(self._cases))[index]
        if place not in self._made:
            self._made[place] = make_task(self._cases[place], self._mode, self._told, self._data)
        return self._made[place]

    def __iter__(self) -> Iterator[Task]:
        return (self[place] for place in range(len(self)))

    def by_id(self, task_id: str) -> Task:
        """The task of that id.

        Raises:
            ConfigError: there is none.
        """
        if task_id not in self._place:
            some = self._cases[0]["id"] if self._cases else "none"
            raise ConfigError(f"No case {task_id!r} in the chosen categories; an id is such as {some!r}")
        return indexed(self, self._place[task_id])


def make_task(case: Mapping[str, Any], mode: Mode, told: Told, data: str) -> Task:
    """A case as a task. What gives the answer away is in `gold` and `meta`, which no agent sees."""
    category = case["category"]
    if is_multi_turn(category):
        known = told(case)
        turns = tuple(spoken(turn) for turn in known["turns"])
        tools = [*known["tools"], *(tool for added in known["added"].values() for tool in added)]
        gold: list[GoldAction] = []
        for calls in gold_turns(case, tools):
            gold += [GoldAction(calls=calls)] * bool(calls) + [GoldAction(response="Done.")]
    else:
        turns = (spoken(case["question"][0]),)
        calls = gold_calls(case, str if mode == "prompting" else underscored)
        gold = [GoldAction(calls=calls) if calls else GoldAction(response="None of the functions can do that.")]
    return Task(
        id=case["id"],
        domain="bfcl",
        kind=(category,),
        request=turns[0],
        user=UserScript(turns=turns),
        gold=tuple(gold),
        single_turn=not is_multi_turn(category),
        verdict="bfcl",
        meta={"case": case, "mode": mode, "data": data},
    )


def spoken(messages: Sequence[Mapping[str, Any]]) -> str:
    """What is said in a turn, its system message apart."""
    return "\n".join(str(message["content"]) for message in messages if message["role"] != "system")


def underscored(name: str) -> str:
    """A function's name as endpoints take it."""
    return name.replace(".", "_")


def fault(trajectory: Trajectory, task: Task) -> str | None:
    """The official name of what is wrong with an episode, None where nothing is (`toolgym.rewards.verdicts`)."""
    verdict = judged(trajectory, task)
    return None if verdict.valid else verdict.error_type or "invalid"


def judged(trajectory: Trajectory, task: Task) -> Verdict:
    """The benchmark's verdict on an episode; an unfinished conversation is given up."""
    case, mode = task.meta["case"], task.meta["mode"]
    if task.single_turn:
        return _single(trajectory, case, mode)
    turns = _decoded(trajectory)
    if turns is None or any(len(turn) > _MOST_STEPS for turn in turns) or len(turns) != len(case["ground_truth"]):
        return _GIVEN_UP
    return _played(_Key(case, task.meta["data"]), json.dumps(turns))


def _single(trajectory: Trajectory, case: Mapping[str, Any], mode: Mode) -> Verdict:
    turn = trajectory.steps[0].turn if trajectory.steps else None
    if turn is not None and turn.format == FORMAT and not turn.problems:  # read as the benchmark reads it
        return check(case, said(turn.text))
    if turn is None or not turn.calls:
        return check(case, None) if "relevance" in case["category"] else _FAILED
    calls = [{call.name: call.arguments} for call in turn.calls]
    return check(case, calls, underscore_to_dot=mode == "fc")


def _decoded(trajectory: Trajectory) -> list[list[list[str]]] | None:
    """turn -> step -> the text of each call; None where the last turn was not ended."""
    turns: list[list[list[str]]] = [[]]
    ended = False
    for step in trajectory.steps:
        if ended:
            turns.append([])
        if step.turn.calls:
            turns[-1].append([call_text(call) for call in step.turn.calls])
        ended = step.turn.response is not None
    return turns if ended else None


def call_text(call: ToolCall) -> str:
    """A call as text, as the official evaluator makes one of a name and arguments."""
    return f"{call.name}({','.join(f'{name}={value!r}' for name, value in call.arguments.items())})"


class _Key:
    """A case as the key of a cache: rows are read once, so the same case is the same object."""

    def __init__(self, case: Mapping[str, Any], data: str):
        self.case, self.data = case, data

    def __hash__(self) -> int:
        return hash(self.case["id"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.data == other.data and self.case == other.case


@lru_cache(maxsize=1024)
def _played(key: _Key, turns: str) -> Verdict:
    """The verdict on a conversation: rewards ask for it several times."""
    return check_multi_turn(key.case, json.loads(turns), data=key.data)
