"""What an index keeps of an episode: how it ended, what it earned, what it called, and where its lines are."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MOST_TEXT", "Row", "tags"]

MOST_TEXT = 8_000
"""Characters of an episode that the search looks at: what was asked, planned, called and answered, in that order."""
_MOST_REQUEST = 300
_ENDS = ("solved", "unsolved", "policy_error", "tool_error", "infra_error", "truncated", None)


def tags(values: Iterable[str]) -> str:
    """Names as one text in which each can be looked for whole."""
    unique = list(dict.fromkeys(value.replace("\n", " ") for value in values if value))
    return "\n".join(["", *unique, ""]) if unique else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _leaves(value: Any) -> Iterator[str]:
    """The texts and numbers in a JSON value, however deep they are, in order."""
    left = [value]
    while left:
        match left.pop():
            case dict() as each:
                left += reversed(each.values())
            case list() as each:
                left += reversed(each)
            case str() as each:
                yield each
            case int() | float() as each if not isinstance(each, bool):
                yield str(each)


@dataclass(slots=True)
class Row:
    """An episode, as far as it has been read."""

    n: int
    """Its number in the file, in the order in which they began."""
    segment: int
    number: int
    """What its writer called it."""
    line: int
    env: str = ""
    task: str = ""
    split: str = ""
    world: str = ""
    outcome: str | None = None
    truncation: str | None = None
    reward: float | None = 0.0
    """None: a step has no score."""
    steps: int = 0
    calls: int = 0
    depth: int | None = None
    kinds: list[str] = field(default_factory=list)
    tools: dict[str, None] = field(default_factory=dict)
    errors: dict[str, None] = field(default_factory=dict)
    step: int | None = None
    """The training step that learnt from it."""
    part: str = ""
    trial: int | None = None
    fault: str = ""
    request: str = ""
    text: str = ""
    ranges: list[list[int]] = field(default_factory=list)
    """`[start, end)` in the file, in order; lines that stand side by side are one range."""
    ended: bool = False

    def at(self, start: int, end: int) -> None:
        """Notes where a line of it is."""
        if self.ranges and self.ranges[-1][1] == start:
            self.ranges[-1][1] = end
        else:
            self.ranges.append([start, end])

    def begin(self, record: dict[str, Any]) -> None:
        """Takes an episode's first line.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        self.env, self.task = _need(record, "env_id", str), _need(record, "task_id", str)
        prompt = _need(record, "prompt", str)
        _, tag, asked = prompt.rpartition("\n\n<user>")
        self.request = (asked.removesuffix("</user>") if tag else prompt)[:_MOST_REQUEST]
        self.say(self.task, (asked.removesuffix("</user>") if tag else prompt))
        self._meta(_need(record, "meta", dict))

    def take(self, record: dict[str, Any]) -> None:
        """Takes a step."""
        turn, results = _need(record, "turn", dict), _need(record, "results", list)
        calls = _need(turn, "calls", list)
        names = [_need(call, "name", str) for call in calls]
        reward = record["reward"]
        if reward is not None and (isinstance(reward, bool) or not isinstance(reward, int | float)):
            raise ValueError(f"reward is {reward!r:.50}")
        for result in results:
            if (how := _need(result, "outcome", str)) != "ok":
                self.errors[how] = None
        if turn.get("problems"):
            self.errors["parse"] = None
        if self.reward is not None:
            self.reward = None if reward is None or not math.isfinite(reward) else self.reward + reward
        self.steps += 1
        self.calls += min(len(calls), len(results))
        self.tools.update(dict.fromkeys(names))
        self.say(_text(turn.get("plan")))
        for call in calls:
            self.say(call["name"], *_leaves(call.get("arguments")))
        self.say(_text(turn.get("response")), _text(record.get("user")))

    def end(self, record: dict[str, Any]) -> None:
        """Takes an episode's last line."""
        if record["outcome"] not in _ENDS:
            raise ValueError(f"outcome is {record['outcome']!r:.50}")
        self.outcome, self.truncation = record["outcome"], record.get("truncation")
        self._meta(_need(record, "meta", dict))
        self.ended = True

    def say(self, *texts: str) -> None:
        """Adds to what the search looks at."""
        for text in texts:
            room = MOST_TEXT - len(self.text)
            if room > 1 and text:
                self.text += f"{text[: room - 1].casefold()}\n"

    def _meta(self, meta: dict[str, Any]) -> None:
        self.split = _text(meta.get("split"))
        world = meta.get("world")
        if isinstance(world, dict):
            self.world = " ".join(f"{name}={world[name]}" for name in sorted(world))
        kind, depth, step = meta.get("kind"), meta.get("depth"), meta.get("step")
        if isinstance(kind, list | tuple):
            self.kinds = [each for each in kind if isinstance(each, str)]
        if type(depth) is int:
            self.depth = depth
        if type(step) is int:
            self.step = step
        if type(meta.get("trial")) is int:
            self.trial = meta["trial"]
        bench = meta.get("bench")
        if isinstance(bench, dict):
            self.part, self.fault = _text(bench.get("part")), _text(bench.get("fault"))
            self.trial = bench["trial"] if type(bench.get("trial")) is int else self.trial
        if error := _text(meta.get("error")):
            self.fault = self.fault or error[:_MOST_REQUEST]
            self.say(error)


def _need(record: Any, name: str, kind: type) -> Any:
    value = record[name] if isinstance(record, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {value!r:.50}, not {kind.__name__}")
    return value
