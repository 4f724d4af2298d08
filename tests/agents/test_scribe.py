"""SCRIBE: steps find their skill, rubrics are met item by item, and advantages compare like with like, by hand."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.scribe import SCRIBEOptions, make_trainer, rubric_advantages, rubric_scores
from toolgym.agents.training import registry
from toolgym.errors import ConfigError
from toolgym.messages import ParseProblem, ToolCall, Turn, render
from toolgym.opening import open_env
from toolgym.rewards import make_reward
from toolgym.rewards.scribe import LIBRARY, route, rubric_score
from toolgym.rewards.text import text_episode
from toolgym.trajectory import Step, ToolResult, Trajectory

GOLD = [ToolCall("find", {"id": "u1"}), ToolCall("pay", {"id": "b22", "way": "card"})]
OK, NO = ToolResult("ok"), ToolResult("no", is_error=True, outcome="tool_error")
AWAY = ToolResult("Try again.", is_error=True, outcome="unavailable")
_, TASK = text_episode("x", GOLD)


def call(name: str, result: ToolResult = OK, **arguments: Any) -> Step:
    return Step(Turn(calls=(ToolCall(name, arguments),)), (result,), observation="ok")


def judged(*steps: Step) -> tuple[str, float]:
    """Skill and score of the last of the steps."""
    trajectory = Trajectory("e", "t", prompt="I am u1.", steps=list(steps))
    skill = route(trajectory, TASK)
    return skill.name, rubric_score(skill, trajectory, TASK)


def test_each_step_finds_its_skill_and_its_score_by_hand() -> None:
    found = Step(GOLD_TURN := Turn(calls=(GOLD[0],)), (OK,), observation="u1 has bill b22")
    paid = Step(Turn(calls=(GOLD[1],)), (OK,), diff={"bills": {"b22": {"paid": True}}})
    answer = Step(Turn(response="Done."))
    assert judged(found) == ("look_up", 1.0)
    # Made again it is neither new nor an advance: three of five.
    assert judged(found, Step(GOLD_TURN, (OK,))) == ("look_up", pytest.approx(3 / 5))
    # An id that nobody has said: refused, not grounded, no advance; well-formed and new are left.
    assert judged(call("find", NO, id="u7")) == ("look_up", pytest.approx(2 / 5))
    assert judged(found, paid) == ("change", 1.0)
    # b22 was not read before.
    assert judged(paid) == ("change", 3 / 4)
    refused = call("pay", NO, id="b22")
    assert judged(refused, call("pay", NO, id="b22")) == ("recover", 1 / 4)  # well-formed, and no more
    assert judged(refused, found) == ("recover", 1.0)
    # A tool that was unavailable refused nothing: to make its call again is right.
    assert judged(call("find", AWAY, id="u1"), found) == ("recover", 1.0)
    assert judged(found, paid, answer) == ("answer", 1.0)
    assert judged(found, answer) == ("answer", pytest.approx(2 / 3))  # too early
    asked = Step(Turn(response="Which bill?"), user="b22")
    assert judged(asked) == ("talk", 1.0)
    assert judged(asked, Step(Turn(response="Which bill?"), user="b22")) == ("talk", 1 / 2)
    broken = Step(Turn(problems=(ParseProblem("empty", "nothing was said"),)))
    assert judged(broken) == ("none", 0.0)


def test_the_reward_is_the_outcome_and_tells_one_skill_a_step() -> None:
    reward = make_reward("scribe")
    total, parts = reward.score(Trajectory("e", "t", prompt="u1", steps=[call("find", id="u1")]), TASK)
    assert (total, parts) == (0.0, {"outcome": 0.0, "skill_look_up": 1.0})
    assert math.isfinite(reward.score(*text_episode("", GOLD))[0])


def test_the_gold_chain_meets_its_rubrics() -> None:
    env = open_env("ToolGym/Library-v0", size="small", reward="scribe")
    for index in range(12):
        env.reset(options={"task": index})
        task, told, over, outcome = env.task, [], False, None
        for action in task.gold:
            gold_calls = tuple(each.call() for each in action.calls)
            _, _, over, _, info = env.step(render(Turn(action.plan, gold_calls, action.response)))
            outcome = info["outcome"] if over else None
            told += [value for name, value in info["rewards"].items() if name.startswith("skill_")]
        assert over
        assert outcome == "solved"
        assert len(told) == len(task.gold)
        assert told == [1.0] * len(told), (task.id, told)
    env.close()


def episode(*scores: tuple[str, float], reward: float = 0.0, usable: bool = True) -> Rollout:
    """A token a step, with the rubric's score of each."""
    count = len(scores)
    return Rollout(
        [1],
        completion_ids=[5] * count,
        env_mask=[1] * count,
        logprobs=[-1.0] * count,
        types=["tool"] * count,
        spans=[(step, step + 1) for step in range(count)],
        rewards=[0.0] * (count - 1) + [reward],
        components=[{"outcome": 0.0, f"skill_{name}": score} for name, score in scores],
        outcome="unsolved" if usable else "infra_error",
    )


def test_steps_are_compared_with_steps_of_their_skill_by_hand() -> None:
    rollouts = [
        episode(("look_up", 1.0), ("look_up", 0.4), ("answer", 1.0)),
        episode(("look_up", 0.4), ("answer", 1.0)),
        episode(("look_up", 9.0), usable=False),
        episode(("change", 0.5), ("answer", 1.0)),
    ]
    batch = EpisodeBatch.of(rollouts, 4)
    skill_BS, score_BS = rubric_scores(rollouts, 3)
    assert skill_BS.tolist() == [[2, 2, 4], [2, 4, -1], [2, -1, -1], [1, 4, -1]]
    # Look-ups of usable episodes: 1, 0.4, 0.4, mean 0.6. All answers score 1, and there is one change: nothing to
    # compare them with.
    made = rubric_advantages(skill_BS, score_BS, batch.usable_B, 4)
    wanted = torch.tensor([[0.4, -0.2, 0], [-0.2, 0, 0], [0, 0, 0], [0, 0, 0]], dtype=torch.float64)
    assert torch.allclose(made, wanted)


@given(
    st.lists(st.lists(st.tuples(st.integers(-1, 5), st.floats(0, 1)), min_size=3, max_size=3), min_size=4, max_size=4)
)
def test_each_skills_advantages_add_up_to_nothing_in_a_group(rows: list[list[tuple[int, float]]]) -> None:
    """Neither more steps of a skill nor an easy one gain anything by themselves."""
    skill_BS = torch.tensor([[skill for skill, _ in row] for row in rows])
    score_BS = torch.tensor([[score for _, score in row] for row in rows], dtype=torch.float64)
    usable_B = torch.tensor([True, True, True, False])
    made = rubric_advantages(skill_BS, score_BS, usable_B, 2)
    assert not made[3].any()
    assert not made[skill_BS < 0].any()
    for group in (slice(0, 2), slice(2, 4)):
        for skill in range(6):
            assert float(made[group][skill_BS[group] == skill].sum()) == pytest.approx(0.0, abs=1e-9)


def test_one_step_moves_the_steps_that_meet_their_rubrics_up(
    fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path
) -> None:
    options: dict[str, Any] = shape | {"size": "small", "prompt": "short", "context_tokens": 1024}
    trainer = make_trainer(SCRIBEOptions(output=tmp_path, **options), fresh(), tokenizer)
    # Both failed: GRPO has nothing to say, the rubrics have. In the second group the outcome alone speaks.
    trainer.latest = [
        episode(("look_up", 1.0), ("answer", 0.0)),
        episode(("look_up", 0.0), ("answer", 1.0)),
        episode(("look_up", 1.0), reward=1.0),
        episode(("look_up", 1.0)),
    ]
    batch = EpisodeBatch.of(trainer.latest, 2)
    advantages_BT = trainer.estimate(batch)["advantages"]
    logps = torch.zeros(4, 2, requires_grad=True)
    (-(logps * advantages_BT).sum()).backward()
    moved = -logps.grad  # type: ignore[operator]
    assert moved[:2].tolist() == [[0.5, -0.5], [-0.5, 0.5]]
    assert moved[2, 0] > 0 > moved[3, 0]
    told = {name: values[-1] for name, values in trainer._metrics["train"].items() if name.startswith("scribe/")}
    # Four of six steps look up, scoring 1, 0, 1 and 1; two answer.
    assert told["scribe/look_up"] == pytest.approx(2 / 3)
    assert told["scribe/look_up_score"] == 0.75
    assert told["scribe/answer_score"] == 0.5
    assert told["scribe/by_rubric_alone"] == 0.5
    assert "scribe/change_score" not in told
    assert [name for name in told if not name.endswith("_score")] == [
        *(f"scribe/{skill.name}" for skill in LIBRARY),
        "scribe/by_rubric_alone",
    ]


def test_another_reward_is_refused() -> None:
    with pytest.raises(ConfigError, match='train with reward="scribe"'):
        rubric_scores([Rollout([1], rewards=[1.0], components=[{"outcome": 1.0}])], 1)
    with pytest.raises(ConfigError, match="rubric_weight must be at least 0"):
        SCRIBEOptions(rubric_weight=-1.0)


def test_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    assert registry.main("scribe", [*airline_arguments, "--output", str(tmp_path / "run")]) == 0
    (line,) = metrics(tmp_path / "run")
    assert sum(line[f"scribe/{skill.name}"] for skill in LIBRARY) == pytest.approx(1.0)
