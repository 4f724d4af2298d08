"""ArCHer: targets, averages and advantages by hand; the critic learns what turns are worth, the actor follows it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from toolgym.agents.archer import (
    ArCHerOptions,
    make_trainer,
    transitions,
)
from toolgym.agents.rollouts.episodes import EpisodeBatch, rewards_to_go
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import registry
from toolgym.agents.training.critic import explained_variance
from toolgym.agents.training.utterance_critic import (
    Encoder,
    TurnCritic,
    TurnTransition,
    bellman_targets,
    polyak_update,
)
from toolgym.errors import ConfigError


def test_targets_averages_and_returns_by_hand() -> None:
    # 1 + 0.9 * 2 = 2.8; at the end of an episode 1, whatever the next state would be worth.
    made = bellman_targets(torch.tensor([1.0, 1.0]), torch.tensor([False, True]), torch.tensor([2.0, 2.0]), 0.9)
    assert made.tolist() == pytest.approx([2.8, 1.0])
    target, source = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    for module, value in ((target, 1.0), (source, 3.0)):
        torch.nn.init.constant_(module.weight, value)
        torch.nn.init.constant_(module.bias, -value)
    polyak_update(target, source, 0.25)  # 0.75 * 1 + 0.25 * 3 = 1.5
    assert (target.weight.item(), target.bias.item(), source.weight.item()) == (1.5, -1.5, 3.0)
    # 0 + 0.5 (1 + 0.5 * 4) = 1.5; 1 + 0.5 * 4 = 3; 4.
    assert rewards_to_go(torch.tensor([[0.0, 1.0, 4.0]]), 0.5).tolist() == [[1.5, 3.0, 4.0]]
    # Returns 1, 2, 3 (variance 1), errors 0, 1, 0 (variance 1/3): 2/3. A constant explains nothing.
    returns = torch.tensor([1.0, 2.0, 3.0])
    assert explained_variance(torch.tensor([1.0, 1.0, 3.0]), returns) == pytest.approx(2 / 3)
    assert explained_variance(torch.zeros(3), returns) == pytest.approx(0.0)
    assert explained_variance(torch.zeros(3), torch.ones(3)) is None


def critic(width: int = 2, **changes: Any) -> TurnCritic:
    given: dict[str, Any] = {"gamma": 0.5, "polyak": 0.2, "rate": 0.02, "size": 100, "seed": 3}
    return TurnCritic(width, **given | changes)


def constant(made: TurnCritic, **values: float) -> None:
    """Makes each network say one number."""
    for name, value in values.items():
        torch.nn.init.constant_(made.nets[name][2].bias, value)  # type: ignore[index]


def test_the_advantage_takes_the_smaller_of_each_pair() -> None:
    made = critic()
    zeros = torch.zeros(3, 2)
    assert made.advantages(zeros, zeros).tolist() == [0.0] * 3  # nothing is learnt yet
    constant(made, q1=0.7, q2=0.9, v1=0.4, v2=0.2)
    assert made.advantages(zeros, zeros).tolist() == pytest.approx([0.5] * 3)  # 0.7 - 0.2
    assert made.values(zeros).tolist() == pytest.approx([0.2] * 3)
    assert made.gap(zeros) == pytest.approx(0.2)


START, MIDDLE, GOOD, BAD, ON = torch.eye(5).unbind()


def turn(state: torch.Tensor, action: torch.Tensor, reward: float, following: torch.Tensor | None) -> TurnTransition:
    next_D = torch.zeros(5) if following is None else following
    return TurnTransition([1], state, action, reward, next_D, following is None, action)


def test_it_learns_what_turns_are_worth_and_v_follows_the_policy_that_draws() -> None:
    made = critic(5)
    # From the start always to the middle, where one action earns 1 and the other 0. The policy took either once, but
    # would now take the good one: V(middle) is 1, though half of the turns there earned nothing, and Q of going there
    # is 0.5 * 1.
    made.buffer += [turn(START, ON, 0.0, MIDDLE), turn(MIDDLE, GOOD, 1.0, None), turn(MIDDLE, BAD, 0.0, None)]
    made.buffer[2].drawn_D = GOOD
    for number in range(12):
        made.learn(50, 16, number)
    states, turns = torch.stack([START, MIDDLE, MIDDLE]), torch.stack([ON, GOOD, BAD])
    assert made.values(states).tolist() == pytest.approx([0.5, 1.0, 1.0], abs=0.05)
    assert made.advantages(states, turns).tolist() == pytest.approx([0.0, 0.0, -1.0], abs=0.08)
    # Now it would take the bad one, so that the good one is better than usual, and the start worth nothing.
    made.buffer[1].drawn_D = made.buffer[2].drawn_D = BAD
    for number in range(12, 24):
        made.learn(50, 16, number)
    assert made.values(states).tolist() == pytest.approx([0.0, 0.0, 0.0], abs=0.05)
    assert made.advantages(states, turns).tolist() == pytest.approx([0.0, 1.0, 0.0], abs=0.08)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    one, other = critic(5), critic(5)
    one.buffer.append(turn(START, GOOD, 1.0, None))
    one.learn(5, 4, 0)
    torch.save(one.state(), tmp_path / "it.pt")
    other.load(torch.load(tmp_path / "it.pt", weights_only=True))
    assert one.learn(5, 4, 1) == other.learn(5, 4, 1)
    assert torch.equal(one.values(torch.eye(5)), other.values(torch.eye(5)))
    assert [vars(own).keys() for own in one.buffer] == [vars(own).keys() for own in other.buffer]


def episode(*rewards: float) -> Rollout:
    """Two tokens a turn, with one of the environment's between turns."""
    count = len(rewards)
    return Rollout(
        [1, 2],
        completion_ids=[5] * (3 * count - 1),
        env_mask=([1, 1, 0] * count)[:-1],
        logprobs=[-1.0] * (3 * count - 1),
        types=(["resp", "resp", "env"] * count)[:-1],  # pyright: ignore[reportArgumentType]
        spans=[(3 * step, 3 * step + 2) for step in range(count)],
        rewards=list(rewards),
        outcome="unsolved",
    )


def test_the_turns_of_an_episode_by_hand() -> None:
    features = torch.arange(4.0)[:, None]
    first, second = transitions(episode(0.5, 2.0), features)
    assert (first.context_ids, second.context_ids) == ([1, 2], [1, 2, 5, 5, 5])
    assert [(t.state_D.item(), t.turn_D.item(), t.next_D.item()) for t in (first, second)] == [(0, 1, 2), (2, 3, 0)]
    assert [(t.reward, t.ends, t.drawn_D.item()) for t in (first, second)] == [(0.5, False, 1), (2.0, True, 3)]


def test_features_are_of_the_place_and_not_of_what_comes_later(tiny_model: Any) -> None:
    encoder = Encoder(tiny_model)
    (one, other) = encoder([[7, 8, 9, 10], [7, 8]], [[1, 3], [1]])
    assert one.shape == (2, 32)
    assert torch.allclose(one[0], other[0], atol=1e-5)
    assert not torch.allclose(one[0], one[1], atol=1e-2)
    with torch.no_grad():
        hidden = tiny_model.base_model(input_ids=torch.tensor([[7, 8]])).last_hidden_state[0, 1]
    assert torch.allclose(other[0], torch.nn.functional.layer_norm(hidden, (32,)), atol=1e-5)
    assert not any(weight.requires_grad for weight in encoder.trunk.parameters())


def test_the_actor_raises_the_tokens_of_turns_that_the_critic_prefers(
    fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = shape | {"size": "small", "prompt": "short", "context_tokens": 1024}
    trainer: Any = make_trainer(ArCHerOptions(output=tmp_path, warm_up=0, **given), fresh(), tokenizer)
    trainer.latest = [episode(0.0, 1.0), episode(1.0), episode(0.0, 0.0), episode(2.0)]
    trainer.latest[3].outcome = "infra_error"
    monkeypatch.setattr(trainer, "_resample", lambda number: 0)
    monkeypatch.setattr(trainer.critic, "advantages", lambda states, turns: torch.tensor([0.5, -1.0, 2.0, 0.0, -3.0]))
    advantages_BT = trainer.estimate(EpisodeBatch.of(trainer.latest, 2))["advantages"]
    wanted = [[0.5, 0.5, 0, -1, -1], [2, 2, 0, 0, 0], [0, 0, 0, -3, -3], [0, 0, 0, 0, 0]]
    assert advantages_BT.tolist() == wanted
    logps = torch.zeros(4, 5, requires_grad=True)
    (-(logps * advantages_BT).sum()).backward()
    assert torch.equal(-logps.grad, torch.tensor(wanted))  # type: ignore[operator]
    assert len(trainer.critic.buffer) == 5
    # While it warms up, only the critic learns.
    trainer.options = ArCHerOptions(output=tmp_path, warm_up=1, **given)
    assert not trainer.estimate(EpisodeBatch.of(trainer.latest, 2))["advantages"].any()


def test_a_checkpoint_that_is_none_or_damaged_is_named(
    fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path
) -> None:
    given: dict[str, Any] = shape | {"size": "small", "prompt": "short", "context_tokens": 1024}
    trainer: Any = make_trainer(ArCHerOptions(output=tmp_path, **given), fresh(), tokenizer)
    with pytest.raises(ConfigError, match="no checkpoint of an ArCHer run"):
        trainer._load_optimizer_and_scheduler(str(tmp_path))
    whole = tmp_path / "archer_critic.pt"
    torch.save(trainer.critic.state(), whole)
    trainer._load_optimizer_and_scheduler(str(tmp_path))
    for damaged in (whole.read_bytes()[:-200], b"", b"text"):
        whole.write_bytes(damaged)
        with pytest.raises(ConfigError, match=r"archer_critic\.pt is damaged"):
            trainer._load_optimizer_and_scheduler(str(tmp_path))
    torch.save({"nets": {}}, whole)
    with pytest.raises(ConfigError, match=r"archer_critic\.pt is damaged"):
        trainer._load_optimizer_and_scheduler(str(tmp_path))


def test_options() -> None:
    for changes, said in (
        ({"gamma": 1.1}, "at most 1"),
        ({"polyak": 0.0}, "polyak must be above 0"),
        ({"critic_steps": 0}, "critic_steps must be above 0"),
        ({"stale": 1}, "leave it at 0"),
    ):
        with pytest.raises(ConfigError, match=said):
            ArCHerOptions(**changes)  # pyright: ignore[reportArgumentType]


def test_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    assert registry.main("archer", [*airline_arguments, "--output", str(tmp_path / "run")]) == 0
    (line,) = metrics(tmp_path / "run")
    assert line["archer/resampled"] > 0
    assert line["archer/buffer"] > 0
    assert line["grad_norm"] == 0.0  # the critic warms up
