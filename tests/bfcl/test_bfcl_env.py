"""`ToolGym/BFCL-v0` on a benchmark that is made up: every category, both ways to give a model its tools."""

import gymnasium
import pytest

from toolgym.agents.policies import ApiPolicy, OraclePolicy
from toolgym.agents.policies.api import ApiOptions
from toolgym.agents.rollouts import Start, rollouts
from toolgym.envs.bfcl.cases import CATEGORIES, GROUPS
from toolgym.envs.bfcl.tasks import judged
from toolgym.errors import ConfigError
from toolgym.rewards.verdicts import register_verdict, verdict_of
from toolgym.trajectory import TrajectoryWriter, read_trajectories

CALL = '<tool_call>{"name": "%s", "arguments": %s}</tool_call>'
DONE = "<response>Done.</response>"


@pytest.fixture(name="make")
def on_the_made_up_benchmark(made_up_bfcl):
    """`make(category=…)` -> the environment."""
    made = []

    def run(**options):
        made.append(gymnasium.make("ToolGym/BFCL-v0", data=str(made_up_bfcl), **options).unwrapped)
        return made[-1]

    yield run
    for env in made:
        env.close()


def played(env, *actions):
    """What the last of the actions gave."""
    out = None
    for action in actions:
        out = env.step(action)
    return out


class TestGold:
    @pytest.mark.parametrize("mode", ["fc", "prompting"])
    def test_it_solves_every_case(self, make, mode):
        env = make(mode=mode)
        starts = [Start(options={"task": task.id}) for task in env.tasks]
        done = rollouts(OraclePolicy(), [env], starts)
        # One case is unlike what its category asks: 17 categories of 2 cases.
        assert len(done) == 2 * len(CATEGORIES) == 34
        assert [each.trajectory.task_id for each in done if not each.solved or each.total_reward != 1.0] == []

    def test_categories_are_chosen_by_name_and_by_group(self, make):
        assert {task.kind[0] for task in make(category="live").tasks} == set(GROUPS["live"])
        assert len(make(category=["simple_java", "multi_turn"]).tasks) == 2 + 8
        assert len(make(split="train", category="multiple").tasks) == 2
        assert make(category="live").tasks.by_id("live_simple_1").id == "live_simple_1"


class TestSingleTurns:
    def test_any_message_ends_the_episode_and_no_call_is_carried_out(self, make):
        env = make(category="simple_python", task=0)
        _, info = env.reset()
        assert [tool["function"]["name"] for tool in info["tools"]] == ["weather_get"]
        assert info["messages"][-1] == {"role": "user", "content": "The weather in Paris, please."}
        observation, reward, terminated, _, info = env.step(CALL % ("weather_get", '{"city": "paris, fr"}'))
        assert (observation, reward, terminated, info["outcome"]) == (
            "<tool_response></tool_response>",
            1.0,
            True,
            "solved",
        )

    @pytest.mark.parametrize(
        ("action", "error"),
        [
            (DONE, "ast_decoder:decoder_failed"),
            ("", "ast_decoder:decoder_failed"),
            (CALL % ("weather_get", "{broken"), "ast_decoder:decoder_failed"),
            (CALL % ("weather_get", '{"city": "Rome"}'), "value_error:string"),
            (CALL % ("weather.get", '{"city": "Paris"}'), "simple_function_checker:wrong_func_name"),
            (2 * (CALL % ("weather_get", '{"city": "Paris"}')), "simple_function_checker:wrong_count"),
        ],
    )
    def test_what_is_wrong_has_its_official_name(self, make, action, error):
        env = make(category="simple_python", task=0)
        env.reset()
        _, reward, terminated, _, _ = env.step(action)
        assert (reward, terminated, judged(env.trajectory, env.task).error_type) == (0.0, True, error)

    def test_in_the_prompting_mode_tools_are_words_and_answers_are_text(self, make):
        env = make(category="simple_python", mode="prompting")
        _, info = env.reset(options={"task": 1})
        assert info["tools"] == []
        system, user = info["messages"]
        # The made-up benchmark's own words, and the case's own system message behind them.
        assert system["content"].startswith('Use these: [{"name": "weather.get"')
        assert system["content"].endswith("\n\nYou are brief.")
        assert user["content"] == "The weather in Paris, please."
        assert env.step("<think>Lyon.</think>[weather.get(city='Lyon', days=2)]")[1] == 1.0
        env.reset(options={"task": 1})
        assert env.step("It rains.")[1] == 0.0


class TestValuesThatAreNoJson:
    """What Python has and JSON has not is an argument in the prompting mode too, and is kept with the episode."""

    @pytest.mark.parametrize("value", ["b'x'", "1j", "{(1, 2): 3}", "{1: 2}", "(b'x', ...)"])
    @pytest.mark.parametrize("category", ["simple_python", "multi_turn_base"])
    def test_an_episode_with_one_is_written(self, make, tmp_path, category, value):
        env = make(category=category, mode="prompting", task=0)
        env.reset()
        env.step(f"[mkdir(name={value})]")
        with TrajectoryWriter(tmp_path / "episodes.jsonl") as file:
            file.write(env.trajectory)
        (kept,) = read_trajectories(tmp_path / "episodes.jsonl")
        assert kept.calls == env.trajectory.calls

    def test_a_tuple_is_a_list_to_the_tools(self, make):
        env = make(category="multi_turn_base", mode="prompting", task=0)
        env.reset()
        assert "2.0" in env.step("[mean(numbers=(1, 3))]")[0]


class TestConversations:
    def test_the_next_turn_comes_with_a_response_and_tools_with_their_turn(self, make):
        env = make(category="multi_turn_miss_func")
        _, info = env.reset(options={"task": 0})
        names = [tool["function"]["name"] for tool in info["tools"]]
        assert "mkdir" in names
        assert "echo" not in names
        assert info["messages"][-1]["content"] == "Make a folder a and go there."
        _, _, ended, _, info = played(env, CALL % ("mkdir", '{"name": "a"}'), CALL % ("cd", '{"folder": "a"}'))
        assert not ended
        assert "tools" not in info
        _, _, _, _, info = env.step(DONE)
        assert info["messages"][-1] == {"role": "user", "content": "Write hi into x.txt there."}
        observation, _, _, _, info = env.step(DONE)
        assert [tool["function"]["name"] for tool in info["tools"]] == [*names, "echo"]
        assert '"name":"echo"' in observation
        assert observation.endswith("<user>Here is more.</user>")
        echo = CALL % ("echo", '{"content": "hi", "file_name": "x.txt"}')
        mean = CALL % ("mean", '{"numbers": [1, 3]}')
        _, reward, ended, _, info = played(env, echo, DONE, mean, DONE)
        assert (reward, ended, info["outcome"]) == (1.0, True, "solved")

    def test_a_tool_that_is_held_back_is_carried_out_as_officially(self, make):
        env = make(category="multi_turn_miss_func", task=0)
        env.reset()
        observation, *_ = env.step(CALL % ("echo", '{"content": "hi"}'))
        assert observation == '<tool_response>{"terminal": "hi"}</tool_response>'

    def test_errors_of_tools_are_told_in_the_official_words(self, make):
        env = make(category="multi_turn_base", task=0)
        env.reset()
        observation, _, _, _, info = env.step(CALL % ("cd", '{"folder": "b"}') + CALL % ("cd", '{"where": 1}'))
        assert [call["outcome"] for call in info["calls"]] == ["tool_error", "invalid_arguments"]
        assert '<tool_error>{"error": "no folder b"}</tool_error>' in observation
        assert (
            "Error during execution: GorillaFileSystem.cd() got an unexpected keyword argument 'where'" in observation
        )
        observation, _, _, _, info = env.step(CALL % ("create_ticket", '{"title": "x"}'))  # another case's
        assert info["calls"] == [{"name": "create_ticket", "outcome": "unknown_tool"}]

    def test_forks_share_nothing(self, make):
        env = make(category="multi_turn_base", task=0)
        env.reset()
        env.step(CALL % ("mkdir", '{"name": "a"}'))
        twin = env.fork()
        env.step(CALL % ("mkdir", '{"name": "b"}'))
        twin.step(CALL % ("mkdir", '{"name": "c"}'))
        assert '["a", "b", "old.txt"]' in env.step(CALL % ("ls", "{}"))[0]
        assert '["a", "c", "old.txt"]' in twin.step(CALL % ("ls", "{}"))[0]
        assert set(twin.trajectory.diff["GorillaFileSystem"]["root"]["contents"]) == {"a", "c", "old.txt"}
        twin.close()

    def test_a_conversation_that_ends_early_or_a_turn_of_too_many_steps_is_given_up(self, make):
        env = make(category="multi_turn_base")
        env.reset(options={"task": 1})
        env.step(CALL % ("create_ticket", '{"title": "no heat"}'))
        assert judged(env.trajectory, env.task).error_type == "multi_turn:force_terminated"
        steps = [CALL % ("ls", "{}")] * 21
        env.reset(options={"task": 1})
        ticket = CALL % ("create_ticket", '{"title": "no heat"}')
        assert played(env, ticket, DONE, *steps[:20], DONE)[1] == 1.0
        env.reset(options={"task": 1})
        assert played(env, ticket, DONE, *steps, DONE)[1] == 0.0
        assert judged(env.trajectory, env.task).error_type == "multi_turn:force_terminated"


def test_the_prompting_mode_tells_results_in_one_message_of_the_users(make):
    env = make(category="multi_turn_miss_func", mode="prompting", task=0)
    env.reset()
    _, _, _, _, info = env.step("[mkdir(name='a'), cd(folder='a')]")
    told = [
        {"role": "tool", "name": "mkdir(name='a')", "content": "None"},
        {"role": "tool", "name": "cd(folder='a')", "content": '{"now": "a"}'},
    ]
    assert info["messages"] == [{"role": "user", "content": repr(told)}]
    played(env, "Done.")
    _, _, _, _, info = env.step("There is no tool.")
    (message,) = info["messages"]
    assert message["content"].startswith("[{'name': 'echo'")  # the tools that are added are in the words
    assert message["content"].endswith(" Here is more.")
    assert "tools" not in info


def test_an_endpoint_is_told_the_tools_and_nothing_of_ours(make, chat_server):
    def calls(name, arguments):
        function = {"name": name, "arguments": arguments}
        return {"content": None, "tool_calls": [{"id": "c", "type": "function", "function": function}]}

    chat_server.script = [
        calls("mkdir", '{"name": "a"}'),
        calls("cd", '{"folder": "a"}'),
        "Done.",
        "I lack a tool.",
        calls("echo", '{"content": "hi", "file_name": "x.txt"}'),
        "Written.",
        calls("mean", '{"numbers": [1, 3]}'),
        "It is 2.",
    ]
    env = make(category="multi_turn_miss_func")
    policy = ApiPolicy(ApiOptions(model="m", base_url=chat_server.url))
    (done,) = rollouts(policy, [env], [Start(options={"task": 0})])
    policy.close()
    assert done.solved
    first, after = chat_server.requests[0], chat_server.requests[4]
    assert first["messages"] == [{"role": "user", "content": "Make a folder a and go there."}]
    assert [len(after["tools"]) - len(first["tools"]), after["tools"][-1]["function"]["name"]] == [1, "echo"]
    assert after["messages"][-1] == {"role": "user", "content": "Here is more."}
    assert not any("# Tools" in str(message["content"]) for message in after["messages"])


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"category": "simple"}, "Did you mean 'simple_"),
            ({"mode": "text"}, "Unknown BFCL mode 'text'"),
            ({"category": []}, "chooses nothing"),
            ({"category": 5}, "category is a name, or several in a list, not 5"),
            ({"category": [["live"]]}, "Unknown BFCL category"),
            ({"kinds": "live_simple", "category": "multiple"}, "among the chosen ones"),
            ({"rename": True}, "cannot be perturbed"),
            ({"size": "small"}, "Unknown option 'size'"),
        ],
    )
    def test_what_cannot_be(self, make, options, error):
        with pytest.raises(ConfigError, match=error):
            make(**options)

    def test_data_that_is_not_there(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TOOLGYM_DATA", str(tmp_path))
        with pytest.raises(ConfigError, match="toolgym data get bfcl"):
            gymnasium.make("ToolGym/BFCL-v0")


def test_a_verdict_is_found_by_its_name():
    register_verdict("test_always", lambda trajectory, task: None)
    assert verdict_of("test_always")(None, None) is None  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Did you mean 'bfcl'"):
        verdict_of("bfc")
