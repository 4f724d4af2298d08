"""NeMo Gym: our environments as one of its resources servers, over HTTP, with the bodies that its agents send."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.experts import expert_turns
from tests.adapters.nemo_gym_client import Rollout, called, one_by_one, response, said, served
from tests.adapters.peers import run_apart
from toolgym.adapters.chat import ChatEpisode
from toolgym.adapters.nemo_gym import nemo_gym_app, nemo_gym_rows
from toolgym.adapters.responses import items_of, last_message, message_of
from toolgym.agents.policies.scripted import gold_turns
from toolgym.errors import ConfigError, InfraError
from toolgym.mcp.inprocess import InProcessSession
from toolgym.mcp.session import ToolSpec
from toolgym.opening import open_env

SMALL: dict[str, Any] = {"size": "small"}
LIBRARY = "ToolGym/Library-v0"


@pytest.fixture(scope="module")
def library():
    with served(nemo_gym_app(LIBRARY, **SMALL)) as url:
        yield url


@pytest.fixture(scope="module")
def rows():
    return list(nemo_gym_rows(LIBRARY, 8, **SMALL))


def begun(url: str, row: dict[str, Any]) -> Rollout:
    rollout = Rollout(url)
    answer = rollout.post("/seed_session", row)
    assert (answer.status, answer.json()) == (200, {})
    return rollout


def play_gold(rollout: Rollout, task: Any) -> list[dict[str, Any]]:
    """Posts the gold chain's calls; gives all that the model would have put out."""
    output = []
    for turn in gold_turns(task):
        output += called(turn)
        for call in turn.calls:
            rollout.post(f"/{call.name}", call.arguments)
    return output


# Played by calls ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", [LIBRARY, "ToolGym/Bank-v0", "ToolGym/Airline-v0"])
def test_the_gold_chain_over_the_wire_is_the_episode_in_process(env_id: str) -> None:
    env = open_env(env_id, **SMALL)
    with served(nemo_gym_app(env_id, **SMALL)) as url:
        for row in nemo_gym_rows(env_id, 2, **SMALL):
            env.reset(options={"task": row["task_id"]})
            rollout, output, total = begun(url, row), [], 0.0
            for turn in gold_turns(env.task):
                output += called(turn)
                for call, action in zip([*turn.calls, None], one_by_one(turn), strict=False):
                    _, reward, _, _, info = env.step(action)
                    total += reward
                    if call is None:
                        continue
                    answer = rollout.post(f"/{call.name}", call.arguments)
                    assert answer.text == info["messages"][-1]["content"]
                    assert (answer.status, answer.headers["toolgym-outcome"]) == (200, "ok")
            verified = rollout.verify(row, output)
            assert (verified["reward"], verified["solved"], verified["outcome"]) == (1.0, True, "solved")
            assert verified["reward"] == total
            assert verified["steps"] == len(env.trajectory.steps)
            assert sum(verified["reward_components"].values()) == pytest.approx(1.0)
            state = sum(step.rewards["state"] for step in env.trajectory.steps)
            assert verified["term/state"] == state == 1.0
            assert verified["responses_create_params"] == row["responses_create_params"]
            assert verified["response"]["output"] == output
    env.close()


def test_wrong_calls_are_answered_as_in_process_and_by_type(library, rows) -> None:
    env = open_env(LIBRARY, **SMALL)
    env.reset(options={"task": rows[0]["task_id"]})
    rollout = begun(library, rows[0])
    wrong = [
        ("no_tool", {"a": 1}, 404, "unknown_tool"),
        ("get_member", {"member": 3}, 422, "invalid_arguments"),
        ("get_member", {"member_id": "nobody"}, 400, "tool_error"),
    ]
    for name, arguments, status, outcome in wrong:
        answer = rollout.post(f"/{name}", arguments)
        *_, info = env.step(f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>")
        assert (answer.status, answer.headers["toolgym-outcome"]) == (status, outcome), answer.text
        assert answer.text == info["messages"][-1]["content"]
    for content in (b"[1]", b'"text"', b"{", b"\xff", b"[" * 5000):
        answer = rollout.post("/get_member", content=content)
        assert (answer.status, answer.headers["toolgym-outcome"]) in ((409, "not_run"), (422, "invalid_arguments"))
        assert answer.text
    verified = rollout.verify(rows[0], [said("I cannot do that.")])
    assert (verified["solved"], verified["outcome"] != "infra_error", verified["steps"]) == (False, True, 9)
    assert "_ng_failure_class" not in verified


def test_a_model_that_calls_endpoints_as_tools_stays_in_its_episode(library, rows) -> None:
    rollout = begun(library, rows[0])
    mine = rollout.cookies
    for name, arguments, status in [
        ("seed_session", rows[1], 409),
        ("reset", rows[1], 409),
        ("step", {}, 409),
        ("close", {}, 409),
        ("verify", {}, 422),
        ("aggregate_metrics", {"verify_responses": []}, 200),
    ]:
        assert rollout.post(f"/{name}", arguments).status == status
        assert rollout.cookies == mine
    verified = rollout.verify(rows[0], [said("No.")])
    assert (verified["task_id"], verified["steps"]) == (rows[0]["task_id"], 1)


def test_sessions_do_not_mix(library, rows) -> None:
    env = open_env(LIBRARY, **SMALL)
    tasks = [env.tasks.by_id(row["task_id"]) for row in rows]
    rollouts = [begun(library, row) for row in rows]
    assert len({rollout.cookies["toolgym_episode"] for rollout in rollouts}) == len(rows)

    def play(number: int) -> dict[str, Any]:
        if number % 2:  # these answer at once, while the others play
            return rollouts[number].verify(rows[number], [said("No.")])
        return rollouts[number].verify(rows[number], play_gold(rollouts[number], tasks[number]))

    with ThreadPoolExecutor(len(rows)) as pool:
        verified = list(pool.map(play, range(len(rows))))
    assert [each["solved"] for each in verified] == [True, False] * 4
    assert [each["task_id"] for each in verified] == [task.id for task in tasks]


def test_a_verdict_is_final_and_said_again(library, rows) -> None:
    rollout = begun(library, rows[1])
    first = rollout.verify(rows[1], [])  # no answer at all: the episode was left
    assert (first["outcome"], first["solved"], first["steps"]) == (None, False, 0)
    after = rollout.post("/get_member", {"member_id": "nobody"})
    assert (after.status, after.headers["toolgym-outcome"]) == (409, "not_run")
    assert rollout.verify(rows[1], [said("Done.")])["steps"] == 0
    again = rollout.post("/seed_session", rows[1])  # a model that calls a tool of this name
    assert again.status == 409
    assert "cookie" in again.json()["detail"]


def test_an_answer_that_was_cut_off_is_none(library, rows) -> None:
    verified = begun(library, rows[0]).verify(
        rows[0], [said("I cannot")], incomplete_details={"reason": "max_output_tokens"}
    )
    assert verified["outcome"] is None or verified["outcome"] == "truncated"
    assert verified["steps"] == 1


def test_a_session_that_is_not_there(library, rows) -> None:
    rollout = Rollout(library)
    for cookies in ({}, {"toolgym_episode": "guessed"}):
        rollout.cookies = cookies
        answer = rollout.post("/get_member", {"member_id": "nobody"})
        assert (answer.status, "not seeded" in answer.json()["detail"]) == (400, True)
        rollout.cookies = cookies
        verified = rollout.verify(rows[0], [said("Done.")])
        assert (verified["reward"], verified["_ng_failure_class"]) == (0.0, "no_session")
        rollout.cookies = cookies
        assert rollout.post("/step", {"response": response([])}).status == 400
    mine = begun(library, rows[0])  # begun by calls, it takes no messages
    assert mine.post("/step", {"response": response([said("No.")])}).status == 409


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/seed_session", b""),
        ("/seed_session", b"[]"),
        ("/seed_session", b'{"task_id": 3}'),
        ("/seed_session", b'{"task_id": "library-no-such"}'),
        ("/seed_session", b'{"task_id": "library-small-train-00000", "env": "ToolGym/Bank-v0"}'),
        ("/reset", b"{"),
        ("/verify", b"\xff"),
        ("/verify", b"{}"),
        ("/verify", b'{"response": {"output": "text"}}'),
        ("/aggregate_metrics", b"{}"),
        ("/aggregate_metrics", b'{"verify_responses": [{"_ng_task_index": []}]}'),
    ],
)
def test_a_malformed_body_is_refused_and_says_why(library, path: str, content: bytes) -> None:
    answer = Rollout(library).post(path, content=content)
    assert answer.status == 422
    assert answer.json()["detail"]


def test_sessions_have_limits(rows) -> None:
    now = [0.0]
    with served(nemo_gym_app(LIBRARY, sessions=2, idle_s=10.0, clock=lambda: now[0], **SMALL)) as url:
        first, second = begun(url, rows[0]), begun(url, rows[1])
        third = begun(url, rows[2])  # the first was used least recently
        gone = first.verify(rows[0], [said("No.")])
        assert (gone["_ng_failure_class"], "expired" in gone["failure"]) == ("no_session", True)
        now[0] = 11.0
        begun(url, rows[3])  # the others were idle for too long
        assert "_ng_failure_class" in second.verify(rows[1], [said("No.")])
        assert "_ng_failure_class" in third.verify(rows[2], [said("No.")])
    with pytest.raises(ConfigError, match="sessions"):
        nemo_gym_app(LIBRARY, sessions=0)


def test_what_the_infrastructure_broke_is_no_result(library, rows, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Any, call: Any) -> Any:
        raise InfraError("the server is gone")

    rollout = begun(library, rows[0])
    reset = Rollout(library)
    reset.post("/reset", rows[0])
    monkeypatch.setattr(InProcessSession, "call", fails)
    answer = rollout.post("/get_member", {"member_id": "nobody"})
    assert (answer.status, answer.headers["toolgym-outcome"]) == (500, "infra_error")
    verified = rollout.verify(rows[0], [said("Sorry.")])
    assert (verified["reward"], verified["_ng_failure_class"]) == (0.0, "infra_error")
    assert "the server is gone" in verified["failure"]
    call = {"type": "function_call", "call_id": "a", "name": "get_member", "arguments": "{}"}
    assert reset.post("/step", {"response": response([call])}).status == 503


def test_a_reward_that_is_no_score_is_no_result(library, rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChatEpisode, "total", math.nan)
    verified = begun(library, rows[0]).verify(rows[0], [said("Sorry.")])
    assert (verified["reward"], verified["_ng_failure_class"]) == (0.0, "no_score")


# Played by messages ------------------------------------------------------------------------------------------------


def test_messages_are_steps_and_users_answer() -> None:
    env = open_env("ToolGym/Telecom-v0", **SMALL)
    (row,) = nemo_gym_rows("ToolGym/Telecom-v0", 1, **SMALL)
    env.reset(options={"task": 0})
    with served(nemo_gym_app("ToolGym/Telecom-v0", **SMALL)) as url:
        refused = Rollout(url).post("/seed_session", row)
        assert (refused.status, "gymnasium_agent" in refused.json()["detail"]) == (422, True)
        rollout, heard, told = Rollout(url), 0, {}
        begun = rollout.post("/reset", row).json()
        assert begun == {"observation": None, "info": {"supports_explicit_close": True}}
        for turn in expert_turns(env.task):
            _, reward, terminated, truncated, info = env.step(json.dumps(message_of(called(turn))))
            told = rollout.post("/step", {**row, "response": response(called(turn))}).json()
            assert (told["reward"], told["terminated"], told["truncated"]) == (reward, terminated, truncated)
            outputs = [message["content"] for message in info["messages"] if message["role"] == "tool"]
            assert [each["output"] for each in told["info"]["tool_outputs"]] == outputs
            assert [each["call_id"] for each in told["info"]["tool_outputs"]] == [
                f"call_{number}" for number in range(len(turn.calls))
            ]
            heard += told["observation"] is not None
            if terminated or truncated:
                break
        assert (told["info"]["solved"], told["info"]["outcome"], heard > 0) == (True, "solved", True)
        assert rollout.post("/step", {**row, "response": response([])}).status == 409
        assert rollout.post("/close", {}).status == 200
    env.close()


# Rows, figures and the rest of the interface -----------------------------------------------------------------------


def test_a_row_is_the_opening_of_its_episode(rows) -> None:
    env = open_env(LIBRARY, **SMALL)
    row = next(nemo_gym_rows(LIBRARY, 1, agent="ours", **SMALL))
    assert row == {**rows[0], "agent_ref": {"type": "responses_api_agents", "name": "ours"}}
    assert row["task_id"] == env.tasks[0].id
    assert row["env"] == LIBRARY
    system, user = row["responses_create_params"]["input"]
    assert (system["role"], user) == ("system", {"role": "user", "content": env.tasks[0].request})
    assert env.policy in system["content"]
    tools = row["responses_create_params"]["tools"]
    assert [tool["name"] for tool in tools] == [tool.name for tool in env.tools]
    assert all((tool["type"], tool["parameters"]["type"]) == ("function", "object") for tool in tools)
    assert set(row) == {"responses_create_params", "task_id", "env", "agent_ref"}
    with pytest.raises(ConfigError, match="count must be from 1"):
        nemo_gym_rows(LIBRARY, 10**6, **SMALL)


def test_figures_are_those_of_the_rows(library) -> None:
    # Task 0: rewards 1 and 0, so mean 0.5 and standard deviation sqrt(0.5) (n - 1 = 1); task 1: one reward, 0.25.
    # All: mean 1.25 / 3, median 0.25. Tokens are read from the response's usage; names with _ are none.
    usage = {"usage": {"input_tokens": 10}}
    verified = [
        {"_ng_task_index": 0, "_ng_rollout_index": 0, "reward": 1.0, "solved": True, "response": usage},
        {"_ng_task_index": 1, "_ng_rollout_index": 0, "reward": 0.25, "solved": False, "outcome": "unsolved"},
        {"_ng_task_index": 0, "_ng_rollout_index": 1, "reward": 0.0, "solved": False, "response": None},
    ]
    found = Rollout(library).post("/aggregate_metrics", {"verify_responses": verified}).json()
    first, second = found["group_level_metrics"]
    assert (first["_ng_task_index"], first["num_rollouts"], first["mean/reward"]) == (0, 2, 0.5)
    assert (first["std/reward"], first["mean/input_tokens"]) == (pytest.approx(math.sqrt(0.5)), 10.0)
    assert (second["_ng_task_index"], second["mean/reward"], second["std/reward"]) == (1, 0.25, 0.0)
    assert found["agent_metrics"]["mean/reward"] == pytest.approx(1.25 / 3)
    assert found["agent_metrics"]["median/reward"] == 0.25
    assert found["key_metrics"]["mean/solved"] == pytest.approx(1 / 3)
    assert set(found["key_metrics"]) == {"mean/reward", "mean/solved", "mean/input_tokens"}
    nothing = Rollout(library).post("/aggregate_metrics", {"verify_responses": []}).json()
    assert nothing == {"group_level_metrics": [], "agent_metrics": {}, "key_metrics": {}}


def test_requests_that_are_observed_are_the_same_requests(library, rows) -> None:
    rollout = Rollout(library, "/ng-rollout/0-3-a1")
    assert rollout.post("/seed_session", rows[0]).status == 200
    assert rollout.post("/get_member", {"member_id": "nobody"}).headers["toolgym-outcome"] == "tool_error"
    assert rollout.verify(rows[0], [said("No.")])["steps"] == 2


def test_a_tool_with_the_name_of_an_endpoint_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    verify = ToolSpec("verify", "Verifies.", {"type": "object", "properties": {}})
    monkeypatch.setattr(InProcessSession, "tools", (verify,))
    with pytest.raises(ConfigError, match=r"\['verify'\] have the names of NeMo Gym's own endpoints"):
        nemo_gym_app(LIBRARY, size="small", split="validation")


def test_what_is_wrong_is_said_before_anybody_connects() -> None:
    with pytest.raises(ConfigError, match="Did you mean"):
        nemo_gym_app("ToolGym/Librery-v0")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text"]), inner, max_size=2),
    max_leaves=5,
)
kinds = st.sampled_from(["message", "reasoning", "function_call", "function_call_output", "other"])
keys = st.sampled_from(["content", "summary", "name", "arguments", "call_id"])
outputs = st.lists(
    st.builds(lambda kind, rest: {**rest, "type": kind}, kinds, st.dictionaries(keys, json_values)) | json_values,
    max_size=5,
)


@given(output=outputs)
def test_any_output_is_a_message(output: list[Any]) -> None:
    message = message_of(output)
    kinds = [item.get("type") if isinstance(item, dict) else None for item in output]
    assert len(message.get("tool_calls", [])) == kinds.count("function_call")
    assert isinstance(message["content"], str)
    last = last_message(output)
    assert last is None or "tool_calls" not in last


def test_an_opening_with_calls_and_answers_is_items() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    opening = [
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "content": "7", "tool_call_id": "a"},
    ]
    assert [item for message in opening for item in items_of(message)] == [
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "7"},
    ]


# The command line, and the real package ----------------------------------------------------------------------------


def test_the_command_line(toolgym, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    done = toolgym("tasks", "rows", LIBRARY, "--set", "size=small", "-n", 3, "--output", file)
    assert (done.code, "with 3 rows" in done.err) == (0, True)
    assert [json.loads(line) for line in file.read_text().splitlines()] == list(nemo_gym_rows(LIBRARY, 3, **SMALL))
    for words in (["--token", "a"], ["--host", "0.0.0.0"]):
        done = toolgym("serve", LIBRARY, "--protocol", "nemo-gym", *words)
        assert (done.code, "NeMo Gym's protocol has no tokens" in done.err) == (2, True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_beside_the_real_package(tmp_path: Path) -> None:
    run_apart(tmp_path / "venv", 12, ["nemo-gym"], Path(__file__).with_name("inside_nemo_gym.py"))
