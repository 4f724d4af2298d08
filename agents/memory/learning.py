"""Episodes in, a `Memory` out: what `toolgym memory build` does."""

import re
from collections.abc import Iterable

from toolgym.agents.memory.flow import Seen, flow_of
from toolgym.agents.memory.ranking import FEATURES, fit
from toolgym.agents.memory.records import Call, Case, CaseTurn, Memory, Ranker
from toolgym.errors import ConfigError
from toolgym.trajectory import Trajectory

__all__ = ["learn", "request_of"]

_LAST_USER = re.compile(r"<user>((?:(?!<user>).)*)</user>[^<]*\Z", re.DOTALL)
_MOST_REQUEST, _MOST_RESPONSE = 2_000, 300
"""Characters that are kept."""


def request_of(opening: str) -> str:
    """What the user asks in an opening observation: what stands in its last `<user>` tag, or all of it."""
    found = _LAST_USER.search(opening)
    return (found[1] if found else opening).strip()[:_MOST_REQUEST]


def learn(trajectories: Iterable[Trajectory]) -> Memory:
    """The memory of episodes: a case each, equal ones once, and a ranker where cases were shown in some of them.

    Episodes that did not end, that the infrastructure broke or that have no turn teach nothing.

    Raises:
        ConfigError: an episode does not say of which split it is, or there is none to learn from.
    """
    cases: dict[bytes, Case] = {}
    pairs: list[list[float]] = []
    solved: list[bool] = []
    for trajectory in trajectories:
        if trajectory.outcome in (None, "infra_error") or not trajectory.steps:
            continue
        case = case_of(trajectory)
        cases.setdefault(case.model_dump_json().encode(), case)
        for shown in _shown(trajectory):
            pairs.append(shown)
            solved.append(case.solved)
    if not cases:
        raise ConfigError("there is nothing to learn from: no episode that ended")
    ranker = Ranker(weights=fit(pairs, solved), pairs=len(pairs)) if pairs else None
    return Memory(cases=list(cases.values()), ranker=ranker)


def case_of(trajectory: Trajectory) -> Case:
    """What is remembered of an episode that ended.

    Raises:
        ConfigError: it does not say of which split it is.
    """
    split = trajectory.meta.get("split")
    if not isinstance(split, str):
        raise ConfigError(
            f"the episode of task {trajectory.task_id!r} does not say of which split it is (meta.split), so nobody "
            "could tell whether an evaluation is of it: record it with this ToolGym's `eval --output`"
        )
    seen, turns = Seen(), []
    for step in trajectory.steps:
        did = step.turn.calls[: len(step.results)]
        flow = flow_of(did, seen) if did else {}
        calls = [
            Call(name=call.name, arguments=call.arguments, failed=result.is_error)
            for call, result in zip(did, step.results, strict=True)
        ]
        turns.append(CaseTurn(calls=calls, flow={name: [list(at) for at in places] for name, places in flow.items()}))
        for call, result in zip(did, step.results, strict=True):
            if not result.is_error:
                seen.add(call, result.text)
    return Case(
        env_id=trajectory.env_id,
        split=split,
        task_id=trajectory.task_id,
        request=request_of(trajectory.prompt),
        outcome=trajectory.outcome or "unsolved",
        turns=turns,
        response=(trajectory.steps[-1].turn.response or "")[:_MOST_RESPONSE],
    )


def _shown(trajectory: Trajectory) -> list[list[float]]:
    """The features of the cases that the policy was shown in an episode."""
    notes = trajectory.meta.get("memory")
    shown = notes.get("shown") if isinstance(notes, dict) else None
    found = [each.get("features") for each in shown if isinstance(each, dict)] if isinstance(shown, list) else []
    return [list(map(float, each)) for each in found if isinstance(each, list) and len(each) == len(FEATURES)]
