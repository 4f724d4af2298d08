"""The verdicts of API-Bank (Li et al. 2023) on a call, by its levels' 1 and 2 own rule.

The call is read from text, run in a fresh world, and its input, output and exception are compared with the gold call's
recorded result, tool by tool. Where it is wrong, `error_type` says how, by the official evaluator's names:

| `error_type` | |
|---|---|
| `NO_API_CALL` | the text has no call |
| `API_NAME_MISMATCH` | it calls another tool |
| `INVALID_INPUT_PARAMETER` | the tool has no such parameter |
| `MISS_INPUT_ARGUMENT` | a needed parameter is missing |
| `HAS_EXCEPTION` | the tool refused |
| `OUTPUT_MISMATCH`, `INPUT_MISMATCH` | the tool gave something else, or was asked something else |
| `KEY_ERROR` | the official comparison fails: it looks for a parameter that `DeleteMeeting` has not |

On some calls the official evaluator raises and gives no verdict (devices of a scene, which it reads as text; a number
that is none). Here such a call is compared as it is meant; `strict=False` gives what a run of the official evaluator
counts: not right, without a name.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from toolgym.envs.api_bank.comparing import comparison_of
from toolgym.envs.api_bank.reading import ReadCall, read_call, read_list
from toolgym.envs.api_bank.witness import witness
from toolgym.errors import TaskError
from toolgym.mcp_servers.api_bank import TOOLS, spec_of
from toolgym.mcp_servers.api_bank.calling import InvalidParameter, MissingArgument, Response, WrongType, run
from toolgym.mcp_servers.api_bank.public_world import load_base, make_base
from toolgym.world import Base, World

__all__ = ["Verdict", "check", "judged", "public_base", "recorded"]


@dataclass(frozen=True)
class Verdict:
    """Whether a call is right; `error_type` is the official name of what is wrong, None where nothing is."""

    valid: bool
    error_type: str | None = None


_RIGHT = Verdict(True)


def check(call_text: str, gold: Mapping[str, Any], *, data: str | Path | None = None, strict: bool = True) -> Verdict:
    """The verdict on a model's text.

    Args:
        call_text: the text, with a call such as `[GetUserToken(username='ann', password='…')]` somewhere in it.
        gold: a turn of role `API` of the benchmark's dialogues: `api_name`, `param_dict` and the recorded `result`.
        data: the user's copy of API-Bank, whose databases the call is run on. Without it the call is run in the
            smallest world in which the gold call gives its recorded result (`toolgym.envs.api_bank.witness`).
        strict: False gives what the official evaluator counts where it raises.

    Raises:
        TaskError: the gold is no such turn.
        ConfigError: the data cannot be read.
    """
    name, wanted = recorded(gold)
    call = read_call(call_text) if isinstance(call_text, str) else None
    if call is None:
        return Verdict(False, "NO_API_CALL")
    if call.name != name:
        return Verdict(False, "API_NAME_MISMATCH")
    world = World(public_base(data) if data is not None else _witness(name, gold, wanted))
    try:
        return judged(name, call.parameters, wanted, world)
    except InvalidParameter:
        return Verdict(False, "INVALID_INPUT_PARAMETER")
    except MissingArgument:
        return Verdict(False, "MISS_INPUT_ARGUMENT")
    except KeyError:
        return Verdict(False, "KEY_ERROR")
    except (WrongType, TypeError, AttributeError):
        return _meant(name, call, wanted, world.base) if strict else Verdict(False)


def recorded(gold: Mapping[str, Any]) -> tuple[str, Response]:
    """The tool of a gold call, and the recorded result.

    Raises:
        TaskError: it is no turn of role API.
    """
    try:
        name, result = gold["api_name"], gold["result"]
        wanted = Response(result["input"], result["output"], result["exception"])
    except (KeyError, TypeError):
        raise TaskError(
            "a gold call of API-Bank has `api_name`, `param_dict` and `result` (`input`, `output`, `exception`): give "
            "a turn of role API of its dialogues"
        ) from None
    if name not in TOOLS:
        raise TaskError(f"API-Bank's levels 1 and 2 have no tool {name!r}")
    return name, wanted


def public_base(data: str | Path) -> Base:
    """The world of a copy of API-Bank, read once.

    Raises:
        ConfigError: it cannot be read.
    """
    return _public_base(str(Path(data).expanduser()))


@lru_cache(maxsize=4)
def _public_base(data: str) -> Base:
    return _described(load_base(Path(data)))


def _described(base: Base) -> Base:
    return Base(base.tables, {**base.meta, "tools": {name: spec_of(name, base.meta["tools"]) for name in TOOLS}})


def _witness(name: str, gold: Mapping[str, Any], wanted: Response) -> Base:
    given = wanted.input or {}
    tools = _SPECS if name == "ToolSearcher" else {}
    try:
        return witness(name, given, wanted.output, tools)
    except (KeyError, TypeError, ValueError, AttributeError):  # recorded when the tool was another, as some are
        return make_base({}, tools)


_SPECS = {name: spec_of(name) for name in TOOLS}


def judged(name: str, given: Mapping[str, Any], wanted: Response, world: World) -> Verdict:
    """The verdict on a call of the gold's tool, which is run in `world`.

    Raises:
        InvalidParameter, MissingArgument, WrongType, KeyError, TypeError, AttributeError: as the official evaluator.
    """
    if name in _ASKS and wanted.input and world.get(_ASKS[name][0], _asked(name, wanted)) is None:
        world.put(_ASKS[name][0], _asked(name, wanted), wanted.output)
    response = run(name, TOOLS[name], world, given)
    if comparison_of(name).same(response, wanted):
        return _RIGHT
    if response.exception:
        return Verdict(False, "HAS_EXCEPTION")
    # Ids and tokens that are drawn differ from the recorded ones, in the official run and here.
    if response.output != wanted.output:
        return Verdict(False, "OUTPUT_MISMATCH")
    return Verdict(False, "INPUT_MISMATCH")


_ASKS = {"Dictionary": ("Dictionary", "keyword"), "Translate": ("Translation", "src")}
"""Tools that ask the network: the table of what is recorded of an answer, and the parameter that it is found by."""


def _asked(name: str, wanted: Response) -> str:
    text = str((wanted.input or {}).get(_ASKS[name][1], ""))
    return text if name == "Translate" else text.replace("_", " ").strip().lower()


def _meant(name: str, call: ReadCall, wanted: Response, base: Base) -> Verdict:
    """The verdict where the official evaluator raises: lists are read as such."""
    given: dict[str, Any] = dict(call.parameters)
    for parameter in ("devices", "health_data", "attendees"):
        text = read_list(call.text, parameter)
        if text is not None:
            try:
                given[parameter] = ast.literal_eval(text)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
    try:
        return judged(name, given, wanted, World(base))
    except (KeyError, WrongType, TypeError, AttributeError, MissingArgument, InvalidParameter):
        return Verdict(False, "HAS_EXCEPTION")
