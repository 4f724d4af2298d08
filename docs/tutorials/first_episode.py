# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # A first episode
#
# You are the agent of an airline's booking desk: you read what a customer wants, call tools, and answer. At the end
# the environment says whether the task is solved, and why.

# %%
import gymnasium

import toolgym  # registers the environments

env = gymnasium.make("ToolGym/Airline-v0", size="small", prompt="short")
request, info = env.reset(options={"task": 13458})
print(request)

# %% [markdown]
# An observation is text. With `prompt="short"` it is the request alone; by default it also holds the policy that the
# agent must follow, and the tools' schemas. The tools are in `info` either way:

# %%
for tool in info["tools"][:5]:
    print(tool["function"]["name"], "-", tool["function"]["description"])

# %% [markdown]
# ## Acting
#
# An action is one message. A tool call in it is carried out, and what the tool says is the next observation:

# %%
call = '<tool_call>{"name": "get_reservation_details", "arguments": {"reservation_id": "Q1C2SR"}}</tool_call>'
observation, reward, terminated, truncated, info = env.step(call)
print(observation)
print("reward", round(reward, 2), info["rewards"])

# %% [markdown]
# The step is paid at once: this look-up is in the task's gold chain, the calls that solve it. No message raises an
# error. One that makes no sense costs a little, and the agent is told what was wrong:

# %%
observation, reward, *_ = env.step('<tool_call>{"name": "get_reservation_details", </tool_call>')
print(observation)
print("reward", round(reward, 2))

# %% [markdown]
# ## Trying something out
#
# An episode can be forked anywhere, in microseconds. The fork has a world of its own: what happens there does not
# happen here. So try what would follow from refusing:

# %%
twin = env.unwrapped.fork()
*_, info_of_twin = twin.step("<response>Sorry, I cannot cancel that.</response>")
print("in the fork:", info_of_twin["outcome"])

# %% [markdown]
# The booking is insured and the customer is ill, so the policy allows the cancellation. Back in the episode:

# %%
env.step('<tool_call>{"name": "cancel_reservation", "arguments": {"reservation_id": "Q1C2SR"}}</tool_call>')
*_, info = env.step("<response>Q1C2SR is cancelled, and $201 are refunded.</response>")
print("here:", info["outcome"])

# %% [markdown]
# ## What happened
#
# The whole episode is a record: each step with its calls, results and rewards, and what of the world differs now.

# %%
trajectory = env.unwrapped.trajectory
for step in trajectory.steps:
    said = step.turn.response or ", ".join(call.name for call in step.turn.calls) or step.turn.problems[0].kind
    print(f"{step.reward:+.2f}", said)
for table, records in trajectory.diff.items():
    print(table, list(records))

# %% [markdown]
# Next: [a server of your own](own_server.md), or all of what an environment can do:
# [Environments](../environments.md). On a terminal, `toolgym play --set size=small` lets you act in other tasks, with
# `:undo` and `:fork`.
