"""Options of a reward, given as options of the run and by --set: each counts, or is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from toolgym.agents.dupo import DUPOOptions, make_trainer
from toolgym.agents.toolupt import ToolUPTOptions
from toolgym.agents.toolupt import make_trainer as make_toolupt
from toolgym.agents.training.awpo_options import AWPOOptions
from toolgym.agents.training.grpo_options import GRPOOptions
from toolgym.agents.training.running import env_options, reward_of, run
from toolgym.errors import ConfigError


@pytest.fixture
def small(shape: dict[str, Any]) -> dict[str, Any]:
    """On the small airline, one step."""
    return shape | {"size": "small", "prompt": "short", "steps": 1, "save_steps": 1, "context_tokens": 1024}


@pytest.mark.parametrize(
    ("options", "given", "merged"),
    [
        ({"semantic": 0.2}, '{"decay": "none"}', {"semantic": 0.2, "decay": "none"}),
        (
            {"decay": "linear"},
            '{"similarity": "lexical"}',
            {"semantic": 0.5, "decay": "linear", "similarity": "lexical"},
        ),
        ({}, '{"semantic": 0.0}', {"semantic": 0.0, "decay": "exponential"}),
        ({"semantic": 0.2}, '{"semantic": 0.2}', {"semantic": 0.2, "decay": "exponential"}),
    ],
)
def test_both_count(options: dict[str, Any], given: str, merged: dict[str, Any]) -> None:
    config = DUPOOptions(set=(f"reward_options={given}",), **options)
    assert env_options(config)["reward_options"] == merged


def test_awpos_judge_stays_beside_other_options() -> None:
    config = AWPOOptions(set=('reward_options={"plan": false}',))
    assert env_options(config)["reward_options"] == {"judge": "offline", "plan": False}
    assert set(reward_of(config).terms) == {"format", "exec", "reasoning"}


def test_two_values_for_one_are_refused() -> None:
    config = DUPOOptions(semantic=0.2, set=('reward_options={"semantic": 0.3}',))
    with pytest.raises(ConfigError, match=r"semantic=0\.2 and --set reward_options with semantic=0\.3 are two"):
        env_options(config)
    with pytest.raises(ConfigError, match="The reward is an option of its own: --reward"):
        env_options(DUPOOptions(set=("reward=toolrl",)))
    for options in ({"judge": "none"}, {"judge": "endpoint", "judge_model": "m"}):
        config = AWPOOptions(set=('reward_options={"judge": "facts"}',), **cast(Any, options))
        with pytest.raises(
            ConfigError, match=rf"judge='{options['judge']}' and --set reward_options with judge='facts'"
        ):
            env_options(config)


def test_a_scale_that_would_not_move_is_refused() -> None:
    for name in ("two_stage", "scheduled", "schedule_length"):
        config = GRPOOptions(reward="toolrl", set=(f'reward_options={{"with_length": true, "{name}": true}}',))
        with pytest.raises(ConfigError, match=f"{name} moves with the training step"):
            env_options(config)
        at = GRPOOptions(reward="toolrl", set=(f'reward_options={{"{name}": true, "with_length": true, "step": 75}}',))
        assert env_options(at)["reward_options"]["step"] == 75
    assert env_options(GRPOOptions(reward="toolrl", set=('reward_options={"max_one": true, "scheduled": false}',)))


@pytest.mark.parametrize(
    ("given", "kind", "weight", "weights"),
    [
        ('reward_options={"decay": "none"}', "none", 0.5, {}),
        ('reward_options={"semantic": 0.0}', "exponential", 0.0, {}),
        ('reward_weights={"name": 3.0}', "exponential", 0.5, {"name": 3.0}),
    ],
)
def test_token_candidates_are_scored_by_the_runs_reward(
    given: str,
    kind: str,
    weight: float,
    weights: dict[str, float],
    fresh: Any,
    tokenizer: Any,
    tmp_path: Path,
    small: Any,
) -> None:
    config = DUPOOptions(output=tmp_path, candidates="token", set=(given,), **small)
    scorer = make_trainer(config, fresh(), tokenizer).scorer
    assert (scorer.kind, scorer.weight, dict(scorer.weights)) == (kind, weight, weights)
    # r_name 1, r_param 1, r_format 1, and equal texts: 3; three times the name is 5. Action 1 of 1 decays by
    # exp(-log 2) = 0.5, or not.
    call = '<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>'
    expected = (5.0 if weights else 3.0) * (1.0 if kind == "none" else 0.5)
    assert scorer(call, call, ends=True, index=1, total=1) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("make", "config"),
    [
        (make_toolupt, ToolUPTOptions(expert="none", fine_grained=False)),
        (make_trainer, DUPOOptions(unified=False)),
    ],
)
def test_an_expert_that_nothing_uses_is_not_played(
    make: Any, config: Any, fresh: Any, tokenizer: Any, tmp_path: Path, small: Any, metrics: Any, monkeypatch: Any
) -> None:
    some = replace(config, output=tmp_path, **small)
    trainer = make(some, fresh(), tokenizer)
    monkeypatch.setattr(trainer, "expert", lambda task: pytest.fail("an expert was played"))
    run(trainer, some)
    (line,) = metrics(tmp_path)
    assert line["env_steps"] == sum(len(rollout.rewards) for rollout in trainer.latest)
    assert not any(name.startswith("expert/") for name in line)


@pytest.mark.parametrize(
    ("make", "config"),
    [(make_toolupt, ToolUPTOptions(expert="none")), (make_trainer, DUPOOptions())],
)
def test_one_that_is_used_is_played_and_counted(
    make: Any, config: Any, fresh: Any, tokenizer: Any, tmp_path: Path, small: Any, metrics: Any
) -> None:
    some = replace(config, output=tmp_path, **small)
    trainer = make(some, fresh(), tokenizer)
    run(trainer, some)
    (line,) = metrics(tmp_path)
    assert line["env_steps"] > sum(len(rollout.rewards) for rollout in trainer.latest)
