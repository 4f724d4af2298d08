"""The API policy against a local server that speaks OpenAI's chat protocol over real HTTP."""

import json

import pytest

from toolgym.agents.evaluation.evaluation import EvalOptions, evaluate, make_policy
from toolgym.agents.policies.api import ApiOptions, ApiPolicy
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.errors import ConfigError, OpeningError
from toolgym.mcp.session import ToolSpec
from toolgym.messages import parse
from toolgym.observations import Prompt
from toolgym.opening import open_env

TOOLS = [{"type": "function", "function": {"name": "cancel", "parameters": {"type": "object", "properties": {}}}}]

OUTGROWN = [  # as OpenAI and other servers say it
    {
        "message": "This model's maximum context length is 8192 tokens. However, you requested 9012 tokens.",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    },
    {
        "code": 400,
        "message": "request (9012 tokens) exceeds the available context size (8192 tokens), try increasing it",
        "type": "exceed_context_size_error",
    },
    {"message": "The prompt (length 9012) exceeds the model's maximum context of 8192", "type": "BadRequestError"},
    {"message": "Your input exceeds the context window of this model. Please adjust your input and try again."},
    {"message": "prompt is too long: 209012 tokens > 200000 maximum", "type": "invalid_request_error"},
    {"message": "The input token count (9012) exceeds the maximum number of tokens allowed (8192).", "code": 400},
    {"message": "This model's maximum prompt length is 8192 but the request contains 9012 tokens."},
    {"message": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192. Given: 9012 tokens"},
    {"message": "Input validation error: `inputs` must have less than 8192 tokens. Given: 9012"},
]


@pytest.fixture(name="server")
def running_server(chat_server):
    return chat_server


@pytest.fixture(name="policy")
def made_policy(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    policy = ApiPolicy(ApiOptions("test-model", base_url=server.url, longest_wait_s=0.05, attempts=3, timeout_s=5))
    yield policy
    policy.close()


def start(policy: ApiPolicy, slot: int = 0) -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": f"Cancel trip {slot}."}]
    policy.start(slot, f"Be kind.\n\nCancel trip {slot}.", {"messages": messages, "tools": TOOLS})


def tool_call(call_id: str, arguments: str = "{}") -> dict:
    return {"id": call_id, "type": "function", "function": {"name": "cancel", "arguments": arguments}}


def test_native_calls_and_their_results(server, policy):
    start(policy)
    server.script = [
        {"content": None, "tool_calls": [tool_call("c1", '{"trip": 7}'), tool_call("c2")]},
        {"content": "All done."},
    ]
    first = policy.generate([0])[0]
    turn = parse(first.text)
    assert [(call.name, call.arguments) for call in turn.calls] == [("cancel", {"trip": 7}), ("cancel", {})]
    assert not turn.problems
    results = [{"role": "tool", "name": "cancel", "content": "ok"}, {"role": "tool", "name": "cancel", "content": "no"}]
    policy.observe(0, "ok\nno", {"messages": results})
    second = policy.generate([0])[0]
    assert parse(second.text).response == "All done."
    assert server.requests[0]["tools"] == TOOLS
    assert server.requests[0]["model"] == "test-model"
    assert server.requests[0]["path"] == "/v1/chat/completions"
    sent = server.requests[1]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "tool"]
    assert [message["tool_call_id"] for message in sent[3:]] == ["c1", "c2"]
    assert [message["content"] for message in sent[3:]] == ["ok", "no"]


def test_the_system_message_does_not_ask_for_another_way_to_call(server, policy):
    specs = [ToolSpec("cancel", "Cancels.", {"type": "object"})]
    prompt = Prompt("Be kind.\n\n# Tools\n\nUse them.", specs, "auto", user_answers=False, full=True)
    policy.start(0, prompt.text("Hello."), {"messages": prompt.messages("Hello."), "tools": prompt.tools()})
    policy.generate([0])
    system = server.requests[0]["messages"][0]["content"]
    assert system.startswith("# Policy\n\nBe kind.\n\n# Tools\n\nUse them.")
    assert "ends the task" in system
    assert "<tool_call>" in prompt.system
    assert "<tool_call>" not in system
    assert "JSON Schema" not in system
    assert server.requests[0]["messages"][1] == {"role": "user", "content": "Hello."}


def test_every_call_gets_an_answer_even_where_the_turn_was_cut_short(server, policy):
    start(policy)
    server.script = [{"content": "", "tool_calls": [tool_call("c1"), tool_call("c2")]}]
    policy.generate([0])
    policy.observe(0, "the second call was not run", {"messages": [{"role": "tool", "content": "ok"}]})
    policy.generate([0])
    assert [m.get("tool_call_id") for m in server.requests[1]["messages"][3:]] == ["c1", "c2"]


def test_calls_in_the_text_are_answered_as_text(server, policy):
    start(policy)
    server.script = [{"content": '<tool_call>{"name": "cancel", "arguments": {}}</tool_call>'}]
    assert parse(policy.generate([0])[0].text).calls[0].name == "cancel"
    policy.observe(0, "ok", {"messages": [{"role": "tool", "content": "ok"}]})
    policy.generate([0])
    assert server.requests[1]["messages"][-1] == {
        "role": "user",
        "content": "<tool_response>ok</tool_response>",
    }


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("native", [False, True])
def test_images_are_sent_to_a_model_that_reads_them(server, images, native):
    """Otherwise their description; never the field that the environment keeps them in."""
    policy = ApiPolicy(ApiOptions("m", base_url=server.url, images=images))
    start(policy)
    text = {"type": "text", "text": "[image image/png, 8 bytes]"}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    message = {"role": "tool", "name": "look", "content": text["text"], "parts": [text, image]}
    call = {"tool_calls": [tool_call("c1")]} if native else {}
    server.script = [{"content": '<tool_call>{"name": "cancel", "arguments": {}}</tool_call>', **call}]
    policy.generate([0])
    policy.observe(0, text["text"], {"messages": [message]})
    policy.generate([0])
    policy.close()
    sent = server.requests[1]["messages"][-1]
    assert "parts" not in sent
    assert isinstance(sent["content"], list) is images
    assert ("image_url" in str(sent["content"])) is images
    if native:
        assert sent["content"] == ([text, image] if images else text["text"])
        assert sent["tool_call_id"] == "c1"


def test_text_mode_sends_observations_only(server):
    policy = ApiPolicy(ApiOptions("m", base_url=server.url, calls="text", temperature=0.5, max_tokens=64, seed=3))
    start(policy)
    policy.generate([0])
    policy.observe(0, "next", {"messages": [{"role": "tool", "content": "other"}]})
    policy.generate([0])
    policy.close()
    assert "tools" not in server.requests[0]
    assert [m["content"] for m in server.requests[1]["messages"]] == ["Be kind.\n\nCancel trip 0.", "Done.", "next"]
    assert [server.requests[0][name] for name in ("temperature", "max_tokens", "seed")] == [0.5, 64, 3]


def test_passing_failures_are_retried(server, policy):
    start(policy)
    server.script = [
        (429, {"Retry-After": "0"}, "slow down"),
        (503, {}, "busy"),
        {"content": "At last.", "finish": "length"},
    ]
    completion = policy.generate([0])[0]
    assert (completion.text, completion.stop) == ("At last.", "length")
    assert len(server.requests) == 3


def test_thoughts_come_along_in_every_form(server, policy):
    start(policy)
    calls = [tool_call("c1", '{"trip": 7}')]
    server.script = [
        {"content": "<think>hm</think>", "tool_calls": calls},
        {"content": "", "reasoning_content": "hm", "tool_calls": calls},
        {"content": "Let me look.", "reasoning": "hm <answer>", "tool_calls": calls},
        {"content": "Done.", "reasoning_content": "hm </think>"},
        {"content": "hm</think>Done."},
        {"content": None, "reasoning_content": "hm"},
    ]
    turns = []
    for _ in range(len(server.script)):
        turns.append(parse(policy.generate([0])[0].text))
        policy.observe(0, "ok", {"messages": [{"role": "tool", "content": "ok"}] if turns[-1].calls else []})
    assert [turn.plan for turn in turns] == ["hm", "hm", "hm <answer>\nLet me look.", "hm </think>", "hm", "hm"]
    assert [len(turn.calls) for turn in turns] == [1, 1, 1, 0, 0, 0]
    assert [turn.response for turn in turns] == [None, None, None, "Done.", "Done.", None]
    assert [[problem.kind for problem in turn.problems] for turn in turns] == [[]] * 5 + [["empty"]]


@pytest.mark.parametrize("reason", ["length", "max_tokens", "content_filter"])
def test_a_message_that_was_cut_is_not_carried_out(server, cloakroom, monkeypatch, reason):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    policy = make_policy("api:test-model")
    half = [tool_call("c1"), tool_call("c2", '{"trip": ')]
    server.script = [{"content": "", "tool_calls": half, "finish": reason}, {"content": "It is do", "finish": reason}]
    (rollout,) = rollouts(policy, [open_env(cloakroom)], [Start(seed=0)])
    assert rollout.cut == [0, 1]
    steps = rollout.trajectory.steps
    assert [(step.turn.calls, step.turn.response, step.results) for step in steps[:2]] == [((), None, ())] * 2
    assert steps[2].turn.response == "Done."
    # Endpoints refuse a call without an answer: none is sent, and the model is told what happened.
    sent = server.requests[-1]["messages"]
    assert not any("tool_calls" in message or message["role"] == "tool" for message in sent)
    assert all("cut off before its end" in message["content"] for message in sent[-3::2])
    policy.close()


def test_lasting_failures_are_the_infrastructures(server, policy):
    start(policy, 0)
    start(policy, 1)
    server.script = [(500, {}, "broken")] * 6
    completions = policy.generate([0, 1])
    assert [completion.stop for completion in completions] == ["error", "error"]
    assert "500" in completions[0].text
    # Nothing was added to the conversation, so the episode could go on.
    assert policy.generate([0])[0].text == "Done."


@pytest.mark.parametrize("text", ["not json", "{}", '{"choices": []}'])
def test_a_reply_that_is_no_completion_is_retried(server, policy, text):
    start(policy)
    server.script = [(200, {}, text), {"content": "Better."}]
    assert policy.generate([0])[0].text == "Better."


@pytest.mark.parametrize("calls", [[None], ["cancel"], {"id": "c1"}, "cancel", 1, [tool_call("c1"), None]])
def test_calls_that_are_no_list_of_objects_are_asked_for_again(server, policy, cloakroom, calls):
    start(policy)
    server.script = [{"content": "", "tool_calls": calls}, "Better."]
    assert policy.generate([0])[0].text == "Better."
    server.default = {"content": "", "tool_calls": calls}
    (rollout,) = rollouts(policy, [open_env(cloakroom)], [Start(seed=0)])
    assert rollout.outcome == "infra_error"
    assert "tool_calls is no list of objects" in rollout.error


BROKEN_CALLS = [
    tool_call("b1", '{"trip": '),
    tool_call("b2", "[7]"),
    {"id": "b3", "type": "function", "function": {"arguments": "{}"}},
]
"""No arguments that are an object, and no name."""


@pytest.mark.parametrize("broken", BROKEN_CALLS)
@pytest.mark.parametrize("first", [True, False])
def test_a_result_stands_under_its_own_call_where_another_cannot_be_read(server, policy, cloakroom, broken, first):
    """Servers read the arguments of a conversation as JSON: what is none is text there."""
    look = tool_call("c1", '{"ticket": "T1"}')
    look["function"]["name"] = "look"
    server.script = [{"content": "I look.", "tool_calls": [broken, look] if first else [look, broken]}, "Done."]
    rollouts(policy, [open_env(cloakroom)], [Start(seed=0)])
    turn, result, problem = server.requests[-1]["messages"][-3:]
    assert turn["tool_calls"] == [look]
    assert turn["content"] == f"I look.\n{json.dumps({'tool_calls': [broken]})}"
    assert (result["role"], result["tool_call_id"], "coat 1" in result["content"]) == ("tool", "c1", True)
    assert (problem["role"], "<problem>" in problem["content"]) == ("user", True)


def test_a_turn_of_nothing_but_broken_calls_has_none_in_the_conversation(server, policy, cloakroom):
    server.script = [{"content": None, "tool_calls": BROKEN_CALLS}, "Done."]
    rollouts(policy, [open_env(cloakroom)], [Start(seed=0)])
    turn, problem = server.requests[-1]["messages"][-2:]
    assert turn == {"role": "assistant", "content": json.dumps({"tool_calls": BROKEN_CALLS})}
    assert (problem["role"], "<problem>" in problem["content"]) == ("user", True)


@pytest.mark.parametrize("reason", ["error", "abort", "cancelled"])
def test_an_answer_that_the_server_broke_off_is_asked_for_again(server, policy, cloakroom, reason):
    start(policy)
    server.script = [{"content": "", "finish": reason}, "Better."]
    assert policy.generate([0])[0].text == "Better."
    server.default = {"content": "Half a", "finish": reason}
    (rollout,) = rollouts(policy, [open_env(cloakroom)], [Start(seed=0)])
    assert (rollout.outcome, len(rollout.spans)) == ("infra_error", 0)
    assert f"the server broke the answer off ({reason})" in rollout.error


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_conversation_that_is_refused_ends_its_episode_alone(server, policy, cloakroom, status):
    """A content filter's, say. What is refused from the first request on is the key, the model or an option."""
    refused = (status, {}, '{"error": {"code": "content_filter", "message": "The prompt was filtered."}}')
    server.script = [{"content": "", "tool_calls": [tool_call("c1")]}, refused, "Done."]
    filtered, other = rollouts(policy, [open_env(cloakroom)], [Start(seed=0), Start(seed=1)])
    assert (filtered.outcome, len(filtered.spans)) == ("infra_error", 1)
    assert "The prompt was filtered." in filtered.error
    assert other.trajectory.steps[-1].turn.response == "Done."
    server.script = [(401, {}, "the key was withdrawn")]
    with pytest.raises(ConfigError, match="the key was withdrawn"):
        rollouts(policy, [open_env(cloakroom)], [Start(seed=0)])
    new = ApiPolicy(ApiOptions("test-model", base_url=server.url))
    server.script = [refused]
    with pytest.raises(ConfigError, match="The prompt was filtered"):
        rollouts(new, [open_env(cloakroom)], [Start(seed=0)])
    new.close()


def test_a_time_out_is_retried(server):
    policy = ApiPolicy(ApiOptions("m", base_url=server.url, timeout_s=0.5, attempts=4, longest_wait_s=0.01))
    start(policy)
    server.script = [2.0, {"content": "In time."}]
    assert policy.generate([0])[0].text == "In time."
    assert len(server.requests) > 1
    policy.close()


def test_refusals_name_the_cause(server, policy):
    start(policy)
    server.script = [(404, {}, "model not found")]
    with pytest.raises(ConfigError, match=r"404.*model not found.*'test-model'"):
        policy.generate([0])
    assert len(server.requests) == 1


@pytest.mark.parametrize("error", OUTGROWN)
def test_an_outgrown_context_ends_its_episode_alone(server, policy, cloakroom, error):
    look = {"content": "", "tool_calls": [tool_call("c1")]}
    server.script = [look, (400, {}, json.dumps({"error": error})), "Done."]
    outgrown, other = rollouts(policy, [open_env(cloakroom)], [Start(seed=0), Start(seed=1)])
    assert (outgrown.outcome, outgrown.truncation, len(outgrown.spans)) == ("truncated", "tokens", 1)
    assert other.trajectory.steps[-1].turn.response == "Done."


def test_an_opening_that_fills_an_endpoints_context_is_said_without_a_count(server, policy, cloakroom):
    server.script = [(400, {}, json.dumps({"error": OUTGROWN[0]}))]
    with pytest.raises(OpeningError, match=r"^the opening fills .* longer context.*shorten the observation") as caught:
        rollouts(policy, [open_env(cloakroom)], [Start(seed=0)])
    assert "context_tokens" not in str(caught.value)


def test_slots_run_at_once_and_keep_their_order(server, policy):
    for slot in range(8):
        start(policy, slot)
    server.script = [0.3] * 8
    assert len(policy.generate(list(range(8)))) == 8
    assert server.most_busy > 1
    assert sorted(m["messages"][1]["content"] for m in server.requests) == [f"Cancel trip {i}." for i in range(8)]


@pytest.mark.parametrize("concurrency", [0, -1])
def test_no_request_at_once_is_refused(concurrency):
    with pytest.raises(ConfigError, match=f"concurrency must be at least 1, got {concurrency}"):
        ApiOptions("m", concurrency=concurrency)


def test_keys(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        ApiPolicy(ApiOptions("m"))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-local")
    policy = ApiPolicy(ApiOptions("m"))
    start(policy)
    policy.generate([0])
    policy.close()
    assert server.headers[0]["Authorization"] == "Bearer sk-local"
    assert "sk-other" not in repr(ApiOptions("m", api_key="sk-other"))


def test_a_whole_evaluation_through_the_endpoint(server, cloakroom, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    policy = make_policy("api:test-model")
    assert isinstance(policy, ApiPolicy)
    # The server answers "Done." to everything: right where nothing may be done, in 2 of the 20 tasks.
    report = evaluate(policy, EvalOptions(cloakroom, episodes=20), agent="api:test-model")
    assert report.to_json()["pass@1"] == pytest.approx(0.1)
    first = evaluate(policy, EvalOptions(cloakroom, episodes=1), agent="api:test-model").to_json()
    ticket = server.requests[-1]["messages"][-1]["content"].rpartition(" ")[2].rstrip(".")
    names = ["look", "hand_out"]
    calls = [
        {"id": name, "type": "function", "function": {"name": name, "arguments": json.dumps({"ticket": ticket})}}
        for name in names
    ]
    server.script = [{"content": "", "tool_calls": calls}, {"content": "Here it is."}]
    second = evaluate(policy, EvalOptions(cloakroom, episodes=1), agent="api:test-model").to_json()
    policy.close()
    assert (first["pass@1"], second["pass@1"]) == (0.0, 1.0)
    assert [message["role"] for message in server.requests[-1]["messages"][-2:]] == ["tool", "tool"]


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47}, (40, 7)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, (0, 0)),
        ({"prompt_tokens": 40}, None),
        ({"prompt_tokens": "40", "completion_tokens": 7}, None),
        ({"prompt_tokens": -1, "completion_tokens": True}, None),
        ([], None),
        (None, None),
    ],
)
def test_tokens_are_counted_as_the_server_does(usage, counted, server, policy):
    start(policy)
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": "Done."}}
    server.script = [(200, {}, json.dumps({"choices": [choice], "usage": usage}))]
    assert policy.generate([0])[0].usage == counted
