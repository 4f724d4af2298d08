"""The samples of API-Bank, read from the user's own copy: what was said before, and the call that is right next."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolgym.envs.api_bank.reading import read_call
from toolgym.envs.api_bank.written import write_call
from toolgym.envs.calls.rows import Said
from toolgym.errors import ConfigError
from toolgym.mcp_servers.api_bank import TOOLS
from toolgym.mcp_servers.api_bank.calling import run
from toolgym.messages import ToolCall
from toolgym.world import Base, World, copy_json

__all__ = ["Sample", "read_dialogues", "read_items"]

LEVELS = {1: "level-1-given-desc", 2: "level-2-toolsearcher"}
ITEMS = {1: ("level-1-api.json",), 2: ("level-2-api.json",), 3: ("level-3.json", "level-3-batch-inf.json")}
"""The files of the single items, by level: 399, 67 and 131 of them."""
_SEARCH = "ToolSearcher"


@dataclass(frozen=True)
class Sample:
    """One episode."""

    id: str
    level: int
    history: tuple[Said, ...]
    tools: tuple[str, ...]
    """What the model is told of."""
    gold: tuple[Mapping[str, Any], ...]
    """Turns of role API with their recorded results, in order; a single one where an episode is one message."""
    response: str = ""
    """What is said at the end, where an episode goes on to a response."""
    before: tuple[Mapping[str, Any], ...] = ()
    """The calls made before it."""
    official: bool = False
    """Whether the history is API-Bank's own prompt, with its descriptions of tools."""


def read_dialogues(data: Path, levels: Sequence[int], until: str) -> Iterator[Sample]:
    """The samples of the dialogues: one for each call, or, until a response, one for each message of the user's that
    calls follow.

    Raises:
        ConfigError: the dialogues are not there, or one cannot be read.
    """
    for level in levels:
        if level not in LEVELS:
            continue
        folder = _folder(data, LEVELS[level])
        for path in sorted(folder.glob("*.jsonl")):
            turns = _lines(path)
            told = tuple(dict.fromkeys(turn["api_name"] for turn in turns if turn["role"] == "API"))
            make = _by_call if until == "turn" else _by_request
            yield from make(f"level-{level}-{path.stem}", level, turns, told)


def _by_call(name: str, level: int, turns: list[dict[str, Any]], told: tuple[str, ...]) -> Iterator[Sample]:
    number = 0
    for at, turn in enumerate(turns):
        if turn["role"] == "API":
            number += 1
            tools = told if level == 1 else _found(turns[:at])
            yield Sample(f"{name}-{number}", level, _history(turns[:at]), tools, (turn,))


def _by_request(name: str, level: int, turns: list[dict[str, Any]], told: tuple[str, ...]) -> Iterator[Sample]:
    starts = [at for at, turn in enumerate(turns) if turn["role"] == "User"]
    number = 0
    for start, end in zip(starts, [*starts[1:], len(turns)], strict=False):
        gold = tuple(turn for turn in turns[start:end] if turn["role"] == "API")
        if not gold:
            continue
        number += 1
        said = next((turn["text"] for turn in reversed(turns[start:end]) if turn["role"] == "AI"), "")
        before = tuple(turn for turn in turns[:start] if turn["role"] == "API")
        tools = told if level == 1 else _found(turns[:start])
        yield Sample(f"{name}-{number}", level, _history(turns[: start + 1]), tools, gold, said, before)


def _found(turns: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The tool that searches tools, and those that it has found."""
    names = [_SEARCH]
    for turn in turns:
        if turn["role"] == "API" and turn["api_name"] == _SEARCH:
            output = (turn.get("result") or {}).get("output") or []
            names += [tool["name"] for tool in (output if isinstance(output, list) else [output])]
    return tuple(dict.fromkeys(name for name in names if name in TOOLS))


def _history(turns: Sequence[Mapping[str, Any]]) -> tuple[Said, ...]:
    said: list[Said] = []
    for turn in turns:
        if turn["role"] == "User":
            said.append(Said("user", turn["text"]))
        elif turn["role"] == "AI":
            said.append(Said("assistant", turn["text"]))
        else:
            call = ToolCall(turn["api_name"], dict(turn["param_dict"]))
            output = turn["result"]["output"] if turn["result"]["exception"] is None else turn["result"]["exception"]
            text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
            said += [Said("assistant", "", (call,)), Said("tool", text)]
    return tuple(said)


def read_items(data: Path, levels: Sequence[int], base: Base) -> Iterator[Sample]:
    """The single items, with API-Bank's own prompts.

    Raises:
        ConfigError: a level's file is not there, or is not what it should be.
    """
    for level in levels:
        path = _file(data, ITEMS[level])
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
            for number, row in enumerate(rows, 1):
                yield _item(row, number, level, data, base)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is not API-Bank's: {type(error).__name__}: {error}") from error


def _item(row: Mapping[str, Any], number: int, level: int, data: Path, base: Base) -> Sample:
    right = row.get("expected_output", row.get("output"))
    call = read_call(right) if isinstance(right, str) else None
    if call is None:
        raise ValueError(f"item {number} has no call in its expected output: {right!r:.100}")
    history = (Said("system", row.get("instruction", "").strip()), Said("user", row["input"]))
    gold = _gold_of(call.name, call.parameters, level, str(row.get("file", "")), data, base)
    return Sample(f"item-{level}-{number}", level, history, (), (gold,), official=True)


def _gold_of(name: str, given: Mapping[str, str], level: int, file: str, data: Path, base: Base) -> Mapping[str, Any]:
    """The gold call: as the dialogue that the item was made of records it, else as it is run in the databases."""
    for turn in _dialogue(data, level, file):
        if turn["role"] == "API" and turn["api_name"] == name:
            read = read_call(write_call(ToolCall(name, turn["param_dict"])))
            if read is not None and read.parameters == given:
                return turn
    result: dict[str, Any] = {"input": dict(given), "output": None, "exception": None}
    if level in LEVELS and name in TOOLS:
        response = run(name, TOOLS[name], World(base), given)
        result = {"input": response.input, "output": copy_json(response.output), "exception": response.exception}
    return {"role": "API", "api_name": name, "param_dict": dict(given), "result": result}


def _dialogue(data: Path, level: int, file: str) -> list[dict[str, Any]]:
    for path in (data / "lv1-lv2-samples" / LEVELS.get(level, "") / file, data / LEVELS.get(level, "") / file):
        if file and path.is_file():
            return _lines(path)
    return []


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        turns = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        for turn in turns:
            if turn["role"] == "API":
                _ = turn["api_name"], turn["param_dict"], turn["result"]["output"], turn["result"]["exception"]
            elif turn["role"] in ("User", "AI"):
                _ = turn["text"]
        return turns
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no dialogue of API-Bank: {type(error).__name__}: {error}") from error


def _folder(data: Path, name: str) -> Path:
    for folder in (data / "lv1-lv2-samples" / name, data / name, *sorted(data.glob(f"*/lv1-lv2-samples/{name}"))):
        if folder.is_dir():
            return folder
    raise ConfigError(f"{data} has no folder lv1-lv2-samples/{name}: data=DIR is a copy of API-Bank's `api-bank`")


def _file(data: Path, names: Sequence[str]) -> Path:
    for folder in (data, data / "test-data"):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    raise ConfigError(
        f"{data} has no test-data/{names[0]}: the data set liminghao1630/API-Bank of the Hugging Face hub has it"
    )
