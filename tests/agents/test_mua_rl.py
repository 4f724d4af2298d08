"""MUA-RL: users answer in training rollouts, their tokens carry no gradient, and the verified outcome alone pays."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from toolgym.agents.mua_rl import MUARLOptions, UserTrainer, user_tokens
from toolgym.agents.policies.models import quiet
from toolgym.agents.rollouts import rollout as rollout_module
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import registry
from toolgym.agents.training.running import env_options, prepare
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.errors import ConfigError
from toolgym.rewards import base
from toolgym.rewards.base import Reward, register
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

SMALL: dict[str, Any] = {"env": "ToolGym/Library-v0", "size": "small", "prompt": "short", "context_tokens": 512}


@pytest.fixture
def vowels() -> Iterator[str]:
    """A reward that random text earns."""

    def term(trajectory: Trajectory, task: Task, /) -> float:
        return sum(character in "aeiou" for character in trajectory.steps[-1].turn.text) / 10

    register("test_vowels_of_users", lambda: Reward({"vowels": term}, {}))
    yield "test_vowels_of_users"
    base._PRESETS.pop("test_vowels_of_users")


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users answer turns that were cut at their limit, too: a random model hardly ever ends one."""
    monkeypatch.setattr(rollout_module, "CutMessage", str)


def test_it_is_grpo_on_the_outcome_with_a_user_who_answers() -> None:
    config = MUARLOptions()
    assert (config.user, config.reward, config.beta) == ("scripted", "solved", 0.0)
    assert env_options(config)["user"] == "scripted"
    assert env_options(MUARLOptions(user="llm:some-model"))["user"] == "llm:some-model"
    with pytest.raises(ConfigError, match="--algo grpo --reward solved"):
        MUARLOptions(user="none")
    with pytest.raises(ConfigError, match="The user is an option of its own: --user"):
        env_options(MUARLOptions(set=("user=llm",)))


def test_what_users_say_is_counted_by_hand() -> None:
    # Three turns of two tokens. The user answers the first with tokens 2 to 5 (three) and the last, which nobody reads;
    # a tool answers the second with tokens 7 and 8.
    steps = [SimpleNamespace(user="yes"), SimpleNamespace(user=None), SimpleNamespace(user="bye")]
    rollout = Rollout([1], spans=[(0, 2), (5, 7), (9, 11)], trajectory=cast(Any, SimpleNamespace(steps=steps)))
    assert user_tokens(rollout) == [3, 0]
    assert user_tokens(Rollout([1], spans=[(0, 2)])) == []
    assert user_tokens(Rollout([])) == []


class Watched(UserTrainer):
    """Keeps the loss's gradient with respect to every token's log-probability, and what the tokens are."""

    seen: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        out = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self._logps = out[0]
        return out

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        # All rows as they are: the trimmed ones could not be told from here.
        loss = super(ToolTrainer, self)._compute_loss(model, inputs)
        (slopes,) = torch.autograd.grad(loss, [self._logps], retain_graph=True)
        self.seen.append((inputs["completion_ids"], inputs["completion_mask"] * inputs["tool_mask"], slopes))
        return loss


def test_user_tokens_carry_no_gradient(
    talkative: None, vowels: str, fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path
) -> None:
    given: dict[str, Any] = shape | SMALL | {"steps": 1, "micro_batch": 8}
    config = MUARLOptions(output=tmp_path, reward=vowels, **given)

    def everywhere(batch: Any) -> torch.Tensor:
        """An advantage that no token is spared by the estimator."""
        return torch.ones_like(batch.step_BT, dtype=torch.float)

    made = prepare(config, everywhere, trainer=Watched, model=fresh(), tokenizer=tokenizer)
    trainer = cast(Watched, made)
    trainer.seen = []
    with warnings.catch_warnings():
        quiet()
        trainer.train()
    ((ids_BT, mask_BT, slopes_BT),) = trainer.seen
    assert (slopes_BT[mask_BT.bool()] != 0).all()
    assert not slopes_BT[~mask_BT.bool()].any()
    rows = {tuple(rollout.completion_ids): rollout for rollout in trainer.latest}
    heard = 0
    for ids_T, slopes_T in zip(ids_BT.tolist(), slopes_BT, strict=True):
        rollout = next(own for ids, own in rows.items() if list(ids) == ids_T[: len(ids)])
        steps = cast(Any, rollout.trajectory).steps
        for at, (_, end) in enumerate(rollout.spans[:-1]):
            if steps[at].user is not None:
                start = rollout.spans[at + 1][0]
                said = tokenizer.decode(rollout.completion_ids[end:start])
                assert steps[at].user.split()[0].lower().strip(",.") in said.lower()
                assert not slopes_T[end:start].any()
                heard += 1
    assert heard == sum(own > 0 for rollout in trainer.latest for own in user_tokens(rollout))
    assert heard > 0


def test_from_the_command_line_with_a_user(
    talkative: None, airline_arguments: list[str], tmp_path: Path, metrics: Any
) -> None:
    words = [*airline_arguments, "--env", "ToolGym/Library-v0", "--output", str(tmp_path / "run")]
    assert registry.main("mua_rl", words) == 0
    (line,) = metrics(tmp_path / "run")
    assert line["mua/replies"] > 0
    assert line["mua/heard"] > 0
    assert 0 < line["mua/user_tokens"] < 1
