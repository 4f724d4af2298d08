"""Rollouts: every token has its owner, what was sampled is what is kept, and broken episodes are data."""

from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.policy import Completion
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.agents.rollouts.demonstrations import Example, TeacherPolicy, demonstrate, examples
from toolgym.agents.rollouts.episodes import TYPE_CODES, EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout, Start, rollouts, token_types
from toolgym.errors import ConfigError, InfraError
from toolgym.opening import open_env


@pytest.fixture
def played(tokenizer: Any, tiny_model: Any, toy_envs: Any) -> list[Rollout]:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=8), seed=2)
    return rollouts(policy, toy_envs(3), [Start(options={"task": task}) for task in range(7)])


def test_masks_spans_and_logprobs_belong_together(played: list[Rollout]) -> None:
    assert len(played) == 7
    for rollout in played:
        lengths = {len(rollout.completion_ids), len(rollout.env_mask), len(rollout.logprobs), len(rollout.types)}
        assert len(lengths) == 1
        sampled = [at for start, end in rollout.spans for at in range(start, end)]
        assert [at for at, own in enumerate(rollout.env_mask) if own] == sampled
        assert all((rollout.types[at] == "env") == (not own) for at, own in enumerate(rollout.env_mask))
        assert all((rollout.logprobs[at] == 0.0) == (not own) for at, own in enumerate(rollout.env_mask))
        assert len(rollout.spans) == len(rollout.rewards)
        assert rollout.spans[-1][1] == len(rollout.completion_ids)  # no context after the last turn


def test_results_come_in_the_order_of_the_starts(played: list[Rollout], tokenizer: Any) -> None:
    for task, rollout in enumerate(played):
        assert tokenizer.decode(rollout.prompt_ids).startswith("<|user|>" + "please " * (task % 5 + 1) + str(task))
        assert len(rollout.rewards) == 3 - task % 2


def test_the_context_is_what_was_said(played: list[Rollout], tokenizer: Any, toy_envs: Any) -> None:
    # Playing the decoded turns again gives the rewards and the answers that the token record holds.
    for task, rollout in enumerate(played):
        env = toy_envs(1)[0]
        env.reset(options={"task": task})
        for step, (start, end) in enumerate(rollout.spans):
            ids = rollout.completion_ids[start:end]
            text = tokenizer.decode(ids[:-1] if ids[-1] == tokenizer.eos_token_id else ids)
            answer, reward, over, _, _ = env.step(text)
            assert reward == pytest.approx(rollout.rewards[step])
            following = rollout.completion_ids[end : rollout.spans[step + 1][0]] if not over else []
            if following:
                assert answer in tokenizer.decode(following)


def test_the_same_seed_gives_the_same_rollouts(tokenizer: Any, tiny_model: Any, toy_envs: Any) -> None:
    def run(seed: int) -> list[Rollout]:
        policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=8), seed=seed)
        return rollouts(policy, toy_envs(2), [Start(options={"task": task}) for task in range(5)])

    assert run(4) == run(4)
    assert run(4) != run(5)


def test_infrastructure_failures_are_marked_and_the_rest_goes_on(
    tokenizer: Any, tiny_model: Any, toy_envs: Any
) -> None:
    class Dead:
        def reset(self, **_: Any) -> Any:
            raise InfraError("the server did not start")

        def step(self, action: str) -> Any:
            raise AssertionError("never reset")

    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=4), seed=2)
    envs = [*toy_envs(1), *toy_envs(1, fails_at=2)]
    first, second = rollouts(policy, envs, [Start(options={"task": 0}), Start(options={"task": 2})])
    assert (first.usable, second.usable) == (True, False)
    assert (second.outcome, len(second.rewards)) == ("infra_error", 2)
    ended: list[int] = []
    dead = rollouts(policy, [Dead()], [Start(), Start()], on_end=lambda index, _: ended.append(index))  # type: ignore[list-item]
    assert [rollout.outcome for rollout in dead] == ["infra_error", "infra_error"]
    assert ended == [0, 1]


def test_an_episode_that_cannot_be_started_has_no_trajectory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a real environment: at its first reset there is none, later there is the one of the episode before."""
    env = open_env("ToolGym/Airline-v0", size="small", prompt="short")
    reset, failing = env.reset, [True, False, True]

    def sometimes(**given: Any) -> Any:
        if failing.pop(0):
            raise InfraError("the server did not start")
        return reset(**given)

    monkeypatch.setattr(env, "reset", sometimes)
    played = rollouts(OraclePolicy(), [env], [Start(options={"task": task}) for task in range(3)])
    assert [rollout.outcome for rollout in played] == ["infra_error", "solved", "infra_error"]
    assert [rollout.trajectory is not None for rollout in played] == [False, True, False]


def test_a_full_context_truncates_the_episode(tokenizer: Any, tiny_model: Any, toy_envs: Any) -> None:
    options = SamplingOptions(max_new_tokens=12, context_tokens=40)
    policy = LMPolicy(tiny_model, tokenizer, options, seed=2)
    (rollout,) = rollouts(policy, toy_envs(1, limit=50), [Start(options={"task": 0})])
    assert (rollout.outcome, rollout.truncation) == ("truncated", "tokens")
    assert len(rollout.prompt_ids) + len(rollout.completion_ids) <= 40
    assert sum(rollout.env_mask) == sum(end - start for start, end in rollout.spans)
    short = LMPolicy(tiny_model, tokenizer, SamplingOptions(context_tokens=8))
    with pytest.raises(ConfigError, match="raise context_tokens"):
        rollouts(short, toy_envs(1), [Start(options={"task": 4})])
    with pytest.raises(ConfigError, match="at least one environment"):
        rollouts(policy, [], [Start()])


def test_types_follow_the_tags(tokenizer: Any) -> None:
    text = '<plan>go on</plan><tool_call>{"name": "think", "arguments": {}}</tool_call>'
    ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    types = token_types(tokenizer, Completion(text, ids, [0.0] * len(ids)))
    tokens = tokenizer.convert_ids_to_tokens(ids)
    by_token = list(zip(tokens, types, strict=True))
    assert by_token[0] == ("<plan>", "tag_plan")
    assert by_token[1] == ("g", "plan")
    assert by_token[tokens.index("</plan>")][1] == "tag_plan"
    assert by_token[tokens.index("<tool_call>")][1] == "tag_tool"
    assert by_token[tokens.index("think")][1] == "tool"
    assert by_token[tokens.index("</tool_call>")][1] == "tag_tool"
    assert by_token[-1] == ("<|end|>", "tag_tool")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_has_a_type_a_token(text: str, tokenizer: Any) -> None:
    ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    types = token_types(tokenizer, Completion(text, ids, [0.0] * len(ids)))
    assert len(types) == len(ids)
    assert all(name in TYPE_CODES and name != "env" for name in types)


def test_a_policy_without_tokens_leaves_them_empty() -> None:
    env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short")
    (rollout,) = rollouts(OraclePolicy(), [env], [Start(options={"task": 3})])
    assert (rollout.solved, rollout.completion_ids, rollout.types) == (True, [], [])
    assert rollout.trajectory is not None
    assert len(rollout.trajectory.steps) == len(rollout.rewards)


def test_demonstrations_are_the_gold_chain_with_the_tools_real_answers(tokenizer: Any) -> None:
    env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short")
    tasks = [env.tasks[index] for index in range(6)]
    episodes = demonstrate(env, tokenizer, tasks)
    assert all(episode.solved for episode in episodes)
    for task, episode in zip(tasks, episodes, strict=True):
        said = tokenizer.decode([t for t, own in zip(episode.completion_ids, episode.env_mask, strict=True) if own])
        for call in task.gold_calls:
            assert f'{{"name": "{call.name}"' in said
        assert tokenizer.decode(episode.prompt_ids) == f"<|user|>{task.request}<|end|><|assistant|>"
    made = examples(episodes)
    assert [sum(example.mask) for example in made] == [sum(episode.env_mask) for episode in episodes]
    assert all(len(example.ids) == len(example.mask) for example in made)
    shortest = min(len(example.ids) for example in made)
    assert [len(example.ids) for example in examples(episodes, max_tokens=shortest)] == [shortest]
    with pytest.raises(ConfigError, match="pass `env`"):
        TeacherPolicy(tokenizer).start(0, "x", {})


def test_broken_episodes_are_no_examples() -> None:
    good = Rollout([1], [2], [1], [0.0], ["resp"], [(0, 1)], [1.0])
    bad = Rollout([1], [2], [1], [0.0], ["resp"], [(0, 1)], [1.0], outcome="infra_error")
    assert examples([bad, good]) == [Example([1, 2], [0, 1])]


def test_a_batch_holds_what_the_rollouts_hold(played: list[Rollout]) -> None:
    batch = EpisodeBatch.of(played, 7, width=500)
    assert batch.step_BT.shape == (7, 500)
    for row, rollout in enumerate(played):
        length = len(rollout.completion_ids)
        assert batch.sampled_BT[row, :length].int().tolist() == rollout.env_mask
        assert not batch.sampled_BT[row, length:].any()
        assert batch.logprobs_BT[row].sum() == pytest.approx(sum(rollout.logprobs), abs=1e-3)
        assert batch.returns_B[row] == pytest.approx(rollout.total_reward)
        assert batch.types_BT[row, :length].tolist() == [TYPE_CODES[name] for name in rollout.types]
        for step, (start, end) in enumerate(rollout.spans):
            assert batch.step_BT[row, start:end].unique().tolist() == [step]


def test_environments_that_wait_are_stepped_at_once(tokenizer: Any, tiny_model: Any, toy_envs: Any) -> None:
    # Each step waits until the other environment steps too: one after another, the barrier would break.
    barrier = Barrier(2)

    class Waiting:
        suspends = True

        def __init__(self, env: Any):
            self.env = env

        def reset(self, **options: Any) -> Any:
            return self.env.reset(**options)

        def step(self, action: str) -> Any:
            barrier.wait(timeout=20)
            return self.env.step(action)

    def play(envs: list[Any]) -> list[Rollout]:
        policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=4), seed=2)
        return rollouts(policy, envs, [Start(options={"task": 0}), Start(options={"task": 2})])

    assert play([Waiting(env) for env in toy_envs(2)]) == play(toy_envs(2))
