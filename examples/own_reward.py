"""A reward of one's own: a function of the episode so far and its task, which scores the latest step.

    python examples/own_reward.py
    toolgym eval --agent oracle --set size=small --set reward=examples/own_reward.py:brief
    toolgym train --algo grpo --reward examples/own_reward.py:brief --output runs/brief

| of a `Trajectory` | |
|---|---|
| `prompt` | what the agent was shown at reset |
| `steps` | the steps so far; the last one is scored |
| `calls` | every call that was run, with its result, in order |
| `diff` | what of the world differs now: table -> id -> record, or None where it was removed |
| `done`, `outcome`, `truncation` | whether and how it ended: `solved`, `unsolved`, `policy_error`, ... |
| `env_id`, `task_id`, `seed`, `meta` | what was played |

| of a `Step` | |
|---|---|
| `turn.plan`, `turn.calls`, `turn.response` | what the agent thought, called and said (None: nothing) |
| `turn.text`, `turn.problems` | its text, and what of it could not be read |
| `results` | one a call: `text`, `structured`, `is_error`, `outcome` |
| `observation`, `user` | what the environment answered; what the user said |
| `diff` | the world's difference, where this step changed it |
| `reward`, `rewards` | how it was scored, in all and by term: of the step that is being scored still 0 and empty |

Of the `Task`: `request`, `gold_calls`, `gold_diff`, `kind`, `depth`, `forbidden`. NaN says that there is no score.
"""

from toolgym.agents.policies.scripted import gold_turns
from toolgym.messages import render
from toolgym.opening import open_env
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory


def brief(trajectory: Trajectory, task: Task) -> float:
    """1 at the end of a solved episode, less a tenth for each call beyond the gold chain's; never below 0.5."""
    if trajectory.outcome != "solved":
        return 0.0
    return max(0.5, 1.0 - 0.1 * max(0, len(trajectory.calls) - len(task.gold_calls)))


def main() -> None:
    env = open_env("ToolGym/Airline-v0", size="small", reward=brief)
    env.reset(options={"task": 10})
    gold = list(gold_turns(env.task))
    for turn in (gold[0], *gold):  # what is looked up first is looked up twice
        _, reward, *_ = env.step(render(turn))
    print(f"a call more than needed: {env.trajectory.outcome}, reward {reward:.1f}")
    env.close()


if __name__ == "__main__":
    main()
