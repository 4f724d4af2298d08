"""Sixteen episodes at once, in Gymnasium's vector form, by an agent that calls random tools and gives up at random.

python examples/many_episodes.py
"""

from collections import Counter

import gymnasium
import numpy as np

import toolgym  # noqa: F401 (registers the environments)


def main() -> None:
    envs = gymnasium.make_vec(
        "ToolGym/Airline-v0", num_envs=16, vectorization_mode="vector_entry_point", split="train", size="small"
    )
    envs.action_space.seed(0)
    rng = np.random.default_rng(0)
    envs.reset(seed=0)
    outcomes: Counter[str] = Counter()
    returns, totals = np.zeros(16), []
    while len(totals) < 100:
        actions = np.where(rng.random(16) < 0.3, "<response>I give up.</response>", envs.action_space.sample())
        _, rewards, terminated, truncated, infos = envs.step(actions.tolist())
        returns += rewards
        for index in np.flatnonzero(terminated | truncated):
            outcomes[infos["outcome"][index]] += 1
            totals.append(returns[index])
            returns[index] = 0.0
    envs.close()
    print(f"{len(totals)} episodes, mean return {np.mean(totals):.3f}")
    for outcome, count in sorted(outcomes.items()):
        print(f"  {outcome:<13} {count}")


if __name__ == "__main__":
    main()
