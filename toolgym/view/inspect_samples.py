"""A sample of a log of Inspect's as an episode.

A sample of ours (`toolgym.adapters.inspect`) holds the episode's own record, and is shown as any episode. Of any other,
each message of the assistant's is a step: what it called with the answers, and what the user said then. Its first score
is the outcome and the last step's reward.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from toolgym.observations import escape_tags
from toolgym.trajectory._lines import check_record

__all__ = ["episode_of", "listed"]

_RECORD = "toolgym"
"""Where a sample's store has our own record."""
_ATTACHED = "attachment://"
_LIMITS = {"message": "turns", "turn": "turns", "token": "tokens", "time": "time", "working": "time"}
"""What stopped a sample -> the truncation, where there is one of the kind."""
_WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""What Inspect's scorers say for right, wrong, half right and no answer."""


def episode_of(about: Mapping[str, Any], sample: Any) -> dict[str, Any]:
    """A sample as an episode.

    Args:
        about: what the log's header says of the evaluation.
        sample: the sample as it stands in the log.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, RecursionError: it is none.
    """
    if not isinstance(sample, dict):
        raise ValueError(f"expected a JSON object, got {type(sample).__name__}")
    sample = _attached({**sample, "events": []}, _dict(sample.get("attachments"), "attachments"))
    store, scores = _dict(sample.get("store"), "store"), _dict(sample.get("scores"), "scores")
    error, limit = _dict(sample.get("error"), "error"), _dict(sample.get("limit"), "limit")
    inspected = {
        "task": about.get("task"),
        "model": about.get("model"),
        "epoch": sample.get("epoch"),
        "target": sample.get("target"),
        "scores": {name: score.get("value") for name, score in scores.items() if isinstance(score, dict)},
    }
    own = store.get(_RECORD)
    made = dict(own) if isinstance(own, dict) and _is_record(own) else _told(about, sample, scores)
    kept: dict[str, Any] = {**made["meta"], "inspect": inspected}
    if error:
        kept["error"] = str(error.get("message"))
        made["outcome"], made["truncation"] = "infra_error", None
    elif made["outcome"] is None and limit:
        made["outcome"], made["truncation"] = "truncated", _LIMITS.get(str(limit.get("type")))
        kept["limit"] = limit.get("type")
    if type(sample.get("epoch")) is int:
        kept["trial"] = sample["epoch"] - 1
    made["meta"] = kept
    _check(made)
    return made


def _is_record(own: Mapping[str, Any]) -> bool:
    try:
        _check(own)
    except ValueError:
        return False
    return True


def _check(made: Mapping[str, Any]) -> None:
    """Raises where an episode is not as a file would have it."""
    check_record(made, "episode")
    check_record(made, "end")
    for step in listed(made.get("steps"), "steps"):
        check_record(step, "step")


def _attached(value: Any, attachments: Mapping[str, Any]) -> Any:
    """The value with what is attached in its place."""
    if isinstance(value, str) and value.startswith(_ATTACHED):
        found = attachments.get(value.removeprefix(_ATTACHED))
        return found if isinstance(found, str) else value
    if isinstance(value, list):
        return [_attached(each, attachments) for each in value]
    if isinstance(value, dict):
        return {name: each if name == "attachments" else _attached(each, attachments) for name, each in value.items()}
    return value


def _told(about: Mapping[str, Any], sample: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    """The episode that a sample's messages tell of."""
    messages = [_dict(message, "message") for message in listed(sample.get("messages"), "messages")]
    first = next((n for n, message in enumerate(messages) if message.get("role") == "assistant"), len(messages))
    steps: list[dict[str, Any]] = []
    begins = first
    for end in range(first + 1, len(messages) + 1):
        if end == len(messages) or messages[end].get("role") == "assistant":
            steps.append(_step(messages[begins], messages[begins + 1 : end]))
            begins = end
    rewards = {str(name): _number(_dict(score, "score").get("value")) for name, score in scores.items()}
    value = next(iter(rewards.values()), None)
    if steps:
        steps[-1] |= {"reward": value, "rewards": rewards}
    limited = bool(_dict(sample.get("limit"), "limit")) and value != 1
    return {
        "env_id": str(about.get("task") or "inspect"),
        "task_id": str(sample["id"]),
        "seed": None,
        "prompt": _prompt(messages[:first] or [{"role": "user", "content": sample.get("input")}]),
        "meta": {"kind": [str(about.get("task"))]} if about.get("task") else {},
        "steps": steps,
        "outcome": None if limited or value is None else "solved" if value == 1 else "unsolved",
        "truncation": None,
    }


def _prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """What came before the assistant's first message."""
    *before, last = ["\n".join(_parts(message)[0]) for message in messages]
    return "\n\n".join([*before, f"<user>{escape_tags(last)}</user>"]) if before else last


def _step(message: Mapping[str, Any], after: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    texts, thoughts = _parts(message)
    said, calls = "\n".join(texts), [_dict(call, "call") for call in listed(message.get("tool_calls"), "tool_calls")]
    answers = {str(each.get("tool_call_id")): each for each in after if each.get("role") == "tool"}
    given = [answers.pop(str(call.get("id")), None) for call in calls]
    while given and given[-1] is None:
        given.pop()
    plan = [*thoughts, *([said] if calls and said else [])]
    heard = [each for each in after if each.get("role") != "tool" or each in answers.values()]
    return {
        "turn": {
            "text": "",
            "format": "inspect",
            "plan": "\n".join(plan) or None,
            "calls": [
                {"name": str(call.get("function")), "arguments": _dict(call.get("arguments"), "arguments")}
                for call in calls
            ],
            "response": None if calls else said,
            "problems": [],
        },
        "results": [_result(answer) for answer in given],
        "observation": "",
        "user": "\n".join(text for each in heard for text in _parts(each)[0]) if heard else None,
        "diff": None,
        "reward": 0.0,
        "rewards": {},
    }


def _result(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a tool answered; a call without an answer did nothing."""
    if answer is None:
        return {"text": "", "structured": None, "is_error": True, "outcome": "unavailable"}
    error = _dict(answer.get("error"), "error")
    text = "\n".join(_parts(answer)[0]) or str(error.get("message") or "")
    outcome = "invalid_arguments" if error.get("type") == "parsing" else "tool_error" if error else "ok"
    return {"text": text, "structured": None, "is_error": bool(error), "outcome": outcome}


def _parts(message: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The texts of a message, what is no text named, and its thoughts."""
    content = message.get("content")
    if isinstance(content, str):
        return [content], []
    texts: list[str] = []
    thoughts: list[str] = []
    for part in (_dict(each, "content") for each in listed(content, "content")):
        match part.get("type"):
            case "text":
                texts.append(str(part.get("text")))
            case "reasoning":
                thoughts.append(str(part.get("summary") or "") if part.get("redacted") else str(part.get("reasoning")))
            case other:
                texts.append(f"[{other}]")
    return texts, [thought for thought in thoughts if thought]


def _number(value: Any) -> float | None:
    """A score as a number; None where it is none."""
    if isinstance(value, bool | int | float):
        return float(value) if abs(value) < 1e300 else None
    return _WORDS.get(value) if isinstance(value, str) else None


def _dict(value: Any, what: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{what} is {value!r:.50}, not an object")
    return value or {}


def listed(value: Any, what: str) -> list[Any]:
    """A list, empty for None.

    Raises:
        ValueError: it is none.
    """
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{what} is {value!r:.50}, not a list")
    return value or []
