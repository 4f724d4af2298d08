"""Tool-Star: the hierarchical reward by hand, own episodes paired by it, and both stages from the command line."""

import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from toolgym.agents import eto
from toolgym.agents.eto import ETOOptions, Pair, PairCollator, ranked_pairs
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import registry
from toolgym.agents.training.running import env_options
from toolgym.errors import ConfigError
from toolgym.messages import ParseProblem, ToolCall, Turn
from toolgym.rewards import make_reward
from toolgym.rewards.rescoring import rescore
from toolgym.rewards.text import text_episode
from toolgym.tasks import Task
from toolgym.trajectory import Step, ToolResult, Trajectory

GOLD = [ToolCall("find", {"id": "u1"}), ToolCall("pay", {"id": "b2"})]
OK, NO = ToolResult("ok"), ToolResult("no", is_error=True, outcome="tool_error")
ASSERTED = Task(id="t", domain="d", kind=("k",), request="Do it.", forbidden=True)
"""Solved where nothing was changed."""


def paid(*steps: Step, **ending: Any) -> float:
    trajectory = Trajectory("e", "t", steps=list(steps), **{"outcome": "solved", **ending})
    return sum(rescore(trajectory, ASSERTED, make_reward("tool_star")))


def call(name: str, result: ToolResult = OK) -> Step:
    return Step(Turn(calls=(ToolCall(name, {}),)), (result,))


def test_the_hierarchy_by_hand() -> None:
    answer = Step(Turn(response="Done."))
    changed = Step(Turn(calls=(ToolCall("pay", {}),)), (OK,), diff={"bills": {"b2": {"paid": True}}})
    broken = Step(Turn(problems=(ParseProblem("bad_json", "no JSON"),)))
    assert paid(answer) == 1.0
    assert paid(call("find"), call("find"), answer) == 1.0  # one tool, twice
    assert paid(call("find"), call("pay"), answer) == pytest.approx(1.1)
    assert paid(call("find"), call("pay", NO), answer) == 1.0  # the other one was refused
    assert paid(call("find"), changed, answer, outcome="unsolved") == 0.0
    assert paid(call("find"), broken, call("pay"), answer) == -1.0  # right in the end, and malformed
    assert paid(call("find"), outcome="truncated", truncation="turns") == -1.0
    assert paid(call("find"), outcome="infra_error") == 0.0
    assert paid(call("find"), broken, broken, outcome="truncated", truncation="turns") == -1.0  # once
    steps = [call("find"), broken, broken, answer]
    told = rescore(Trajectory("e", "t", steps=steps, outcome="solved"), ASSERTED, make_reward("tool_star"))
    assert told == [0.0, -1.0, 0.0, 0.0]
    assert make_reward("tool_star", several=0.5).weights == {"several": 0.5}
    with pytest.raises(ConfigError, match="at least 0"):
        make_reward("tool_star", several=-0.1)
    assert make_reward("tool_star").score(*text_episode("<tool_call>{", GOLD))[0] == -1.0


def episode(ids: list[int], value: float, **changes: Any) -> Rollout:
    """One step of two sampled tokens, one of the environment's, then the rest as a second step."""
    given: dict[str, Any] = {
        "completion_ids": ids,
        "env_mask": [1, 1, 0] + [1] * (len(ids) - 3),
        "spans": [(0, 2), (3, len(ids))],
        "rewards": [0.0, value],
        "outcome": "unsolved",
    }
    return Rollout([1, 2], **given | changes)


def test_own_episodes_are_paired_by_what_they_earned_by_hand() -> None:
    best, good, bad = episode([5, 6, 0, 7], 1.1), episode([5, 6, 0, 8], 1.0), episode([9, 9, 0, 9, 9], -1.0)
    cut = episode([4, 4, 0, 4], 5.0, cut=[1])
    broken, unscored = episode([3, 3, 0, 3], 0.0, outcome="infra_error"), episode([3, 3, 0, 4], float("nan"))
    again = episode([9, 9, 0, 9, 9], -1.0)
    pairs = ranked_pairs([good, bad, broken, best, unscored, again, cut])
    assert pairs == [
        Pair([1, 2], [5, 6, 0, 7], [5, 6, 0, 8], [1, 1, 0, 1], [1, 1, 0, 1]),
        Pair([1, 2], [5, 6, 0, 7], [9, 9, 0, 9, 9], [1, 1, 0, 1], [1, 1, 0, 1, 1]),
    ]
    # What is equal but for rounding is no preference; and where all were cut there is nothing to prefer.
    assert ranked_pairs([episode([5, 6, 0, 7], 0.1 + 0.2), episode([5, 6, 0, 8], 0.3)]) == []
    even = episode([5, 6, 0, 7], 0.0)
    even.rewards = [0.1, 0.2, -0.3]  # 5.6e-17: rounding is relative to what is added up
    assert ranked_pairs([even, episode([5, 6, 0, 8], 0.0)]) == []
    elsewhere = episode([5, 6, 0, 8], 0.0)
    elsewhere.prompt_ids = [9]
    with pytest.raises(ConfigError, match="different openings"):
        ranked_pairs([episode([5, 6, 0, 7], 1.0), elsewhere])
    assert ranked_pairs([cut, episode([4, 4, 0, 5], 1.0, cut=[0])]) == []
    assert ranked_pairs([]) == []


def test_one_step_prefers_what_earned_more() -> None:
    (pair,) = ranked_pairs([episode([5, 6, 0, 7], 1.1), episode([8, 9, 0, 10], 0.0)])
    batch = PairCollator(0)([vars(pair)])
    logps = torch.zeros(batch["completion_mask"].shape, requires_grad=True)
    chosen, rejected = (logps * batch["completion_mask"]).sum(dim=1)
    (-torch.nn.functional.logsigmoid(0.1 * (chosen - rejected))).backward()  # DPO, with the reference at the policy
    moved = -cast(torch.Tensor, logps.grad)
    assert (moved[0, [2, 3, 5]] > 0).all()
    assert (moved[1, [2, 3, 5]] < 0).all()
    assert not moved[:, [0, 1, 4]].any()  # the opening and the tool's answer


def test_options() -> None:
    config = ETOOptions(pairs="ranked", reward="tool_star")
    assert env_options(config)["reward"] == "tool_star"
    for changes, said in (
        ({"reward": "tool_star"}, "reward='tool_star' would have no effect without pairs='ranked'"),
        ({"pairs": "ranked", "expert": False}, "expert=False would have no effect with pairs='ranked'"),
        ({"pairs": "ranked", "data": Path("x")}, "with data it plays none"),
    ):
        with pytest.raises(ConfigError, match=said):
            ETOOptions(**changes)  # pyright: ignore[reportArgumentType]


def test_rl_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    assert registry.main("tool_star", [*airline_arguments, "--output", str(tmp_path / "run")]) == 0
    (line,) = metrics(tmp_path / "run")
    assert line["reward"] == -1.0  # a random model's turns are cut
    assert json.loads((tmp_path / "run" / "config.json").read_text())["reward"] == "tool_star"


@pytest.mark.slow
def test_self_critic_from_the_command_line_and_resumed(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A random model's turns are all cut and earn the same: here they count as whole, and are paid by their letters."""

    def whole(group: Any) -> list[Pair]:
        for own in group:
            own.cut = []
        return ranked_pairs(group)

    monkeypatch.setattr(eto, "ranked_pairs", whole)
    (tmp_path / "letters.py").write_text(
        "def vowels(trajectory, task):\n    return float(sum(c in 'aeiou' for c in trajectory.steps[-1].turn.text))\n"
    )
    options = ["--model", start, "--size", "small", "--prompt", "short", "--threads", "1", "--no-progress"]
    options += ["--episodes", "4", "--samples", "3", "--max-new-tokens", "5", "--concurrency", "4", "--steps", "2"]
    options += ["--batch", "2", "--micro-batch", "1", "--save-steps", "1", "--reward", f"{tmp_path}/letters.py:vowels"]
    one, half = tmp_path / "whole", tmp_path / "half"
    assert registry.main("tool_star_dpo", [*options, "--output", str(one)]) == 0
    assert "tasks have own episodes that earned more and less" in capsys.readouterr().out
    assert registry.main("tool_star_dpo", [*options, "--output", str(half)]) == 0
    shutil.rmtree(half / "checkpoint-2")
    assert registry.main("tool_star_dpo", [*options, "--output", str(half), "--resume"]) == 0
    losses = [
        [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (one, half)
    ]
    assert len(losses[0]) == 2
    assert losses[1] == pytest.approx(losses[0], abs=1e-6)
