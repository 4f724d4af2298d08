"""The environments of tau2's tasks, on the small worlds: conformance, rewards, users, splits, what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from toolgym.checker import check_tool_env
from toolgym.env import ToolEnv
from toolgym.envs.tau2.rewards import REWARD
from toolgym.envs.tau2.users import OPENING, ScenarioUser
from toolgym.errors import ConfigError, JudgeModelError
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import doubts
from toolgym.options import EnvOptions
from toolgym.rewards.explaining import why_unsolved
from toolgym.rewards.rescoring import rescore
from toolgym.users.llm import LLMUserOptions
from toolgym.vector import ToolVectorEnv


def make(domain: str, data: Path, **options: Any) -> ToolEnv:
    options = {"split": "custom", "user": "none", **options}
    return gymnasium.make(f"ToolGym/Tau2{domain}-v0", data=data, **options).unwrapped  # pyright: ignore


def play(env: ToolEnv, task: str, *turns: Any) -> tuple[float, dict[str, Any]]:
    """The reward and the last info of an episode; a turn is a text that is said, or (name, arguments)."""
    env.reset(options={"task": task})
    total, info = 0.0, {}
    for turn in turns:
        said = Turn(response=turn) if isinstance(turn, str) else Turn(calls=(ToolCall(*turn),))
        _, reward, _, _, info = env.step(render(said, "toolgym"))
        total += reward
    return total, info


CANCEL = ("cancel_reservation", {"reservation_id": "OLD001"})
RETURN = ("return_delivered_order_items", {"order_id": "#W3", "item_ids": ["11"], "payment_method_id": "paypal_3"})
ROAMING = ("enable_roaming", {"customer_id": "C1", "line_id": "L1"})


@pytest.mark.parametrize(
    ("domain", "options"),
    [
        ("Airline", {}),
        ("Airline", {"user": "scripted"}),
        ("Retail", {}),
        ("Telecom", {"user": "scripted"}),
        ("Telecom", {"user": "none", "solo": True}),
    ],
)
def test_conformance(data, domain, options):
    options = {"data": str(data), "split": "custom", "user": "none", **options}
    names = None
    if "solo" in options:  # a task may be one switch away from its end, which random calls find
        names = ["gymnasium", "any_string", "oracle", "gold_is_hidden", "fork", "reads_change_nothing", "determinism"]
    assert check_tool_env(f"ToolGym/Tau2{domain}-v0", options=options, only=names, episodes=4).passed


class TestRewards:
    def test_the_published_one_is_the_default(self, data):
        env = make("Airline", data)
        total, info = play(env, "cancel", CANCEL, "You get $362 back in two days.")
        assert (total, info["outcome"]) == (1.0, "solved")
        # What is not in the task's basis is told too, and weighs nothing.
        assert info["rewards"] == {
            "tau2": 1.0, "DB": 1.0, "ENV_ASSERTION": 1.0, "ACTION": 1.0, "COMMUNICATE": 1.0, "NL_ASSERTION": 1.0,
        }  # fmt: skip
        total, info = play(env, "cancel", CANCEL, "You get $362 back.")
        assert (total, info["outcome"], info["rewards"]["COMMUNICATE"]) == (0.0, "unsolved", 0.0)
        reasons = why_unsolved(env.trajectory, env.task)
        assert [(each.where, each.found) for each in reasons if each.kind == "verdict"] == [("tau2", "COMMUNICATE")]

    def test_doing_nothing_is_right_where_nothing_is_to_be_done(self, data):
        env = make("Airline", data)
        assert play(env, "refuse", "I cannot do that.")[0] == 1.0
        assert play(env, "refuse", CANCEL, "Done.")[0] == 0.0

    def test_an_episode_that_was_cut_earns_nothing(self, data):
        env = make("Airline", data, max_turns=1)
        total, info = play(env, "refuse", ("get_user_details", {"user_id": "ann_1"}))
        assert (total, info["outcome"]) == (0.0, "truncated")

    def test_any_other_reward_works(self, data):
        env = make("Retail", data, reward="state")
        assert play(env, "return", RETURN, "Done.")[0] == 1.0
        assert play(make("Retail", data, reward="default"), "return", RETURN, "Done.")[0] > 0.4

    def test_rescored_like_played(self, data):
        env = make("Retail", data)
        total, _ = play(env, "return", RETURN, "Done.")
        assert sum(rescore(env.trajectory, env.task, REWARD)) == total == 1.0

    def test_what_the_user_does_counts(self, data):
        env = make("Telecom", data, user="scripted")
        turned_on = "Please turn on roaming."
        total, info = play(env, "abroad", ROAMING, turned_on, "Everything is done.")
        assert (total, info["rewards"]["ACTION"], info["rewards"]["DB"]) == (1.0, 1.0, 0.0)
        assert play(env, "abroad", ROAMING, "Everything is done.")[0] == 0.0
        assert play(env, "bill", ("send_payment_request", {"customer_id": "C1", "bill_id": "B2"}), "Done.")[0] == 0.0

    def test_solo_the_agent_does_it_all(self, data):
        env = make("Telecom", data, solo=True)
        assert env.reset(options={"task": "abroad"})[1]["messages"][-1]["content"].endswith("Ann wants abroad.")
        assert play(env, "abroad", ROAMING, ("toggle_roaming", {}), "Done.")[0] == 1.0
        assert "tech_support_workflow" in env.policy


class Judge:
    """Says what the test wants; a backend of `toolgym.rewards.judge`."""

    def __init__(self, answer: str | None, identity: str):
        self.answer, self.identity, self.asked = answer, identity, []

    def complete(self, messages, choices=()):
        self.asked.append(messages)
        if self.answer is None:
            raise JudgeModelError("It is down.")
        return self.answer


class TestJudge:
    def test_without_one_assertions_are_left_out_and_said_to_be(self, data):
        env = make("Retail", data)
        total, info = play(env, "judged", RETURN, "There you are.")
        assert (total, info["outcome"], info["unscored"]) == (1.0, "solved", ["NL_ASSERTION"])
        assert any("1 tasks count assertions in natural language" in doubt for doubt in doubts(env))

    @pytest.mark.parametrize(
        ("answer", "reward", "outcome"),
        [('{"met": true}', 1.0, "solved"), ('{"met": false}', 0.0, "unsolved"), ("met = True", 1.0, "solved")],
    )
    def test_it_decides(self, data, answer, reward, outcome):
        judge = Judge(answer, f"decides {answer}")
        env = make("Retail", data, judge=judge)
        total, info = play(env, "judged", RETURN, "There you are.")
        assert (total, info["outcome"], info["rewards"]["NL_ASSERTION"]) == (reward, outcome, reward)
        assert len(judge.asked) == 1  # the outcome and each part look at one answer
        assert "It is polite." in judge.asked[0][-1]["content"]
        assert "There you are." in judge.asked[0][-1]["content"]
        assert not doubts(env)
        # Where another part fails nothing is asked of it that could help.
        assert play(env, "judged", "No.")[0] == 0.0

    @pytest.mark.parametrize("answer", [None, "I would rather not say."])
    def test_one_that_fails_gives_no_score(self, data, answer):
        env = make("Retail", data, judge=Judge(answer, f"fails {answer}"))
        total, info = play(env, "judged", RETURN, "There you are.")
        assert total != total
        assert info["outcome"] == "unsolved"
        assert set(info["unscored"]) == {"tau2", "NL_ASSERTION"}


class TestUsers:
    def test_a_model_follows_the_scenario(self, data, chat_server):
        chat_server.script = ["I want to cancel.", "[END]"]
        options = LLMUserOptions("m", chat_server.url)
        env = make("Airline", data, user=options)
        observation, _ = env.reset(options={"task": "cancel"})
        assert OPENING in observation
        assert "You want cancel" not in observation
        env.step(render(Turn(response="What can I do for you?"), "toolgym"))
        told = chat_server.requests[0]["messages"][0]["content"]
        assert "What you want:\nYou want cancel." in told
        assert "What you know:\nYou are Ann." in told
        assert "tools" not in chat_server.requests[0]
        _, _, terminated, _, _ = env.step(render(Turn(response="Done."), "toolgym"))
        assert terminated

    def test_it_follows_the_scenario_of_options_that_are_given_whole_too(self, data):
        options = EnvOptions(user=LLMUserOptions("m"), split="test")
        env = gymnasium.make("ToolGym/Tau2Retail-v0", data=data, options=options).unwrapped
        assert isinstance(env._user, ScenarioUser)  # pyright: ignore[reportAttributeAccessIssue]

    def test_it_has_the_users_tools_in_telecom(self, data, chat_server):
        env = make("Telecom", data, user=LLMUserOptions("m", chat_server.url))
        env.reset(options={"task": "abroad"})
        env.fork().step(render(Turn(response="Please turn on roaming."), "toolgym"))
        names = {tool["function"]["name"] for tool in chat_server.requests[0]["tools"]}
        assert "toggle_roaming" in names
        assert "enable_roaming" not in names

    def test_by_default_it_is_a_model_that_must_be_named(self, data, monkeypatch):
        monkeypatch.delenv("TOOLGYM_USER_MODEL", raising=False)
        with pytest.raises(ConfigError, match="llm:MODEL"):
            gymnasium.make("ToolGym/Tau2Airline-v0", data=data)
        monkeypatch.setenv("TOOLGYM_USER_MODEL", "m")
        assert isinstance(gymnasium.make("ToolGym/Tau2Airline-v0", data=data).unwrapped._user, ScenarioUser)  # pyright: ignore

    def test_telecom_needs_one(self, data):
        with pytest.raises(ConfigError, match="needs a user"):
            make("Telecom", data).reset()


class TestTasks:
    def test_splits(self, data):
        env = make("Retail", data)
        tasks: Any = env.domain.tasks
        counts = {split: len(tasks(split)) for split in ("train", "test", "custom", "validation")}
        assert counts == {"train": 1, "test": 1, "custom": 2, "validation": 0}

    def test_a_split_that_is_not_there(self, data, tmp_path):
        folder = shutil.copytree(data, tmp_path / "some")
        tasks = json.loads((folder / "retail" / "tasks.json").read_bytes())[:1]
        (folder / "retail" / "tasks.json").write_text(json.dumps(tasks))
        with pytest.raises(ConfigError, match="none of the 1 tasks of split 'test'"):
            make("Retail", folder, split="test")
        env = make("Retail", folder)
        assert len(env.tasks) == 1
        assert "1 of the 2 published tasks of split 'custom' are not in the data" in doubts(env)

    def test_options(self, data):
        with pytest.raises(ConfigError, match="no solo mode"):
            make("Retail", data, solo=True)
        with pytest.raises(ConfigError, match="data=DIR"):
            gymnasium.make("ToolGym/Tau2Retail-v0", user="none")
        with pytest.raises(ConfigError, match="Did you mean 'judge'"):
            make("Retail", data, juge="m")
        with pytest.raises(ConfigError, match="solo is true or false, not 'no'"):
            make("Telecom", data, solo="no")
        with pytest.raises(ConfigError, match="judge is a model's name or a backend, not 5"):
            make("Retail", data, judge=5)
        with pytest.raises(ConfigError, match="data is the path of a folder, not 5"):
            gymnasium.make("ToolGym/Tau2Retail-v0", data=5, user="none")

    def test_many_at_once(self, data):
        envs = gymnasium.make_vec("ToolGym/Tau2Retail-v0", 3, data=data, split="custom", user="none")
        assert isinstance(envs, ToolVectorEnv)
        observations, _ = envs.reset(seed=0)
        assert len(observations) == 3
        envs.close()
