# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # A reward of your own
#
# A reward is a function of the episode so far and its task; it scores the latest step. This one pays a solved
# episode, a little less for each call beyond those that were needed.

# %%
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory


def brief(trajectory: Trajectory, task: Task) -> float:
    """1 at the end of a solved episode, less a tenth for each call beyond the gold chain's; never below 0.5."""
    if trajectory.outcome != "solved":
        return 0.0
    return max(0.5, 1.0 - 0.1 * max(0, len(trajectory.calls) - len(task.gold_calls)))


# %% [markdown]
# ## In an environment
#
# `reward=` takes the function. The gold chain is played, with its first look-up done twice:

# %%
import gymnasium

import toolgym  # registers the environments
from toolgym.agents.policies.scripted import gold_turns
from toolgym.messages import render

env = gymnasium.make("ToolGym/Airline-v0", reward=brief, size="small")
env.reset(options={"task": 10})
gold = list(gold_turns(env.unwrapped.task))
for turn in (gold[0], *gold):
    _, reward, _, _, info = env.step(render(turn))
    print(f"{reward:.1f}", [call.name for call in turn.calls] or "(answers)")
print(info["outcome"], info["rewards"])

# %% [markdown]
# ## Mixed with others
#
# A list of terms is summed by weight: here half of what `brief` says, and the share of the checklist that a step
# satisfies. Each term is kept by name, so that a change of weights can be tried later, without playing anything
# again.

# %%
from toolgym.rewards.checklist import checklist_term

mixed = gymnasium.make(
    "ToolGym/Airline-v0", reward=[("brief", brief, 0.5), ("checklist", checklist_term, 0.5)], size="small"
)
mixed.reset(options={"task": 10})
for turn in gold:
    _, reward, _, _, info = mixed.step(render(turn))
    print(f"{reward:.2f}", {name: round(value, 2) for name, value in info["rewards"].items()})

# %% [markdown]
# ## Does it say what you want?
#
# A reward is worth its training only if solved episodes earn more than others of the same task. The built-in policy
# solves some of its tries and not others: let it play 20 tasks four times each, score the episodes with several
# rewards, and compare.

# %%
from pathlib import Path

from toolgym.agents.evaluation import AgentOptions, EvalOptions, evaluate, make_policy
from toolgym.opening import open_env
from toolgym.rewards import make_reward
from toolgym.rewards.rescoring import rescore, separation
from toolgym.trajectory import read_trajectories

place, agent = Path("episodes.jsonl"), AgentOptions(temperature=1.0)
small = {"size": "small", "prompt": "short"}
report = evaluate(
    make_policy("builtin:imperfect", agent),
    EvalOptions(episodes=20, k=4, split="train", env_options=small, agent=agent, output=place),
)
print(report.overall.outcomes)

# %%
tasks = open_env("ToolGym/Airline-v0", **small).tasks
episodes = read_trajectories(place)
for name, reward in {"brief": brief, "default": "default", "toolrl": "toolrl"}.items():
    returns = [sum(rescore(episode, tasks.by_id(episode.task_id), make_reward(reward))) for episode in episodes]
    solved = [episode.outcome == "solved" for episode in episodes]
    apart = separation([episode.task_id for episode in episodes], returns, solved)
    print(f"{name:8} pays the solved one more in {apart.more:.0%} of {apart.pairs} pairs, the same in {apart.same:.0%}")

# %% [markdown]
# ToolRL's reward compares calls alone, so a wrong price in the answer earns what the right one does. `brief` looks at
# the verified outcome, and always tells the two apart; but where no try is solved it says nothing, while `default`
# pays each step.
#
# `toolgym score episodes.jsonl` prints that table for all rewards that come with ToolGym, and `toolgym train --reward
# FILE.py:brief` trains with yours. All terms and presets: [Rewards](../rewards.md). Next: [train with GRPO](grpo.md).
