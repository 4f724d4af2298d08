"""Search with forks: try every proposal two turns deep, on copies, and take the turn that led to the best return.

    python examples/tree_search.py

A fork copies only what the episode changed, so a search over real tools costs about what the calls cost. The proposals
are the gold turn among random calls, in the place of a language model's samples.
"""

import itertools

from toolgym.agents.policies.scripted import RandomPolicy, gold_turns
from toolgym.env import ToolEnv
from toolgym.messages import render
from toolgym.opening import open_env

DEPTH = 2


def best_return(env: ToolEnv, proposals: list[list[str]], turn: int, depth: int) -> float:
    """The highest return that `depth` more turns can add, each chosen from its turn's proposals."""
    if depth == 0 or turn == len(proposals) or env.trajectory.done:
        return 0.0
    return max(return_of(env, action, proposals, turn, depth) for action in proposals[turn])


def return_of(env: ToolEnv, action: str, proposals: list[list[str]], turn: int, depth: int) -> float:
    """The reward of `action`, tried on a fork, and the best that can follow it."""
    twin = env.fork()
    _, reward, *_ = twin.step(action)
    total = reward + best_return(twin, proposals, turn + 1, depth - 1)
    twin.close()
    return total


def propose(env: ToolEnv, observation: str, info: dict) -> list[list[str]]:
    """For each turn three random calls and, last, the gold turn."""
    chance = RandomPolicy(seed=1, stop_probability=0.0)
    chance.start(0, observation, info)
    return [[*(chance.generate([0])[0].text for _ in range(3)), render(turn)] for turn in gold_turns(env.task)]


def main() -> None:
    env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short", depth=2)
    observation, info = env.reset(seed=0)
    proposals = propose(env, observation, info)
    print("user:", observation)
    for turn in itertools.count():
        values = [return_of(env, action, proposals, turn, DEPTH) for action in proposals[turn]]
        chosen = values.index(max(values))
        env.step(proposals[turn][chosen])
        print(f"turn {turn}: proposal {chosen} of {len(values)}, values", [f"{value:.2f}" for value in values])
        if env.trajectory.done:
            break
    print("outcome:", env.trajectory.outcome)
    env.close()


if __name__ == "__main__":
    main()
