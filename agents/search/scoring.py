"""How good a state is, from 0 to 1 (a learnt value: as its returns were): what the searches rank by.

All but `verified` see what an agent can see. `verified` is told the outcome: an oracle, for upper bounds and for data.
"""

import math
from collections.abc import Sequence

from toolgym.agents.policies.policy import Policy
from toolgym.agents.search.options import Scored, SearchOptions
from toolgym.agents.search.tree import Node, Score
from toolgym.errors import ConfigError

__all__ = ["consistency", "logprob", "scorer_of", "turn_logprob", "verified"]


def scorer_of(options: SearchOptions, policy: Policy) -> Score:
    """The scorer that a search asks for.

    Raises:
        ConfigError: it cannot score the turns of this policy.
    """
    if not isinstance(options, Scored):
        return consistency  # of which such a search makes no use
    match options.scorer:
        case "consistency":
            return consistency
        case "verified":
            return verified
        case "judge":
            from toolgym.agents.search.judging import JudgeScore

            return JudgeScore(options.judge)
        case "value":
            from toolgym.agents.search.value import ValueScore

            return ValueScore(options.critic, policy)
    if getattr(policy, "tokenizer", None) is None:
        raise ConfigError(
            "scorer=logprob is of a model whose tokens are known here (hf:, builtin:, data:); take scorer=consistency, "
            "scorer=judge or another search (majority)"
        )
    return logprob


def logprob(nodes: Sequence[Node]) -> list[float]:
    """The geometric mean probability of the tokens that the policy sampled on the way to each node, in its own eyes."""
    out = []
    for node in nodes:
        logps = [logp for turn in node.turns for logp in turn.completion.logprobs]
        out.append(math.exp(sum(logps) / len(logps)) if logps else 0.0)
    return out


def turn_logprob(node: Node) -> float:
    """The log-probability of what the policy sampled between a node and its parent."""
    return sum(logp for turn in node.played for logp in turn.completion.logprobs)


def consistency(nodes: Sequence[Node]) -> list[float]:
    """The mean share of the samples, over the edges on the way to each node, that did the same."""
    out = []
    for node in nodes:
        shares = [each.share for each in node.path if each.parent is not None]
        out.append(sum(shares) / len(shares) if shares else 0.0)
    return out


def verified(nodes: Sequence[Node]) -> list[float]:
    """The outcome: 1 where the task is solved, 0 where the episode ended otherwise, 1/2 where it goes on."""
    return [0.5 if not node.over else float(node.outcome == "solved") for node in nodes]
