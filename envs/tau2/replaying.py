"""Plays a list of calls in a task's world, and gives the rewards of the reference."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolgym.envs.tau2.data import load, make_call
from toolgym.envs.tau2.states import same_state
from toolgym.envs.tau2.verdicts import NL, action_matches, basis_of, counts_assertions, parts_of, reward_of

__all__ = ["replay"]


def replay(
    domain: str,
    task_id: str,
    calls: Sequence[Sequence[Any]],
    assistant_text: str | None = None,
    data: str | Path | None = None,
) -> dict[str, Any]:
    """What tau2 gives for an episode of these calls, without a language model.

    Args:
        domain: `airline`, `retail` or `telecom`.
        task_id: a published task's.
        calls: `[name, arguments, requestor]` each, in order; the requestor is `assistant` or `user`. What cannot be
            called, or fails, changes nothing.
        assistant_text: what the agent told the user.
        data: the folder of the benchmark's data; see `toolgym.envs.tau2.data`.

    Returns:
        `reward`, the product of the parts that count; `breakdown`, these parts by name; `db_match`, whether the final
        state is the gold actions'; `action_matches`, for each gold action whether it was called (None where there are
        no gold actions). Where a task counts assertions in natural language, which take a judge, `breakdown` has the
        parts that take none, `ACTION` and `COMMUNICATE` among them, and `reward` is the product of those that count.

    Raises:
        ConfigError: no such domain or task, or the data is not there.
        TaskError: the task's world cannot be set up.
    """
    benchmark = load(domain, data)
    criteria = benchmark.criteria(task_id)
    session = benchmark.session(task_id)
    made = [tuple(call) + (None,) * (2 - len(call)) + ("assistant",) * (len(call) < 3) for call in calls]
    for name, arguments, requestor, *_ in made:
        make_call(session, name, arguments, requestor)
    asked = [(name, arguments) for name, arguments, *_ in made]
    unasked = criteria.get("actions") is None and criteria.get("env_assertions") is None
    db_match = unasked or same_state(domain, session.world, benchmark.gold(task_id))
    texts = [assistant_text] if assistant_text else []
    parts = parts_of(criteria, asked, texts, session.world, db_match)
    basis = basis_of(criteria)
    counting = {name: parts[name] for name in basis if name in parts}
    breakdown = dict(counting)
    if counts_assertions(criteria):
        breakdown |= {name: parts[name] for name in ("ACTION", "COMMUNICATE")}
    elif NL in basis:
        breakdown[NL] = 1.0
    return {
        "reward": reward_of(counting),
        "breakdown": breakdown,
        "db_match": db_match,
        "action_matches": action_matches(criteria, asked) or None,
    }
