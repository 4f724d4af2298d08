"""Plays a multi-turn case's calls on fresh tools beside the ground truth's: what each showed, and the verdict.

For the process of the tools (see `toolgym.envs.bfcl.tool_classes`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from toolgym.envs.bfcl.tool_classes import Instances
from toolgym.errors import TaskError

__all__ = ["check_turns", "replayed"]

Turns = Sequence[Sequence[Sequence[str]]]
"""turn -> step -> the texts of its calls."""


def instances_of(case: Mapping[str, Any]) -> Instances:
    """Fresh tools for a case.

    Raises:
        TaskError: the case does not say which.
    """
    try:
        classes, config, id = case["involved_classes"], case["initial_config"], str(case["id"])
    except KeyError as error:
        raise TaskError(f"a multi-turn BFCL case needs {error}: give a row of the data") from None
    long_context = case.get("long_context")
    if long_context is None:
        long_context = "long_context" in id or "composite" in id
    return Instances(classes, config, bool(long_context))


def gold_of(case: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    """The ground truth: turn -> calls.

    Raises:
        TaskError: there is none.
    """
    for key in ("ground_truth", "calls"):
        if key in case:
            return case[key]
    raise TaskError("a multi-turn BFCL case needs its `ground_truth`: turn -> the texts of its calls")


def replayed(case: Mapping[str, Any], turns: Turns) -> tuple[list[list[list[str]]], dict[str, dict[str, Any]]]:
    """What each call showed, and what is public of the tools in the end."""
    tools = instances_of(case)
    shown = [[[tools.observe(call) for call in step] for step in turn] for turn in turns]
    return shown, tools.tables()


def check_turns(case: Mapping[str, Any], turns: Any, strict: bool = True) -> str | None:
    """The official name of the first thing that is wrong with the calls, None where nothing is."""
    gold = gold_of(case)
    if not isinstance(turns, Sequence) or isinstance(turns, str):
        return "multi_turn:inference_error"
    if len(turns) != len(gold):
        return "multi_turn:force_terminated"
    ours, theirs = instances_of(case), instances_of(case)
    rewrites = ("", "") if strict else ("model", "ground_truth")
    shown: list[str] = []
    for turn, wanted in zip(turns, gold, strict=True):
        steps = [step for step in _steps(turn) if not _is_empty(step)]
        shown += [ours.observe(call, rewrites[0]) for step in steps for call in step]
        expected = [theirs.observe(call, rewrites[1]) for call in wanted]
        if not wanted:
            continue  # what is called here counts where it changed something: at the next turn
        if not steps:
            return "multi_turn:empty_turn_model_response"
        if not ours.equals(theirs):
            return "multi_turn:instance_state_mismatch"
        if not _has_all(shown, expected):
            return "multi_turn:execution_response_mismatch"
    return None


def _steps(turn: Any) -> list[Any]:
    """A turn's steps; what is no list of calls is none."""
    found = turn if isinstance(turn, Sequence) and not isinstance(turn, str) else []
    return [step for step in found if isinstance(step, Sequence) and not isinstance(step, str)]


def _is_empty(step: Sequence[Any]) -> bool:
    return len(step) == 0 or (len(step) == 1 and not step[0])


def _has_all(shown: Sequence[str], expected: Sequence[str]) -> bool:
    """Whether each of the expected texts was shown, in this turn or before: as often as it is expected."""
    left = list(shown)
    for text in expected:
        if text not in left:
            return False
        left.remove(text)
    return True
