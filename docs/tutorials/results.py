# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # Reading results
#
# An evaluation gives figures with intervals, and a file with every episode. This page reads both: how good is the
# agent, where does it fail, and why did this episode fail?
#
# ## Figures
#
# The built-in policy of 3.6 million parameters plays 30 tasks, twice each:

# %%
from pathlib import Path

from toolgym.agents.evaluation import AgentOptions, EvalOptions, evaluate, make_policy

place = Path("episodes.jsonl")
agent = AgentOptions(temperature=1.0)
options = EvalOptions(episodes=30, k=2, env_options={"size": "small", "prompt": "short"}, agent=agent, output=place)
report = evaluate(make_policy("builtin:imperfect", agent), options, agent="builtin:imperfect")
figures = report.to_json()
for name in ("pass@1", "pass@2", "pass^2", "noop_pass@1", "tool_recall"):
    low, high = figures["intervals"].get(name) or (None, None)
    print(f"{name:12} {figures[name]:.2f}", f"[{low:.2f}, {high:.2f}]" if low is not None else "")

# %% [markdown]
# - `pass@1` is the chance that one trial solves a task; `pass@2` that one of two does, `pass^2` that both do.
# - `noop_pass@1` is what doing nothing would have got on the same tasks: a score that is not above it says nothing.
# - The interval says how much the next 30 tasks might differ. Two agents whose intervals overlap are not told apart
#   by it; play both on the same tasks and compare them in pairs.
#
# ## Where it fails

# %%
for depth, part in figures["by_depth"].items():
    print(f"{depth} calls: {part['pass@1']:.0%} of {part['episodes']} episodes solved")
for kind, share in figures["errors"].items():
    print(f"{kind}: in {share:.0%} of the episodes")

# %% [markdown]
# ## One episode
#
# The file holds every episode as it was. `toolgym show episodes.jsonl` lists them on a terminal; in Python they are
# records.

# %%
from toolgym.trajectory import read_trajectories

episodes = read_trajectories(place)
lost = next(episode for episode in episodes if episode.outcome == "unsolved")
for step in lost.steps:
    for call, result in zip(step.turn.calls, step.results, strict=False):
        print(f"{step.reward:+.2f} {call.name} {dict(call.arguments)} -> {result.text[:60]}")
    if step.turn.response:
        print(f"{step.reward:+.2f} says: {step.turn.response[:100]}")

# %% [markdown]
# ## Why it is not solved
#
# A task's success is checked record by record and fact by fact, so the reason can be named:

# %%
from toolgym.opening import open_env
from toolgym.rewards.explaining import why_unsolved

task = open_env("ToolGym/Airline-v0", split="test", size="small").tasks.by_id(lost.task_id)
print("request:", task.request)
for reason in why_unsolved(lost, task):
    print(f"{reason.kind} {reason.where}: wanted {reason.expected}, found {reason.found}"[:160])

# %% [markdown]
# All keys of a report: [toolgym eval](../cli.md#toolgym-eval). What another reward would have paid for these
# episodes: [toolgym score](../cli.md#toolgym-score).
