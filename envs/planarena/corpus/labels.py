"""What an executed action is to its task: a role and a relevance in [0, 1].

| role | a call | a response |
|---|---|---|
| `refused` | the tool, or the check of its arguments, refused it | - |
| `needed` | it made a call of the gold chain that was still to be made | the episode ends as solved |
| `wrong` | it changed the world, and the task cannot be solved after it | the episode ends as anything else |
| `harmless` | any other: it changed nothing, or nothing that matters | - |

*Relevance* is 1 of what is needed. Of another call it is the best (r_name + r_param) / 2 over the gold chain's calls
that were still to be made (over all of them, where none was): r_name is 1 for the same tool, else 0, and r_param the
intersection over union of the parameters with their values (AC-Planner Eq. 17). Of another response it is its lexical
similarity to the gold chain's last one (Eq. 18).
"""

from collections.abc import Sequence
from typing import Final, Literal

from toolgym.envs.planarena.corpus.playing import CallDone, last_words
from toolgym.messages import ToolCall
from toolgym.rewards.matching import multiset_iou, params
from toolgym.rewards.semantic import lexical
from toolgym.tasks import GoldCall, Task

__all__ = ["ROLES", "Role", "relevance_of_call", "relevance_of_response", "role_of_action", "role_of_call"]

Role = Literal["needed", "harmless", "wrong", "refused"]
ROLES: Final[tuple[Role, ...]] = ("needed", "harmless", "wrong", "refused")
_DIGITS: Final = 4


def role_of_call(done: CallDone, solvable_after: bool) -> Role:
    """What a call is to its task; `solvable_after`: whether the task can still be solved after its action."""
    if done.result.is_error:
        return "refused"
    if done.needed:
        return "needed"
    return "wrong" if done.changed and not solvable_after else "harmless"


def role_of_action(roles: Sequence[Role]) -> Role:
    """What an action of several calls is: the worst of its calls' roles."""
    for role in ("wrong", "refused", "harmless"):
        if role in roles:
            return role
    return "needed"


def relevance_of_call(done: CallDone, left: Sequence[GoldCall], task: Task) -> float:
    """How near a call is to one that the gold chain makes; `left`: those that were still to be made before it."""
    if done.needed:
        return 1.0
    return max((_alike(done.call, gold) for gold in left or task.gold_calls), default=0.0)


def _alike(call: ToolCall, gold: GoldCall) -> float:
    same = multiset_iou(params([call]), params([gold.call()]))
    return round(((call.name == gold.name) + same) / 2, _DIGITS)


def relevance_of_response(response: str, solved: bool, task: Task) -> float:
    """How near a response is to the right one."""
    return 1.0 if solved else round(lexical(response, last_words(task)), _DIGITS)
