"""One episode, step by step: what the agent reads, what it writes, what it earns.

    python examples/episode.py

The agent here is the gold chain, which `reveal_gold=True` puts into `info`; yours would be a model.
"""

import gymnasium

import toolgym  # noqa: F401 (registers the environments)
from toolgym.agents.policies.scripted import gold_turns
from toolgym.messages import render


def main() -> None:
    env = gymnasium.make("ToolGym/Airline-v0", split="train", size="small", prompt="short", reveal_gold=True)
    observation, info = env.reset(seed=0)
    print("environment:", observation)
    for turn in gold_turns(info["task"]):
        action = render(turn)
        observation, reward, terminated, truncated, info = env.step(action)
        print("\nagent:      ", action)
        print("environment:", observation or "(nothing: the episode is over)")
        print("reward:     ", f"{reward:.3f}", {name: round(value, 3) for name, value in info["rewards"].items()})
        if terminated or truncated:
            print("\noutcome:    ", info["outcome"])
    env.close()


if __name__ == "__main__":
    main()
