"""Memories in `toolgym eval`: names and options, what is refused, endpoints, and the built-in policy in the airline."""

import json
from dataclasses import replace
from typing import Any

import gymnasium
import pytest

from toolgym.agents.evaluation import AgentOptions, EvalOptions, evaluate, make_policy
from toolgym.agents.memory import MEMORIES, learn, read_memory, wear, write_memory
from toolgym.agents.memory.graph import GraphOptions
from toolgym.agents.memory.graph_policy import GraphPolicy
from toolgym.agents.memory.worn import Worn
from toolgym.agents.policies import ApiPolicy
from toolgym.agents.policies.api import ApiOptions
from toolgym.agents.rollouts import Start, rollouts
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn
from toolgym.trajectory import read_trajectories


@pytest.fixture
def file(episode, tmp_path):
    """After find_user all of its orders are shown."""
    made = [
        episode(
            f"t{n}",
            "Look at my orders",
            [("find_user", {"name": "x"}, f'{{"name": "x", "orders": ["o{n}"]}}')],
            [("show_order", {"order": f"o{n}"}, "{}")],
        )
        for n in range(3)
    ]
    path = tmp_path / "memory.json"
    write_memory(path, learn(made))
    return path


def test_a_memory_is_chosen_by_its_name_and_options(file, scripted):
    worn = wear(scripted(), "graph:threshold=1,writes=true,similar=0", file)
    assert isinstance(worn, GraphPolicy)
    assert worn.graph.options == GraphOptions(threshold=1.0, writes=True, similar=0)
    assert [wear(scripted(), name, None if name == "mem_tool" else file).name for name in MEMORIES] == list(MEMORIES)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("grahp", "Did you mean 'graph'"),
        ("graph:treshold=1", "Did you mean 'threshold'"),
        ("graph:threshold", "graph: write threshold=VALUE, got 'threshold'"),
        ("graph:threshold=high", "graph: threshold is a number, got 'high'"),
        ("graph:writes=1", "graph: writes is true or false, got '1'"),
        ("graph:order=1.5", "graph: order is a whole number"),
        ("graph:order=1,order=2", "given twice"),
        ("cases:k=0", "k must be at least 1"),
        ("cases", "needs a --memory-file"),
        ("mem_tool", "leave out --memory-file"),
    ],
)
def test_a_memory_that_is_none_is_refused(file, scripted, spec, message):
    with pytest.raises(ConfigError, match=message):
        wear(scripted(), spec, None if spec == "cases" else file)


def test_the_command_line_builds_shows_and_wears(toolgym, desk_env, tmp_path):
    played, memory, output = (tmp_path / name for name in ("train.jsonl", "memory.json", "test.jsonl"))
    assert toolgym("eval", "--env", desk_env, "--split", "train", "--output", played).code == 0
    assert toolgym("memory", "build", played, "--output", memory).code == 0
    again = toolgym("memory", "build", played, "--output", memory)
    assert (again.code, "--overwrite" in again.err) == (2, True)
    assert toolgym("memory", "build", played, "-o", memory, "--overwrite").code == 0
    assert "is a folder" in toolgym("memory", "build", played, "-o", tmp_path).err
    told = json.loads(toolgym("memory", "show", memory, "--json").out)
    assert told["learnt_from"] == [
        {"env_id": desk_env, "split": "train", "tasks": ["desk/bob"], "cases": 1, "solved": 1}
    ]
    shown = toolgym("memory", "show", memory).out
    assert "find_user.result.orders[0]" in shown
    assert "1 of 1" in shown

    test = ("eval", "--env", desk_env, "--memory-file", memory, "--json", "--output", output, "--overwrite")
    done = toolgym(*test, "--memory", "cases", "--split", "train")
    assert (done.code, "learnt from 1 tasks of Test/Desk-v0's split 'train'" in done.err) == (2, True)
    done = toolgym(*test)
    assert (done.code, "--memory-file is of --memory" in done.err) == (2, True)
    done = toolgym(*test, "--memory", "graph", "--search", "best_of:n=2")
    assert (done.code, "--memory or --search, not both" in " ".join(done.err.split())) == (2, True)
    done = toolgym(*test, "--memory", "graph:support=1,similar=0", "--agent", "noop")
    assert json.loads(done.out)["memory"] == {
        **{"spec": "graph:support=1,similar=0", "asked": 1, "own": 0},
        **{"read": 0, "written": 0},
    }
    assert toolgym(*test, "--memory", "cases").code == 0
    (trajectory,) = read_trajectories(output)
    assert [each["task_id"] for each in trajectory.meta["memory"]["shown"]] == ["desk/bob"]
    assert "the memory took 0" in toolgym("eval", "--env", desk_env, "--memory", "mem_tool").out


def test_an_endpoint_reads_the_graphs_turns_as_its_own(chat_server, file, desk_env):
    def calling(name, /, **arguments):
        return {"tool_calls": [{"id": f"c_{name}", "function": {"name": name, "arguments": json.dumps(arguments)}}]}

    chat_server.script = [calling("find_user", name="ann"), calling("cancel_order", order="o1"), "It is cancelled."]
    inner = ApiPolicy(ApiOptions(model="m", base_url=chat_server.url))
    policy = GraphPolicy(inner, read_memory(file), GraphOptions(threshold=0.5, similar=0))
    env = gymnasium.make(desk_env, split="test").unwrapped
    try:
        (rollout,) = rollouts(policy, [env], [Start(options={"task": "desk/ann"})])
    finally:
        policy.close()
    assert rollout.trajectory is not None
    acted = [[call.name for call in step.turn.calls] for step in rollout.trajectory.steps]
    assert (rollout.outcome, acted) == ("solved", [["find_user"], ["show_order"], ["cancel_order"], []])
    second = chat_server.requests[1]["messages"]
    assert [message["role"] for message in second[-4:]] == ["assistant", "tool", "assistant", "tool"]
    for asked, answered in ((-4, -3), (-2, -1)):  # endpoints refuse a call without its result, and the reverse
        assert [call["id"] for call in second[asked]["tool_calls"]] == [second[answered]["tool_call_id"]]
    assert second[-2]["tool_calls"][0]["function"] == {"name": "show_order", "arguments": '{"order": "o1"}'}
    assert policy.tally.own == 1


def test_a_split_of_thousands_is_not_read_to_check_it(file, episode, scripted, monkeypatch):
    def all_of_them(self):
        raise AssertionError("20,000 tasks would be made")

    monkeypatch.setattr("toolgym.composing.domain.ComposedTasks.__iter__", all_of_them)
    policy = wear(scripted(Turn(response="Bye.")), "graph:similar=0", file)
    evaluate(policy, airline("test", 1))
    assert policy.tally.asked == 1
    id = "airline-small-test-01736"
    seen = GraphPolicy(scripted(), learn([episode(id, "x")]), GraphOptions(similar=0))
    one = airline("test", 1)
    with pytest.raises(ConfigError, match=f"'{id}' is one"):
        evaluate(seen, replace(one, env_options={**one.env_options, "task": id}))


def airline(split, count, **options):
    settings = {"size": "small", "prompt": "short"}
    return EvalOptions("ToolGym/Airline-v0", split, count, env_options=settings, **options)


@pytest.mark.slow
def test_the_built_in_policy_with_each_memory_in_the_airline(tmp_path):
    """From gold episodes of the train split: turns are saved, all are counted, and again the same."""
    gold, output = tmp_path / "gold.jsonl", tmp_path / "test.jsonl"
    options = airline("train", 60, output=gold)
    evaluate(make_policy("oracle"), options)
    memory = learn(read_trajectories(gold))
    agent = make_policy("builtin:imperfect", AgentOptions(threads=1))
    found = {}
    for name in ("none", "graph", "graph", "cases"):
        worn = Worn(agent, memory) if name == "none" else wear(agent, name, _written(tmp_path, memory))
        output.unlink(missing_ok=True)
        options = airline("test", 3, output=output)
        report = evaluate(worn, options)
        assert report.overall.infra_errors == 0
        played = read_trajectories(output)
        tally = [trajectory.meta["memory"] for trajectory in played]
        assert sum(each["asked"] + each["own"] for each in tally) == sum(len(each.steps) for each in played)
        again = sorted((each.task_id, [step.turn.text for step in each.steps]) for each in played)
        assert found.setdefault(name, (again, worn.tally)) == (again, worn.tally)
    assert found["graph"][1].own > 0
    assert found["none"][1].own == found["cases"][1].own == 0
    assert found["cases"][1].read > found["none"][1].read
    with pytest.raises(ConfigError, match="which is being evaluated"):
        evaluate(worn, airline("train", 3))


def _written(folder, memory):
    path = folder / "memory.json"
    write_memory(path, memory)
    return path


def test_a_language_model_reads_the_graphs_turns_in_its_own_format(file, desk_env):
    """Its context is the episode as it was played: no token of the graph's turns counts as sampled."""
    agent: Any = make_policy("builtin:clean", AgentOptions(threads=1, max_new_tokens=4))
    worn = GraphPolicy(agent, read_memory(file), GraphOptions(threshold=0.5, similar=0))
    messages = [{"role": "user", "content": "I am ann."}]
    tools = [{"function": {"name": name}} for name in ("find_user", "show_order")]
    env = gymnasium.make(desk_env, split="test").unwrapped
    env.reset()
    opening = worn.start(0, "I am ann.", {"messages": messages, "tools": tools}, env)
    (turn,) = worn.generate([0])
    state = worn._states[0]
    state.calls = (ToolCall("find_user", {"name": "ann"}),)
    result = {"role": "tool", "name": "find_user", "content": '{"name":"ann","orders":["o1"]}'}
    ok = [{"name": "find_user", "outcome": "ok"}]
    assert worn.observe(0, "", {"messages": [result], "calls": ok}) == []
    (own,) = worn.generate([0])
    assert own.text == '<tool_call>{"name": "show_order", "arguments": {"order": "o1"}}</tool_call>'
    assert own.token_ids == []
    shown = {"role": "tool", "name": "show_order", "content": "{}"}
    ids = worn.observe(0, "", {"messages": [shown], "calls": [{"name": "show_order", "outcome": "ok"}]})
    text = agent.tokenizer.decode(ids)
    assert f"<|assistant|>{own.text}<|end|><|tool|>{{}}<|end|><|assistant|>" in text
    held = agent.decoder._open[0]
    assert held.length + len(held.pending) <= len(opening) + len(turn.token_ids) + len(ids)
    assert worn.tally.own == 0
    worn.end(0)
    assert worn.tally.own == 1
