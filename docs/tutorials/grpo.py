# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # GRPO on a small model
#
# A model of 3.6 million parameters learns in an environment, on a CPU, while you wait. It is the built-in policy in
# its `habits` version, which learnt from demonstrations to use half of the tools wrongly more often than not, so that
# reinforcement learning has something to mend.
#
# To keep it short, it learns tasks of one call each: look up a detail, work out a sum, hand over to a person.
#
# ## Before

# %%
from pathlib import Path

from toolgym.agents.evaluation import AgentOptions, EvalOptions, evaluate, make_policy

small = {"size": "small", "prompt": "short", "depth": 1}
agent = AgentOptions(temperature=1.0)
options = EvalOptions(split="test", episodes=48, env_options=small, agent=agent)


def solved(model: str) -> str:
    figures = evaluate(make_policy(model, agent), options).to_json()
    low, high = figures["intervals"]["pass@1"]
    return f"{figures['pass@1']:.0%} of 48 held-out tasks, 95% interval {low:.0%} to {high:.0%}"


print(solved("builtin:habits"))

# %% [markdown]
# ## Training
#
# In each step the policy plays a few tasks several times. GRPO compares the returns of the episodes of one task: what
# did better than the others becomes more likely, what did worse less.

# %%
from toolgym.agents.grpo import GRPOOptions, train

final = train(
    GRPOOptions(
        output=Path("runs/grpo"),
        model="builtin:habits",
        steps=8,
        groups=4,
        rollouts=8,
        depth=1,
        learning_rate=1e-3,
        progress=False,
    )
)

# %% [markdown]
# ## The curve
#
# A run's folder holds a line a step. (`toolgym plot runs/grpo` draws all of them.)

# %%
import json

import matplotlib.pyplot as plt

steps = [json.loads(line) for line in Path("runs/grpo/metrics.jsonl").read_text().splitlines()]
steps = [step for step in steps if "solved" in step]
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
axes.plot([step["step"] for step in steps], [step["solved"] for step in steps], marker="o")
axes.set(xlabel="step (32 episodes each)", ylabel="train episodes solved", ylim=(0, 1))
axes.grid(alpha=0.3)
plt.show()

# %% [markdown]
# ## After

# %%
print(solved(f"hf:{final}"))

# %% [markdown]
# Most of what so few steps do is to make the policy do reliably what it did sometimes. The intervals of 48 tasks are
# wide: what longer runs reach, with five seeds each and other algorithms beside GRPO, is in
# [Learning](../learning.md).
#
# The same run from the command line, and with a reward or an algorithm of your own: [Agents](../agents.md#training).
# Its equations: [Papers and equations](../equations.md#grpo). To a pretrained model: [Larger
# models](../agents.md#larger-models).
